import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { cookieSuffix, json, newJar } from '../support/browser-jar.ts'
import { bearer, errorOf, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

const hour = 3_600_000
const day = 24 * hour

let web: TestWeb
beforeAll(async () => {
  web = await startWeb({ settings: { trustProxy: 1 }, passwords: argon2Passwords() })
})
afterAll(() => web.close())

type Key = { ownerKey?: string | undefined }
interface Link {
  id: string
  url: string
  expiresAt: string
  state: string
  hasPassword: boolean
  visits: number
  downloads: number
  albums: { id: string; count: number }[]
}

const secretOf = ({ url }: { url: string }): string => url.split('/').at(-1) ?? ''

async function share(fields: Record<string, string> = {}, key?: Key): Promise<ShareAnswer> {
  const headers: Record<string, string> = key ? bearer(key.ownerKey) : {}
  const made = await postShare(web.url, { 'a.jpg': await jpeg() }, fields, headers)
  const owner = await findOwner(web.ports.store, made.ownerKey ?? key?.ownerKey ?? '')
  for (const { id } of made.items) await makeReady(web.ports, { owner: owner?.id ?? '', id })
  return { ...made, ownerKey: made.ownerKey ?? key?.ownerKey }
}

const call = (key: Key, method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${web.url}/api/v1${path}`, {
    ...(body === undefined ? { method } : json(method, body)),
    headers: {
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...bearer(key.ownerKey),
    },
  })

async function linkTo(key: Key, albums: string[], wish: object = {}): Promise<Link> {
  const res = await call(key, 'POST', '/links', { albums, ...wish })
  if (res.status !== 201) throw new Error(await res.text())
  const link: Link = JSON.parse(await res.text())
  return link
}
const get = async (key: Key, id: string): Promise<Link> =>
  JSON.parse(await (await call(key, 'GET', `/links/${id}`)).text())

const visit = (link: { url: string }, path = ''): Promise<number> =>
  fetch(link.url + path, { headers: { Accept: 'application/json' } }).then((res) => res.status)

describe('links', () => {
  it('protection 2: open their albums and nothing else', async () => {
    const one = await share()
    const other = await share({}, one)
    const link = await linkTo(one, [one.album.id])
    expect(await visit(link, `/items/${one.items[0]?.id}/thumb`)).toBe(200)
    expect(await visit(link, `/items/${other.items[0]?.id}/thumb`)).toBe(404)
    await call(one, 'PATCH', `/items/${one.items[0]?.id}`, { isPrivate: true })
    for (const path of ['', '/thumb', '/preview', '/video', '/download'])
      expect(await visit(link, `/items/${one.items[0]?.id}${path}`)).toBe(404)
    const both = await linkTo(one, [one.album.id, other.album.id])
    expect(await visit(both, `/items/${other.items[0]?.id}/thumb`)).toBe(200)
    expect(await visit(both, `/items/${one.items[0]?.id}/thumb`)).toBe(404)
  })

  it('protection 3: unlocking one does not unlock another, of the same album and password', async () => {
    const made = await share()
    const [one, two] = [
      await linkTo(made, [made.album.id], { password: 'same' }),
      await linkTo(made, [made.album.id], { password: 'same' }),
    ]
    const jar = newJar()
    const unlocked = await jar.fetch(
      `${web.url}/api/v1/s/${secretOf(one)}/unlock`,
      json('POST', { password: 'same' }),
    )
    expect(unlocked.status).toBe(204)
    const thumb = `/items/${made.items[0]?.id}/thumb`
    expect((await jar.fetch(one.url + thumb)).status).toBe(200)
    expect((await jar.fetch(two.url + thumb)).status).toBe(401)
    // The same token under the other link's cookie opens nothing either.
    const nameFor = (link: { id: string }): string => `mayfly-visit-${link.id}-${cookieSuffix(jar)}`
    const token = jar.cookies.get(nameFor(one)) ?? '?'
    jar.cookies.set(nameFor(two), token)
    expect((await jar.fetch(two.url + thumb)).status).toBe(401)
    // Another password, also the same one set anew, ends what was open; taking it away and back does too.
    for (const change of [['same'], [null, 'same']]) {
      for (const password of change) await call(made, 'PATCH', `/links/${one.id}`, { password })
      expect((await jar.fetch(one.url + thumb)).status).toBe(401)
      await jar.fetch(`${web.url}/api/v1/s/${secretOf(one)}/unlock`, json('POST', { password: 'same' }))
      expect((await jar.fetch(one.url + thumb)).status).toBe(200)
    }
    await jar.fetch(`${web.url}/api/v1/s/${secretOf(one)}/leave`, { method: 'POST' })
    jar.cookies.set(nameFor(one), token)
    expect((await jar.fetch(one.url + thumb)).status).toBe(401)
  })

  it('protection 4: a chosen secret can be taken anew by its owner, and old cookies open nothing', async () => {
    const made = await share()
    const wish = { secret: 'lisbon-with-grandma', password: 'pastel' }
    const first = await linkTo(made, [made.album.id], wish)
    const jar = newJar()
    await jar.fetch(`${web.url}/api/v1/s/lisbon-with-grandma/unlock`, json('POST', { password: 'pastel' }))
    expect((await jar.fetch(`${first.url}/items/${made.items[0]?.id}/thumb`)).status).toBe(200)
    expect(
      (await errorOf(await call(made, 'POST', '/links', { albums: [made.album.id], ...wish }))).code,
    ).toBe('secret-taken')
    await call(made, 'DELETE', `/links/${first.id}?keep=day`)
    const stranger = await share()
    const theft = await call(stranger, 'POST', '/links', { albums: [stranger.album.id], ...wish })
    expect((await errorOf(theft)).code).toBe('secret-taken')
    const second = await linkTo(made, [made.album.id], wish)
    expect(second.url).toBe(first.url)
    expect((await jar.fetch(`${second.url}/items/${made.items[0]?.id}/thumb`)).status).toBe(401)
  })

  it('protection 5: what is another owner’s is not there', async () => {
    const [mine, theirs] = [await share(), await share()]
    const before = await (await call(theirs, 'GET', `/albums/${theirs.album.id}`)).text()
    const [album, item, link] = [theirs.album.id, theirs.items[0]?.id ?? '', theirs.link.id]
    const tries: [string, string, unknown?][] = [
      ['GET', `/links/${link}`],
      ['PATCH', `/links/${link}`, { label: 'mine' }],
      ['POST', `/links/${link}/renew`, {}],
      ['DELETE', `/links/${link}`],
      ['POST', '/links', { albums: [mine.album.id, album] }],
      ['PATCH', `/links/${mine.link.id}`, { albums: [album] }],
      ['GET', `/albums/${album}`],
      ['PATCH', `/albums/${album}`, { title: 'mine' }],
      ['DELETE', `/albums/${album}`],
      ['POST', `/albums/${album}/items`, { items: [mine.items[0]?.id] }],
      ['POST', `/albums/${mine.album.id}/items`, { items: [item] }],
      ['POST', `/albums/${album}/items/remove`, { items: [item] }],
      ['PATCH', `/albums/${mine.album.id}`, { cover: item }],
      ['POST', '/albums', { items: [item] }],
      ['GET', `/items/${item}`],
      ['GET', `/items/${item}/thumb`],
      ['GET', `/items/${item}/preview`],
      ['PATCH', `/items/${item}`, { isPrivate: true }],
      ['PATCH', '/items', { items: [mine.items[0]?.id, item], isPrivate: true }],
      ['DELETE', `/items/${item}`],
    ]
    for (const [method, path, body] of tries) {
      const res = await call(mine, method, path, body)
      expect(res.status, `${method} ${path}`).toBe(404)
    }
    expect(await (await call(theirs, 'GET', `/albums/${theirs.album.id}`)).text()).toBe(before)
    // None of the refused ones left anything of it done.
    expect(await visit(mine.link, `/items/${mine.items[0]?.id}/thumb`)).toBe(200)
  })

  it('protection 7: every living link stands in its owner’s list', async () => {
    const made = await share()
    const extra = await share({}, made)
    const links = [
      made.link.id,
      extra.link.id,
      (await linkTo(made, [made.album.id], { secret: 'seven-dwarfs-77', password: 'x' })).id,
      (await linkTo(made, [made.album.id, extra.album.id], { expiresInDays: 1 / 24 })).id,
    ]
    const listed: { total: number; links: Link[] } = JSON.parse(
      await (await call(made, 'GET', '/links')).text(),
    )
    expect(listed.total).toBe(4)
    expect(listed.links.map(({ id }) => id).sort()).toEqual(links.sort())
    expect(listed.links.every(({ state, url }) => state === 'open' && url.startsWith(web.url))).toBe(true)
    await call(made, 'PATCH', `/links/${links[0]}`, { secret: 'another-name-4711' })
    const again: { links: Link[] } = JSON.parse(await (await call(made, 'GET', '/links')).text())
    for (const link of again.links) expect(await visit(link)).toBeOneOf([200, 401])
  })

  it('live an hour to the operator’s most, are shortened and extended, and renewed in their grace', async () => {
    const made = await share({ expiresInDays: '2' })
    const id = made.link.id
    const now = () => web.ports.clock.now()
    const refused = async (body: object) =>
      (await errorOf(await call(made, 'PATCH', `/links/${id}`, body))).code
    expect(await refused({ expiresInDays: 0.5 / 24 })).toBe('bad-request')
    expect(await refused({ expiresInDays: 31 })).toBe('bad-request')
    expect(await refused({ expiresAt: new Date(now() + 31 * day).toISOString() })).toBe('bad-request')
    expect(await refused({ expiresInDays: 1, expiresAt: new Date(now() + day).toISOString() })).toBe(
      'bad-request',
    )
    const at = new Date(now() + 30 * day).toISOString()
    expect((await call(made, 'PATCH', `/links/${id}`, { expiresAt: at })).status).toBe(200)
    expect((await get(made, id)).expiresAt).toBe(at)
    await call(made, 'PATCH', `/links/${id}`, { expiresInDays: 1 / 24 })
    web.ports.clock.move(hour - 1000)
    expect(await visit(made.link)).toBe(200)
    // A day on, its longest life still counts from its making.
    web.ports.clock.move(1000)
    expect(await visit(made.link)).toBe(410)
    expect(await refused({ expiresInDays: 1 })).toBe('link-ended')
    web.ports.clock.move(23 * hour)
    const renewed = await call(made, 'POST', `/links/${id}/renew`, { expiresInDays: 30 })
    expect(renewed.status).toBe(200)
    expect(await visit(made.link, `/items/${made.items[0]?.id}/thumb`)).toBe(200)
    await call(made, 'PATCH', `/links/${id}`, { expiresInDays: 1 })
    web.ports.clock.move(day + 23.5 * hour)
    expect((await errorOf(await call(made, 'POST', `/links/${id}/renew`, {}))).code).toBe('link-ended')
    const stopped = await share()
    await call(stopped, 'DELETE', `/links/${stopped.link.id}?keep=day`)
    expect((await errorOf(await call(stopped, 'POST', `/links/${stopped.link.id}/renew`, {}))).code).toBe(
      'link-ended',
    )
  })

  it('refuse weak secrets with the reason, and take others', async () => {
    const made = await share()
    const weak = [
      'short',
      'UPPERCASE-1',
      'with space',
      'aaaaaaaa',
      'abcabcab',
      '12345678',
      '20260501',
      'abcdefgh',
      'photos2026',
      'summer-photos',
      'iloveyou',
      'i-love-you',
      'lisbon2026',
      'lisbon-2026',
      'passw0rd2026',
      '2026-p4ssw0rd',
      '2026lisbon',
      'thessaloniki',
      'sunshine1',
      'zyxwvuts',
      'mzxw6ytboi4dcmrtgq2tmnzyhe',
      'a'.repeat(65),
    ]
    const why = new Set<string>()
    for (const secret of weak) {
      const res = await fetch(`${web.url}/api/v1/links`, {
        ...json('POST', { albums: [made.album.id], secret }),
        headers: {
          'Content-Type': 'application/json',
          'X-Forwarded-For': `198.51.100.${weak.indexOf(secret)}`,
          ...bearer(made.ownerKey),
        },
      })
      const answer: { error: { code: string; details: { why: string } } } = JSON.parse(await res.text())
      expect(answer.error.code, secret).toBe('secret-weak')
      why.add(answer.error.details.why)
    }
    expect([...why].sort()).toEqual([
      'characters',
      'common',
      'figures',
      'like-random',
      'one-word',
      'repeats',
      'sequence',
    ])
    expect((await linkTo(made, [made.album.id], { secret: 'grandma-60-party' })).url).toBe(
      `${web.url}/s/grandma-60-party`,
    )
  })

  it('stop one by one and all at once', async () => {
    const made = await share()
    const second = await linkTo(made, [made.album.id])
    await call(made, 'DELETE', `/links/${made.link.id}`)
    expect(await visit(made.link)).toBe(410)
    expect(await visit(second, `/items/${made.items[0]?.id}/thumb`)).toBe(200)
    await linkTo(made, [made.album.id])
    const all: unknown = JSON.parse(await (await call(made, 'DELETE', '/links')).text())
    expect(all).toEqual({ stopped: 2 })
    expect(await visit(second)).toBe(410)
  })

  it('are counted by what people do, once a browser, and never by what fetches addresses', async () => {
    const made = await share()
    const person = newJar({ 'User-Agent': 'Mozilla/5.0 Firefox/140.0' })
    await person.fetch(made.link.url)
    const seen = `${web.url}/api/v1/s/${secretOf(made.link)}/seen`
    expect((await get(made, made.link.id)).visits).toBe(0)
    for (let times = 0; times < 3; times++)
      expect((await person.fetch(seen, { method: 'POST' })).status).toBe(204)
    const download = `${made.link.url}/items/${made.items[0]?.id}/download`
    await (await person.fetch(download)).arrayBuffer()
    await (await person.fetch(download, { headers: { Range: 'bytes=100-' } })).arrayBuffer()
    await person.fetch(download, { method: 'HEAD' })
    await (await person.fetch(`${made.link.url}/zip`)).arrayBuffer()
    for (const agent of [
      'WhatsApp/2.23',
      'TelegramBot (like TwitterBot)',
      'Mozilla/5.0 (compatible; Googlebot/2.1)',
    ])
      await (await fetch(download, { headers: { 'User-Agent': agent } })).arrayBuffer()
    await expect.poll(async () => (await get(made, made.link.id)).downloads).toBe(2)
    expect((await get(made, made.link.id)).visits).toBe(1)
  })

  it('can be declined in one browser, and the decline undone', async () => {
    const made = await share()
    const jar = newJar({ Accept: 'application/json' })
    const door = `${web.url}/api/v1/s/${secretOf(made.link)}/decline`
    expect((await jar.fetch(door, { method: 'POST' })).status).toBe(204)
    for (const path of ['', '/zip', `/items/${made.items[0]?.id}/thumb`])
      expect((await jar.fetch(made.link.url + path)).status).toBe(403)
    expect(await visit(made.link)).toBe(200)
    expect((await jar.fetch(door, { method: 'DELETE' })).status).toBe(204)
    expect((await jar.fetch(made.link.url)).status).toBe(200)
  })

  it('protection 45: two of one album with different policies give each its own, one right after the other', async () => {
    const made = await share({ metadata: 'everything' })
    const bytes = await jpeg('#123456')
    const owner = await findOwner(web.ports.store, made.ownerKey ?? '')
    const id = made.items[0]?.id ?? ''
    await makeReady(web.ports, { owner: owner?.id ?? '', id }, (item) => ({
      copies: {
        'no-location': { ...item.original, sha256: '1'.repeat(64), state: 'clean', lost: [] },
        none: { state: 'withheld', reason: 'it cannot be cleaned' },
      },
    }))
    const clean = await linkTo(made, [made.album.id])
    const bare = await linkTo(made, [made.album.id], { metadata: 'none' })
    const tags = async (
      link: { url: string },
      headers: Record<string, string> = {},
    ): Promise<[status: number, tag: string | null]> => {
      const res = await fetch(`${link.url}/items/${id}/download`, { headers })
      return [res.status, res.headers.get('etag')]
    }
    const [, whole] = await tags(made.link)
    for (let round = 0; round < 2; round++) {
      expect(await tags(made.link)).toEqual([200, whole])
      expect(await tags(clean)).toEqual([200, `"${'1'.repeat(64)}"`])
      expect((await tags(bare))[0]).toBe(403)
      // The tag of one policy's file is no answer for another's.
      expect((await tags(clean, { 'If-None-Match': whole ?? '' }))[0]).toBe(200)
      expect((await tags(bare, { 'If-None-Match': whole ?? '' }))[0]).toBe(403)
    }
    expect(bytes.length).toBeGreaterThan(0)
    const zipTag = async (link: { url: string }) =>
      (await fetch(`${link.url}/zip`, { method: 'HEAD' })).headers.get('etag')
    const zips = [await zipTag(made.link), await zipTag(clean)]
    expect(new Set(zips).size).toBe(2)
    expect([await zipTag(made.link), await zipTag(clean)]).toEqual(zips)
    for (const { url } of [made.link, clean, made.link]) {
      const page = await (await fetch(url, { headers: { Accept: 'text/html' } })).text()
      expect(page).toContain(`href="${new URL(url).pathname}/zip`)
    }
    // A policy that needs copies asks for them.
    const later = await share()
    await makeReady(
      web.ports,
      {
        owner: (await findOwner(web.ports.store, later.ownerKey ?? ''))?.id ?? '',
        id: later.items[0]?.id ?? '',
      },
      (item) => ({ copies: { 'no-location': item.copies['no-location'] } }),
    )
    web.ports.queued.length = 0
    const asked = await linkTo(later, [later.album.id], { metadata: 'none' })
    expect(web.ports.queued).toContainEqual(
      expect.objectContaining({ kind: 'prepare', item: later.items[0]?.id }),
    )
    expect((await get(later, asked.id)).state).toBe('preparing')
  })
})

describe('protection 9: guessing', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address })

  it('passwords: at most the limit of 50 at once is judged', async () => {
    const made = await share({ password: 'sesame' })
    const tries = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        fetch(
          `${web.url}/api/v1/s/${secretOf(made.link)}/unlock`,
          json('POST', { password: `wrong ${n}` }, from('192.0.2.1')),
        ),
      ),
    )
    const judged = tries.filter(({ status }) => status === 403)
    const held = tries.filter(({ status }) => status === 429)
    expect(judged.length).toBeLessThanOrEqual(10)
    expect(judged.length + held.length).toBe(50)
    for (const res of held) expect(Number(res.headers.get('retry-after'))).toBeGreaterThan(0)
    // The right one waits too, from there; from elsewhere it opens.
    const right = (address: string) =>
      fetch(
        `${web.url}/api/v1/s/${secretOf(made.link)}/unlock`,
        json('POST', { password: 'sesame' }, from(address)),
      )
    expect((await right('192.0.2.1')).status).toBe(429)
    expect((await right('192.0.2.2')).status).toBe(204)
  })

  it('secrets: after the limit nothing chosen is told, while random links still open', async () => {
    const made = await share()
    const chosen = await linkTo(made, [made.album.id], { secret: 'guess-me-if-you-can' })
    const guess = (url: string, address: string) =>
      fetch(url, { headers: { Accept: 'application/json', ...from(address) } })
    const tries = await Promise.all(
      Array.from({ length: 50 }, (_, n) => guess(`${web.url}/s/guess-me-number-${n}`, '192.0.2.9')),
    )
    expect(tries.filter(({ status }) => status === 404).length).toBeLessThanOrEqual(30)
    const held = tries.filter(({ status }) => status === 429)
    expect(held.length).toBeGreaterThanOrEqual(20)
    for (const res of held) expect(Number(res.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await guess(chosen.url, '192.0.2.9')).status).toBe(429)
    expect((await guess(`${web.url}/api/v1/s/guess-me-if-you-can`, '192.0.2.9')).status).toBe(429)
    expect((await guess(made.link.url, '192.0.2.9')).status).toBe(200)
    expect((await guess(chosen.url, '192.0.2.10')).status).toBe(200)
  })

  it('slugs: an address that asked for too many is refused at each door that takes one', async () => {
    const made = await share()
    const group = { kind: 'month', key: 'none' }
    const ask = (method: string, path: string, body: object) =>
      fetch(`${web.url}${path}`, json(method, body, { ...bearer(made.ownerKey), ...from('192.0.2.20') }))
    const askForm = (path: string, form: Record<string, string>) =>
      fetch(`${web.url}${path}`, {
        method: 'POST',
        headers: { ...bearer(made.ownerKey), ...from('192.0.2.20') },
        body: new URLSearchParams({ metadata: 'none', albums: made.album.id, ...form }),
      })
    const doors = (secret: string) => [
      ask('POST', '/api/v1/links', { albums: [made.album.id], secret }),
      ask('PATCH', `/api/v1/links/${made.link.id}`, { secret }),
      ask('POST', '/api/v1/library/share', { ...group, secret }),
      askForm('/shares/new', { secret }),
      askForm(`/shares/${made.link.id}`, { secret }),
      fetch(`${web.url}/library/share`, {
        method: 'POST',
        headers: { ...bearer(made.ownerKey), ...from('192.0.2.20') },
        body: new URLSearchParams({ metadata: 'none', ...group, secret }),
      }),
    ]
    const statuses: number[] = []
    for (let round = 0; round < 6; round++)
      for (const res of await Promise.all(doors('password'))) statuses.push(res.status)
    expect(statuses.slice(0, 30)).not.toContain(429)
    expect(statuses.slice(30)).toEqual([429, 429, 429, 429, 429, 429])
    // A random link is still to be had.
    const random = await ask('POST', '/api/v1/links', { albums: [made.album.id] })
    expect(random.status).toBe(201)
  })

  it('with a forged address changes nothing unless the proxy is trusted', async () => {
    const bare = await startWeb()
    try {
      const statuses: number[] = []
      for (let n = 0; n < 40; n++)
        statuses.push(
          (await fetch(`${bare.url}/s/guess-me-number-${n}`, { headers: from(`192.0.2.${n}`) })).status,
        )
      expect(statuses.filter((status) => status === 404)).toHaveLength(30)
      expect(statuses.filter((status) => status === 429)).toHaveLength(10)
    } finally {
      await bare.close()
    }
  })
})
