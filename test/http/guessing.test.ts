import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { json } from '../support/browser-jar.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

const from = (address: string) => ({ 'X-Forwarded-For': address })
const pathOf = ({ link }: ShareAnswer): string => new URL(link.url).pathname

/** Unlocks a link by the API; answers the status and the cookies as a browser keeps them. */
async function unlock(
  web: TestWeb,
  path: string,
  password: string,
  address: string,
  cookies = '',
): Promise<{ status: number; wait: number; cookies: string }> {
  const headers = { ...from(address), ...(cookies === '' ? {} : { Cookie: cookies }) }
  const res = await fetch(`${web.url}/api/v1${path}/unlock`, json('POST', { password }, headers))
  const kept = res.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '')
  return {
    status: res.status,
    wait: Number(res.headers.get('retry-after') ?? 0),
    cookies: kept.filter((cookie) => cookie.startsWith('mayfly-here-')).join('; '),
  }
}

const times = <T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => work(n)))

describe('protection 50: strangers who guess lock nobody out', () => {
  let web: TestWeb
  beforeAll(async () => {
    web = await startWeb({ settings: { trustProxy: 1 }, passwords: argon2Passwords() })
  })
  afterAll(() => web.close())

  const share = async (fields: Record<string, string> = { password: 'sesame' }) =>
    postShare(web.url, { 'a.jpg': await jpeg() }, fields)

  it('45 unlocks at once, of one link or of many, leave the right password its turn', async () => {
    const shares = await times(9, () => share())
    const floods = times(45, (n) => unlock(web, pathOf(shares[n % 8] ?? shares[0]!), 'wrong', `192.0.2.${n}`))
    const one = times(45, (n) => unlock(web, pathOf(shares[8]!), 'wrong', `198.51.100.${n}`))
    const honest = await unlock(web, pathOf(shares[8]!), 'sesame', '203.0.113.1')
    expect(honest.status).toBe(204)
    for (const { status } of [...(await floods), ...(await one)]) expect([403, 429]).toContain(status)
  })

  it('many addresses that try a link slow each other down, and the first try of another is judged', async () => {
    const made = await share()
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
      await times(10, () => unlock(web, pathOf(made), 'wrong', address))
    const more = await times(10, () => unlock(web, pathOf(made), 'wrong', '192.0.2.5'))
    expect(more.filter(({ status }) => status === 403)).toHaveLength(1)
    for (const { status, wait } of more)
      if (status === 429) expect([wait > 0, wait <= 15]).toEqual([true, true])
    expect((await unlock(web, pathOf(made), 'sesame', '192.0.2.6')).status).toBe(204)
  })

  it('a browser that was inside gets in beside a guesser at its own address, until the password changes', async () => {
    const made = await share()
    const visitor = await unlock(web, pathOf(made), 'sesame', '192.0.2.1')
    expect(visitor.cookies).not.toBe('')
    await times(50, () => unlock(web, pathOf(made), 'wrong', '192.0.2.1'))
    expect((await unlock(web, pathOf(made), 'sesame', '192.0.2.1')).status).toBe(429)
    const back = await unlock(web, pathOf(made), 'sesame', '192.0.2.1', visitor.cookies)
    expect(back.status).toBe(204)
    // It has no more tries than anybody, and a made-up mark none.
    const guesses = await times(30, () => unlock(web, pathOf(made), 'wrong', '192.0.2.1', visitor.cookies))
    expect(guesses.filter(({ status }) => status === 403).length).toBeLessThanOrEqual(10)
    const forged = visitor.cookies.replace(/=.*/, `=${'A'.repeat(12)}.${'A'.repeat(22)}`)
    expect((await unlock(web, pathOf(made), 'sesame', '192.0.2.1', forged)).status).toBe(429)

    const edited = await fetch(
      `${web.url}/api/v1/links/${made.link.id}`,
      json('PATCH', { password: 'another' }, bearer(made.ownerKey)),
    )
    expect(edited.status).toBe(200)
    expect((await unlock(web, pathOf(made), 'another', '192.0.2.1', back.cookies)).status).toBe(429)
  })

  it('a party behind one address gets in, all at once: who is right uses up nobody’s tries', async () => {
    const made = await share()
    for (let n = 0; n < 30; n++)
      expect((await unlock(web, pathOf(made), 'sesame', '192.0.2.1')).status).toBe(204)
  })

  it('IPv6 counts by the network of 64 bits, and a few of these by that of 48', async () => {
    const made = await share()
    const same = await times(30, (n) => unlock(web, pathOf(made), 'wrong', `2001:db8:0:1::${n + 1}`))
    expect(same.filter(({ status }) => status === 403).length).toBeLessThanOrEqual(10)
    const other = await share()
    const spread: number[] = []
    for (let n = 0; n < 60; n++)
      spread.push((await unlock(web, pathOf(other), 'wrong', `2001:db8:0:${n.toString(16)}::1`)).status)
    expect(spread.filter((status) => status === 403).length).toBeLessThanOrEqual(40)
    expect((await unlock(web, pathOf(other), 'sesame', '2001:db8:1::1')).status).toBe(204)
  })

  it('guesses of names from a visitor’s address keep no browser out of a chosen link that was inside', async () => {
    const made = await share({})
    const chosen = await fetch(
      `${web.url}/api/v1/links`,
      json(
        'POST',
        { albums: [made.album.id], secret: 'grandmothers-eightieth-in-evora' },
        bearer(made.ownerKey),
      ),
    )
    expect(chosen.status).toBe(201)
    const path = '/s/grandmothers-eightieth-in-evora'
    const seen = await fetch(`${web.url}${path}/seen`, { method: 'POST', headers: from('192.0.2.1') })
    const cookies = seen.headers.getSetCookie().map((cookie) => cookie.split(';')[0])
    await times(60, (n) => fetch(`${web.url}/s/guess-number-${n}-of-it`, { headers: from('192.0.2.1') }))
    const look = (headers: Record<string, string>) =>
      fetch(`${web.url}${path}`, { headers: { Accept: 'application/json', ...headers } })
    expect((await look(from('192.0.2.1'))).status).toBe(429)
    expect((await look({ ...from('192.0.2.1'), Cookie: cookies.join('; ') })).status).toBe(200)
  })
})

describe('the password of senders', () => {
  it('is asked of a known owner though a stranger at the same address guesses', async () => {
    const web = await startWeb({ settings: { senderPassword: 'let me send' } })
    try {
      const shown = { 'Sender-Password': 'let me send' }
      const made = await postShare(web.url, { 'a.jpg': await jpeg() }, {}, shown)
      const signIn = (password: string, headers: Record<string, string> = {}) =>
        fetch(`${web.url}/api/v1/session`, json('POST', { password }, headers)).then((res) => res.status)
      const tries = await times(50, () => signIn('wrong'))
      expect(tries.filter((status) => status === 403)).toHaveLength(10)
      expect(await signIn('let me send')).toBe(429)
      expect(await signIn('let me send', bearer(made.ownerKey))).toBe(204)
    } finally {
      await web.close()
    }
  })
})
