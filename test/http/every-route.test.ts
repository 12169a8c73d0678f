import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { createApp } from '../../src/http/app.ts'
import { operations } from '../../src/http/api/api.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'
import { routesOf, type KnownRoute } from '../support/routes.ts'

let web: TestWeb
let routes: readonly KnownRoute[]
let callers = 0
beforeAll(async () => {
  web = await startWeb({ settings: { trustProxy: 1 }, passwords: argon2Passwords() })
  routes = routesOf(createApp({ ports: web.ports, settings: web.settings, stopping: { isStopping: false } }))
})
afterAll(() => web.close())

/** Another network address for each request: guesses are counted, and that is another test's matter. */
const someone = () => ({ 'X-Forwarded-For': `198.18.${Math.floor(++callers / 250)}.${callers % 250}` })

const title = 'Findable title'
const color = '#c0ffee'

async function share(fields: Record<string, string> = {}): Promise<ShareAnswer> {
  const share = await postShare(web.url, { 'findable.jpg': await jpeg(color) }, { title, ...fields })
  const owner = await findOwner(web.ports.store, share.ownerKey ?? '')
  for (const { id } of share.items) await makeReady(web.ports, { owner: owner?.id ?? '', id })
  return share
}

const visitorRoutes = () => routes.filter(({ path }) => path.includes(':secret'))

function addressOf({ path }: KnownRoute, secret: string, item: string): string {
  return web.url + path.replace(':secret', secret).replace(':id', item)
}

describe('protection 1: every visitor route behind every kind of shut door', () => {
  it('knows the routes from the router itself', () => {
    const paths = visitorRoutes().map(({ method, path }) => `${method} ${path}`)
    expect(paths).toContain('GET /s/:secret/items/:id/download')
    expect(paths).toContain('GET /s/:secret/zip')
    expect(paths).toContain('GET /api/v1/s/:secret')
    expect(paths.length).toBeGreaterThan(15)
  })

  it.each(['unknown', 'stopped', 'expired', 'locked'] as const)(
    '%s: no media byte, and the right status',
    async (door) => {
      const open = await share(door === 'locked' ? { password: 'sesame' } : { expiresInDays: '1' })
      const picture = await jpeg(color)
      const secret = door === 'unknown' ? 'a-secret-that-is-none' : (open.link.url.split('/').at(-1) ?? '')
      if (door === 'stopped') {
        const res = await fetch(`${web.url}/api/v1/links/${open.link.id}`, {
          method: 'DELETE',
          headers: bearer(open.ownerKey),
        })
        expect(res.status).toBe(204)
      }
      if (door === 'expired') web.ports.clock.move(86_400_000)
      const status = { unknown: 404, stopped: 410, expired: 410, locked: 401 }[door]

      for (const route of visitorRoutes()) {
        const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]
        for (const method of methods)
          for (const range of [{}, { Range: 'bytes=0-9' }])
            for (const accept of ['text/html', '*/*']) {
              const body = /unlock/.test(route.path)
                ? 'password=wrong'
                : /decline/.test(route.path)
                  ? 'undo=yes'
                  : 'items='
              const res = await fetch(addressOf(route, secret, open.items[0]?.id ?? ''), {
                method,
                redirect: 'manual',
                headers: {
                  Accept: accept,
                  ...range,
                  ...someone(),
                  ...(method === 'GET' || method === 'HEAD'
                    ? {}
                    : route.path.startsWith('/api')
                      ? { 'Content-Type': 'application/json' }
                      : { 'Content-Type': 'application/x-www-form-urlencoded' }),
                },
                ...(method === 'GET' || method === 'HEAD'
                  ? {}
                  : { body: route.path.startsWith('/api') ? '{"password":"wrong"}' : body }),
              })
              const where = `${method} ${route.path} ${accept} of a link that is ${door}`
              const bytes = Buffer.from(await res.arrayBuffer())
              expect(bytes.includes(picture.subarray(200)), where).toBe(false)
              expect(bytes.toString(), where).not.toContain(title)
              expect(bytes.toString(), where).not.toContain('findable')
              expect(res.headers.get('content-type') ?? '', where).not.toMatch(/image|video|zip|octet/)
              expect(res.headers.get('etag')?.startsWith('"') ?? false, where).toBe(false)
              expectStatus(res.status, where)
            }
      }

      function expectStatus(found: number, where: string): void {
        // Declining is for whoever stands before a locked door too, and the password page is a page.
        const isDoor = door === 'locked' && /decline/.test(where)
        const isPage = door === 'locked' && /text\/html|\*\/\*/.test(where)
        if (isDoor) expect([204, 303], where).toContain(found)
        else if (/unlock/.test(where) && door === 'locked') expect([400, 403, 429], where).toContain(found)
        else if (isPage) expect([200, 401], where).toContain(found)
        else if (door === 'locked') expect([200, 401], where).toContain(found)
        else expect(found, where).toBe(status)
      }
    },
  )
})

describe('protection 10: what only looks changes nothing', () => {
  it('has no GET route that counts a visit or changes a record', async () => {
    const open = await share()
    const secret = open.link.url.split('/').at(-1) ?? ''
    const state = () =>
      fetch(`${web.url}/api/v1/links/${open.link.id}`, { headers: bearer(open.ownerKey) }).then((res) =>
        res.text(),
      )
    const before = await state()
    for (const route of visitorRoutes().filter(({ method }) => method === 'GET'))
      for (const method of ['GET', 'HEAD']) {
        const res = await fetch(addressOf(route, secret, open.items[0]?.id ?? ''), {
          method,
          headers: { 'User-Agent': 'WhatsApp/2.23.20.0', ...someone() },
        })
        await res.arrayBuffer()
      }
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await state()).toBe(before)
  })

  it('refuses every change that another site asks for', async () => {
    for (const route of routes.filter(({ method }) => !['GET', 'HEAD', 'OPTIONS'].includes(method)))
      for (const headers of [
        { 'Sec-Fetch-Site': 'cross-site' },
        { 'Sec-Fetch-Site': 'same-site' },
        { Origin: 'https://evil.example' },
      ]) {
        const res = await fetch(addressOf(route, 'a-secret-that-is-none', 'a'.repeat(26)), {
          method: route.method,
          headers: { ...headers, ...someone() },
        })
        expect(res.status, `${route.method} ${route.path}`).toBe(403)
      }
  })
})

describe('the OpenAPI document', () => {
  it('has every route of the API, and no other', () => {
    const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    const served = routes
      .filter(({ path }) => path.startsWith('/api/v1/'))
      .map(
        ({ method, path }) =>
          `${method} ${path
            .slice('/api/v1'.length)
            .replace(/:(\w+)/g, '{$1}')
            .replace(/\/$/, '')
            .replace('/{{id}}', '')}`,
      )
    expect(described.sort()).toEqual([...new Set(served)].sort())
  })
})
