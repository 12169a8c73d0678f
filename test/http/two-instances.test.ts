import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { cookieSuffix, json, newJar, type Jar } from '../support/browser-jar.ts'
import { bearer, form, pathOf, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

let one: TestService
let other: TestService
beforeAll(async () => {
  one = await startService({ settings: { senderPassword: 'first password' } })
  other = await startService({ settings: { senderPassword: 'second password' } })
})
afterAll(() => Promise.all([one.close(), other.close()]))

const passwordOf = (service: TestService): string => service.settings.senderPassword ?? ''
const page = { headers: { Accept: 'text/html' } }

const signIn = (jar: Jar, service: TestService): Promise<Response> =>
  jar.fetch(`${service.url}/api/v1/session`, json('POST', { password: passwordOf(service) }))

const send = async (jar: Jar, service: TestService): Promise<string> => {
  const init = { method: 'POST', body: form({ 'a.jpg': await jpeg() }) }
  const res = await jar.fetch(`${service.url}/api/v1/shares`, init)
  expect(res.status).toBe(201)
  const share = (await res.json()) as ShareAnswer
  return share.link.id
}

const linksOf = async (jar: Jar, service: TestService): Promise<string[]> => {
  const res = await jar.fetch(`${service.url}/api/v1/links`)
  if (res.status !== 200) return [String(res.status)]
  return ((await res.json()) as { links: { id: string }[] }).links.map(({ id }) => id)
}

const languageOf = async (jar: Jar, service: TestService): Promise<string | undefined> =>
  /<html lang="(\w+)"/.exec(await (await jar.fetch(`${service.url}/`, page)).text())?.[1]

/** The cookies of an instance as version 0.1.0 named them, the same for all. */
const asBefore = ({ cookies }: Jar): Jar => {
  const jar = newJar()
  for (const [name, value] of cookies) jar.cookies.set(name.replace(/-[0-9a-f]{8}$/, ''), value)
  return jar
}

describe('two instances on two ports of one host', () => {
  it('keep a sender’s key, session and language apart in one browser', async () => {
    const jar = newJar()
    const sent = new Map<TestService, string>()
    for (const [service, language] of [
      [one, 'de'],
      [other, 'fr'],
    ] as const) {
      expect((await signIn(jar, service)).status).toBe(204)
      sent.set(service, await send(jar, service))
      await jar.fetch(`${service.url}/language`, {
        method: 'POST',
        body: new URLSearchParams({ language, next: '/' }),
      })
    }
    for (const [service, link] of sent) {
      expect(await linksOf(jar, service)).toEqual([link])
      await send(jar, service)
      expect(await linksOf(jar, service)).toHaveLength(2)
    }
    expect([await languageOf(jar, one), await languageOf(jar, other)]).toEqual(['de', 'fr'])
    await jar.fetch(`${other.url}/api/v1/owner/session`, { method: 'DELETE' })
    expect(await linksOf(jar, other)).toEqual(['401'])
    expect(await linksOf(jar, one)).toHaveLength(2)
  })

  it('let senders and visitors in by the cookies of version 0.1.0, and set them under their own names', async () => {
    const now = newJar()
    await signIn(now, one)
    const link = await send(now, one)
    const headers = { 'Sender-Password': passwordOf(one) }
    const locked = await postShare(one.url, { 'a.jpg': await jpeg() }, { password: 'sesame' }, headers)
    const path = pathOf(locked)
    await now.fetch(`${one.url}/api/v1${path}/unlock`, json('POST', { password: 'sesame' }))
    const suffix = cookieSuffix(now)

    const jar = asBefore(now)
    const old = new Map(jar.cookies)
    expect(await linksOf(jar, one)).toEqual([link])
    expect((await jar.fetch(one.url + path, page)).status).toBe(200)
    for (const [name, value] of old)
      if (!name.startsWith('mayfly-here-')) expect(jar.cookies.get(`${name}-${suffix}`)).toBe(value)
    // From now on another instance may take the old names.
    for (const name of old.keys()) jar.cookies.set(name, 'another')
    expect(await linksOf(jar, one)).toEqual([link])
    expect((await jar.fetch(one.url + path, page)).status).toBe(200)
    await send(jar, one)
  })

  it('count a key of another instance under the old name as none, and leave it there', async () => {
    const jar = newJar()
    await signIn(jar, other)
    await send(jar, other)
    const old = asBefore(jar)
    const key = old.cookies.get('mayfly-owner') ?? ''
    expect(await linksOf(old, one)).toEqual(['401'])
    await signIn(old, one)
    const link = await send(old, one)
    await old.fetch(`${one.url}/`, page)
    expect(await linksOf(old, one)).toEqual([link])
    await old.fetch(`${one.url}/api/v1/owner/session`, { method: 'DELETE' })
    expect(await linksOf(old, one)).toEqual(['401'])
    expect(old.cookies.get('mayfly-owner')).toBe(key)
    expect((await fetch(`${other.url}/api/v1/links`, { headers: bearer(key) })).status).toBe(200)
  })

  it('let nobody back in by an old name who has left', async () => {
    const now = newJar()
    await signIn(now, one)
    await send(now, one)
    const jar = asBefore(now)
    await jar.fetch(`${one.url}/`, page)
    await jar.fetch(`${one.url}/api/v1/owner/session`, { method: 'DELETE' })
    await jar.fetch(`${one.url}/`, page)
    expect(await linksOf(jar, one)).toEqual(['401'])
  })
})
