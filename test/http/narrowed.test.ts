import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { json, newJar } from '../support/browser-jar.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { download, type Download } from '../support/downloads.ts'
import { shareHuge } from '../support/huge.ts'
import { jpeg } from '../support/pictures.ts'
import { onBusyMachine } from '../support/timing.ts'

/** The first promise of the README. */
const promisedMs = 5000
const hour = 3_600_000

let web: TestWeb
beforeAll(async () => {
  web = await startWeb({ passwords: argon2Passwords() })
})
afterAll(() => web.close())

async function call({ ownerKey }: ShareAnswer, method: string, path: string, body?: unknown): Promise<void> {
  const res = await fetch(`${web.url}/api/v1${path}`, {
    ...(body === undefined ? { method, headers: bearer(ownerKey) } : json(method, body, bearer(ownerKey))),
  })
  if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${await res.text()}`)
}

const slow = { bytesPerSecond: 4e6 }

/** Downloads that run, of the first item (a …), of the second (b …), and of both. */
async function beginAll({ link, items }: ShareAnswer, cookie = ''): Promise<Record<string, Download>> {
  const [a, b] = items.map(({ id }) => `${link.url}/items/${id}`)
  const headers = { Cookie: cookie }
  const running = {
    'a download': await download(`${a}/download`, { ...slow, headers }),
    'a range': await download(`${a}/download`, { ...slow, headers: { ...headers, Range: 'bytes=1000-' } }),
    'a video': await download(`${a}/video`, { ...slow, headers }),
    'b download': await download(`${b}/download`, { ...slow, headers }),
    'b video': await download(`${b}/video`, { ...slow, headers }),
    zip: await download(`${link.url}/zip`, { ...slow, headers }),
  }
  for (const one of Object.values(running)) expect(one.status).toBeLessThan(300)
  return running
}

const everything = ['a download', 'a range', 'a video', 'b download', 'b video', 'zip']
const ofFirst = ['a download', 'a range', 'a video', 'zip']
const files = ['a download', 'a range', 'b download', 'zip']

interface Way {
  readonly does: (share: ShareAnswer) => Promise<unknown>
  /** Of the downloads that run, those that must break; all others must go on. */
  readonly breaks: readonly string[]
  readonly fields?: Record<string, string>
}

const first = ({ items }: ShareAnswer): string => items[0]?.id ?? ''
const edit = (change: object) => (share: ShareAnswer) =>
  call(share, 'PATCH', `/links/${share.link.id}`, change)

const ways: Record<string, Way> = {
  'an item is made private': {
    does: (share) => call(share, 'PATCH', `/items/${first(share)}`, { isPrivate: true }),
    breaks: ofFirst,
  },
  'an item is taken out of the album': {
    does: (share) => call(share, 'POST', `/albums/${share.album.id}/items/remove`, { items: [first(share)] }),
    breaks: ofFirst,
  },
  'an item stays only in an album that the link does not open': {
    async does(share) {
      await call(share, 'POST', '/albums', { title: 'Another', items: [first(share)] })
      await call(share, 'POST', `/albums/${share.album.id}/items/remove`, { items: [first(share)] })
    },
    breaks: ofFirst,
  },
  'an item is deleted': { does: (share) => call(share, 'DELETE', `/items/${first(share)}`), breaks: ofFirst },
  'the album is deleted': {
    does: (share) => call(share, 'DELETE', `/albums/${share.album.id}`),
    breaks: everything,
  },
  'the link opens another album instead': {
    async does(share) {
      const other = await postShare(web.url, { 'c.jpg': await jpeg('red') }, {}, bearer(share.ownerKey))
      await edit({ albums: [other.album.id] })(share)
    },
    breaks: everything,
  },
  'downloads are turned off': { does: edit({ allow: { downloads: false } }), breaks: files },
  'the policy becomes stricter': { does: edit({ metadata: 'no-location' }), breaks: files },
  'it is given a password': { does: edit({ password: 'open sesame' }), breaks: everything },
  'its password is changed': {
    does: edit({ password: 'close sesame' }),
    fields: { password: 'open sesame' },
    breaks: everything,
  },
  'its address is changed': { does: edit({ secret: null }), breaks: everything },
  'it is stopped': { does: (share) => call(share, 'DELETE', `/links/${share.link.id}`), breaks: everything },
  'all are stopped': { does: (share) => call(share, 'DELETE', '/links'), breaks: everything },
  'its end is moved to now': {
    async does(share) {
      await edit({ expiresAt: new Date(web.ports.clock.now() + hour).toISOString() })(share)
      web.ports.clock.move(hour)
    },
    breaks: everything,
  },
  'its end comes': {
    does: (share) => {
      web.ports.clock.move(Date.parse(share.link.expiresAt) - web.ports.clock.now())
      return Promise.resolve()
    },
    breaks: everything,
  },
  'it shows more than before': {
    async does(share) {
      await edit({ metadata: 'everything', allow: { details: false }, showsCover: false })(share)
      await edit({ allow: { details: true }, showsCover: true, expiresInDays: 29 })(share)
      await call(share, 'PATCH', `/albums/${share.album.id}`, { title: 'Another title', order: 'hand' })
      const other = await postShare(web.url, { 'c.jpg': await jpeg('blue') }, {}, bearer(share.ownerKey))
      await edit({ albums: [share.album.id, other.album.id] })(share)
      await call(share, 'POST', `/albums/${share.album.id}/items`, { items: [other.items[0]?.id] })
    },
    breaks: [],
  },
}

async function unlocked({ link }: ShareAnswer, password: string | undefined): Promise<string> {
  if (password === undefined) return ''
  const jar = newJar()
  const secret = new URL(link.url).pathname.split('/').at(-1)
  const res = await jar.fetch(`${web.url}/api/v1/s/${secret}/unlock`, json('POST', { password }))
  expect(res.status).toBe(204)
  return res.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ')
}

describe.each(Object.entries(ways))('running downloads when %s', (_, { does, breaks, fields = {} }) => {
  it(`break within 5 seconds if they are no longer to be had: ${breaks.join(', ') || 'none'}`, async () => {
    const share = await shareHuge(web, ['a.jpg', 'b.jpg'], fields)
    const running = await beginAll(share, await unlocked(share, fields['password']))
    try {
      const ended = new Map<string, { at: number; isWhole: boolean }>()
      for (const [what, one] of Object.entries(running)) void one.ended.then((end) => ended.set(what, end))
      await does(share)
      const doneAt = Date.now()
      await expect
        .poll(() => breaks.filter((what) => !ended.has(what)), { timeout: onBusyMachine(promisedMs) })
        .toEqual([])
      for (const { at } of ended.values()) expect(at - doneAt).toBeLessThan(onBusyMachine(promisedMs))
      expect([...ended.values()].filter(({ isWhole }) => isWhole)).toEqual([])
      // As long as the watch takes for its next round.
      const others = Object.entries(running).filter(([what]) => !breaks.includes(what))
      const before = new Map(others.map(([what, { bytes }]) => [what, bytes()]))
      const isOn = ([what, { bytes }]: [string, Download]): boolean =>
        ended.has(what) || bytes() > (before.get(what) ?? 0) + 2.5 * slow.bytesPerSecond
      await expect.poll(() => others.every(isOn), { timeout: 30_000 }).toBe(true)
      expect([...ended.keys()].sort()).toEqual([...breaks].sort())
    } finally {
      for (const one of Object.values(running)) one.leave()
    }
  })
})
