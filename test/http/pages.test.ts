import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

const nasty = '"><script>alert(1)</script><img src=x onerror=y>'

let service: TestService
let open: ShareAnswer
let locked: ShareAnswer
let lockedToo: ShareAnswer

beforeAll(async () => {
  service = await startService()
  const picture = await jpeg()
  open = await postShare(service.url, { [`${nasty}.jpg`]: picture }, { title: nasty, sender: nasty })
  const owner = bearer(open.ownerKey)
  const fields = { password: 'open sesame', title: 'Secret title', sender: 'Secret sender' }
  locked = await postShare(service.url, { 'secret-name.jpg': picture }, fields, owner)
  lockedToo = await postShare(service.url, { 'secret-name.jpg': picture }, fields, owner)
  for (const share of [open, locked, lockedToo])
    await untilReady(service.url, { ...share, ownerKey: open.ownerKey })
})

afterAll(() => service?.close())

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(service.url + path, { headers: { Accept: 'text/html', ...headers }, redirect: 'manual' })

const unlock = (
  share: ShareAnswer,
  password: string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${service.url}${pathOf(share)}/unlock`, {
    method: 'POST',
    body: new URLSearchParams({ password }),
    headers: { Accept: 'text/html', ...headers },
    redirect: 'manual',
  })

const tags = (html: string): Record<string, string[]> => {
  const found: Record<string, string[]> = {}
  for (const [, name = '', content = ''] of html.matchAll(
    /<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)">/g,
  ))
    (found[name] ??= []).push(content)
  return found
}

describe('link previews', () => {
  it('has one absolute image of a known size, and tags early in the head', async () => {
    const html = await vi.waitFor(
      async () => {
        const text = await (await get(pathOf(open))).text()
        expect(text).toContain('/card.jpg"')
        return text
      },
      { timeout: 60_000, interval: 200 },
    )
    const found = tags(html)
    expect(Object.values(found).map(({ length }) => length)).toEqual(Object.keys(found).map(() => 1))
    expect(found).toMatchObject({
      'og:site_name': ['Mayfly'],
      'og:type': ['website'],
      'og:url': [service.url + pathOf(open)],
      'og:image': [`${service.url}${pathOf(open)}/card.jpg`],
      'og:image:width': ['1200'],
      'og:image:height': ['630'],
      'twitter:card': ['summary_large_image'],
    })
    expect(html.indexOf('og:image')).toBeLessThan(1500)
    const card = await fetch(String(found['og:image']?.[0]))
    expect(card.headers.get('content-type')).toBe('image/jpeg')
    expect(Number(card.headers.get('content-length'))).toBeGreaterThan(0)
    expect(Number(card.headers.get('content-length'))).toBeLessThanOrEqual(250_000)
  })

  it('tells nothing of a locked link but that it is one', async () => {
    const response = await get(pathOf(locked))
    const html = await response.text()
    expect(response.status).toBe(200)
    expect(tags(html)['og:image']?.[0]).toMatch(/^http.*\/assets\/card-\w+\.jpg$/)
    expect(html).not.toMatch(/Secret|secret-name|photo"|thumb|card\.jpg/)
    const item = await (await get(`${pathOf(locked)}/items/${locked.items[0]?.id ?? ''}`)).text()
    expect(item).not.toMatch(/Secret|secret-name|thumb|preview"/)
  })

  it('gives an ended link no tags at all', async () => {
    const share = await postShare(service.url, { 'a.jpg': await jpeg('#123') }, { title: 'Secret title' })
    await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
      method: 'DELETE',
      headers: bearer(share.ownerKey),
    })
    const response = await get(pathOf(share))
    expect(response.status).toBe(410)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const html = await response.text()
    expect(tags(html)).toEqual({})
    expect(html).not.toContain('Secret')
  })
})

it('takes markup in titles and names for text, everywhere', async () => {
  const item = `${pathOf(open)}/items/${open.items[0]?.id ?? ''}`
  for (const path of [pathOf(open), item]) {
    const html = await (await get(path)).text()
    expect(html).toContain('&lt;script&gt;')
    expect(html).not.toContain('<script>alert')
    expect(html).not.toContain('<img src=x')
  }
  const shares = await (await get('/shares', { Authorization: `Bearer ${open.ownerKey ?? ''}` })).text()
  expect(shares).toContain('&lt;script&gt;')
  expect(shares).not.toContain('<script>alert')
})

describe('unlocking', () => {
  it('opens this link and no other, until the visitor leaves', async () => {
    expect((await unlock(locked, 'wrong')).status).toBe(403)
    const answer = await unlock(locked, 'open sesame')
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe(pathOf(locked))
    const [cookie = ''] = answer.headers.getSetCookie()
    expect(cookie).toMatch(/HttpOnly/)
    expect(cookie).toMatch(/SameSite=Lax/)
    const session = { Cookie: cookie.split(';')[0] ?? '' }
    expect(await (await get(pathOf(locked), session)).text()).toContain('Secret title')
    expect(await (await get(pathOf(lockedToo), session)).text()).not.toContain('Secret title')

    const left = await fetch(`${service.url}${pathOf(locked)}/leave`, {
      method: 'POST',
      headers: session,
      redirect: 'manual',
    })
    expect(left.status).toBe(303)
    expect(await (await get(pathOf(locked), session)).text()).not.toContain('Secret title')
  })

  it('judges ten tries of a caller in a minute, the right one among them, also when they come at once', async () => {
    const tries = await Promise.all(Array.from({ length: 50 }, () => unlock(lockedToo, 'wrong')))
    const statuses = tries.map(({ status }) => status)
    expect(statuses.filter((status) => status === 403).length).toBeLessThanOrEqual(10)
    const refused = tries.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(40)
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    const forged = await unlock(lockedToo, 'open sesame', { 'X-Forwarded-For': '203.0.113.9' })
    expect(forged.status).toBe(429)
  })

  it.each(['password[]=x', '', 'password=a&password=b', 'password=a&admin=1'])('refuses %j', async (body) => {
    const response = await fetch(`${service.url}${pathOf(locked)}/unlock`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    })
    expect(response.status).toBe(400)
  })
})

it.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)'])(
  'never leads to %s',
  async (next) => {
    const response = await fetch(`${service.url}/language`, {
      method: 'POST',
      body: new URLSearchParams({ language: 'en', next }),
      redirect: 'manual',
    })
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/')
  },
)
