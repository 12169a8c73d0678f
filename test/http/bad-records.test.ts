import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { onUnreadable } from '../../src/domain/records/unreadable.ts'
import { createApp } from '../../src/http/app.ts'
import { ranks } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'
import { metadata } from '../support/tus.ts'
import { routesOf, type KnownRoute } from '../support/routes.ts'

// Protection 56: one record that cannot be read affects its own object, and nothing else.

let web: TestWeb
let redis: Redis
let routes: readonly KnownRoute[]
let callers = 0
beforeAll(async () => {
  web = await startWeb({ settings: { trustProxy: 1 } })
  redis = new Redis(inject('redisUrl'))
  routes = routesOf(createApp({ ports: web.ports, settings: web.settings, stopping: { isStopping: false } }))
})
afterAll(async () => {
  redis.disconnect()
  await web.close()
})

/** Another network address for each request: what is counted by address is another test's matter. */
const someone = () => ({ 'X-Forwarded-For': `198.18.${Math.floor(++callers / 250)}.${callers % 250}` })

interface Sender {
  readonly id: string
  readonly key: string
  readonly shares: readonly ShareAnswer[]
}

/** An owner of `count` shares of two prepared photos each. */
async function sender(count: number): Promise<Sender> {
  const shares: ShareAnswer[] = []
  let headers = {}
  let key = ''
  for (let n = 0; n < count; n++) {
    const files = { 'one.jpg': await jpeg('#123456'), 'two.jpg': await jpeg('#654321') }
    const made = await postShare(web.url, files, { title: `Share ${n}` }, { ...headers, ...someone() })
    key = made.ownerKey ?? key
    headers = bearer(key)
    shares.push(made)
  }
  const id = (await findOwner(web.ports.store, key))?.id ?? ''
  for (const { items } of shares)
    for (const item of items) await makeReady(web.ports, { owner: id, id: item.id })
  return { id, key, shares }
}

const secretOf = ({ link }: ShareAnswer): string => link.url.split('/').at(-1) ?? ''

async function ask(method: string, path: string, owner?: Sender): Promise<{ status: number; text: string }> {
  const headers = { ...someone(), Accept: path.startsWith('/api') ? 'application/json' : 'text/html' }
  const cookie = owner && { Cookie: `mayfly-owner=${owner.key}` }
  const res = await fetch(web.url + path, {
    method,
    redirect: 'manual',
    headers: { ...headers, ...(owner ? { ...bearer(owner.key), ...cookie } : {}) },
  })
  return { status: res.status, text: await res.text() }
}

/** What every route that only reads answers for a share: to a visitor, and to its owner. */
async function walk(owner: Sender, share: ShareAnswer): Promise<Record<string, number>> {
  const item = share.items[0]?.id ?? ''
  const idOf = (path: string): string =>
    /\/albums\//.test(path) ? share.album.id : /\/(links|shares)\//.test(path) ? share.link.id : item
  const found: Record<string, number> = {}
  for (const { method, path } of routes) {
    if (method !== 'GET' || /events|metrics|readyz|healthz/.test(path)) continue
    const isVisitors = path.includes(':secret')
    const at = path.replace(':secret', secretOf(share)).replace(':id', isVisitors ? item : idOf(path))
    if (/[:*{]/.test(at)) continue
    found[path] = (await ask('GET', at, isVisitors ? undefined : owner)).status
  }
  return found
}

const bytesUnder = async (prefix: string): Promise<string[]> => {
  const found: string[] = []
  for await (const { key } of web.ports.bucket.list(prefix)) found.push(key)
  return found
}

const prefixesOf = ({ album, items }: ShareAnswer): string[] => [
  `albums/${album.id}/`,
  ...items.map(({ id }) => `items/${id}/`),
]

async function expectGone(share: ShareAnswer): Promise<void> {
  for (const prefix of prefixesOf(share)) expect(await bytesUnder(prefix), prefix).toEqual([])
}

/** Each way in which a stored text may be bad. */
const damages: Record<string, (text: string) => string> = {
  'cut short': (text) => text.slice(0, Math.floor(text.length / 2)),
  'of another type': () => '[1,2,3]',
  'a mere text': () => '"x"',
  'of an unknown newer version': (text) => {
    const record: unknown = JSON.parse(text)
    return JSON.stringify({ ...(record as object), v: 999 })
  },
  empty: () => '',
  null: () => 'null',
  'with null fields': (text) => {
    const record = JSON.parse(text) as object
    return JSON.stringify(Object.fromEntries(Object.keys(record).map((key) => [key, null])))
  },
}

async function damage(key: string, how: (text: string) => string): Promise<void> {
  const full = web.ports.prefix + key
  const before = await redis.get(full)
  if (before === null) throw new Error(`there is no ${key}`)
  await redis.set(full, how(before))
}

async function damageField(key: string, field: string, text: string): Promise<void> {
  const full = web.ports.prefix + key
  expect(await redis.hexists(full, field)).toBe(1)
  await redis.hset(full, field, text)
}

/** What a living share answers to everybody; the same for all of them. */
let usual: Record<string, number>
beforeAll(async () => {
  const one = await sender(1)
  usual = await walk(one, one.shares[0]!)
  expect(Object.keys(usual).length).toBeGreaterThan(25)
  expect(Math.max(...Object.values(usual))).toBeLessThan(500)
})

async function expectUnharmed(owner: Sender, share: ShareAnswer): Promise<void> {
  expect(await walk(owner, share)).toEqual(usual)
}

/** No route may fail on our side, whatever it is asked about the damaged share. */
async function expectNoFailure(owner: Sender, share: ShareAnswer): Promise<Record<string, number>> {
  const found = await walk(owner, share)
  expect(Object.entries(found).filter(([, status]) => status >= 500)).toEqual([])
  return found
}

async function removeAllDue(...owners: Sender[]): Promise<void> {
  await sweep(web.ports)
  for (const { id } of owners) await removeDue(web.ports, id)
}

const records: Record<string, (owner: Sender, share: ShareAnswer) => string> = {
  link: ({ id }, { link }) => keys.link(id, link.id),
  album: ({ id }, { album }) => keys.album(id, album.id),
  item: ({ id }, { items }) => keys.item(id, items[0]!.id),
  entrance: (_, share) => keys.entrance(hashToken(secretOf(share))),
  owner: ({ id }) => keys.owner(id),
}

describe.each(Object.keys(records))('a %s that cannot be read', (kind) => {
  const keyOf = records[kind]!

  it.each(Object.keys(damages))('%s: its owner sees, stops and deletes all others, and it', async (way) => {
    const [a, b] = [await sender(3), await sender(1)]
    const [bad, good, third] = a.shares
    if (!bad || !good || !third) throw new Error('too few shares')
    await damage(keyOf(a, bad), damages[way]!)

    await expectNoFailure(a, bad)
    await expectUnharmed(a, good)
    await expectUnharmed(b, b.shares[0]!)
    const list = await ask('GET', '/api/v1/links', a)
    for (const { link } of a.shares) expect(list.text).toContain(link.id)

    if (kind === 'link' || kind === 'entrance')
      for (const path of ['', '/zip', `/items/${bad.items[0]!.id}/download`])
        expect((await ask('GET', `/s/${secretOf(bad)}${path}`)).status).toBe(404)

    expect((await ask('DELETE', `/api/v1/links/${good.link.id}`, a)).status).toBe(204)
    expect((await ask('DELETE', `/api/v1/links/${bad.link.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(good)
    await expectGone(bad)
    expect((await ask('GET', `/s/${secretOf(good)}`)).status).toBe(410)
    expect([404, 410]).toContain((await ask('GET', `/s/${secretOf(bad)}`)).status)
    await expectUnharmed(a, third)
    await expectUnharmed(b, b.shares[0]!)
  })

  it.each(['cut short', 'of an unknown newer version', 'empty'])(
    '%s: everything of its owner stops at once',
    async (way) => {
      const [a, b] = [await sender(2), await sender(1)]
      await damage(keyOf(a, a.shares[0]!), damages[way]!)
      const res = await ask('DELETE', '/api/v1/links', a)
      expect(res.status).toBe(200)
      await removeAllDue(a)
      for (const share of a.shares) {
        await expectGone(share)
        expect([404, 410]).toContain((await ask('GET', `/s/${secretOf(share)}`)).status)
      }
      await expectUnharmed(b, b.shares[0]!)
    },
  )

  it('expires with its bytes, as all others do', async () => {
    const a = await sender(2)
    await damage(keyOf(a, a.shares[0]!), damages['cut short']!)
    web.ports.clock.move(32 * 86_400_000)
    await removeAllDue(a)
    for (const share of a.shares) {
      await expectGone(share)
      expect([404, 410]).toContain((await ask('GET', `/s/${secretOf(share)}`)).status)
    }
    // Its mark goes, too.
    web.ports.clock.move(62 * 86_400_000)
    await removeAllDue(a)
    await removeAllDue(a)
    const [links] = await web.ports.store.read([ranks(keys.links(a.id))])
    expect(links).toEqual([])
  })
})

describe('an item that cannot be read', () => {
  it('is shown as failed to its owner, is not served, and can be deleted with its bytes', async () => {
    const a = await sender(1)
    const share = a.shares[0]!
    const [item, other] = share.items
    await damage(keys.item(a.id, item!.id), damages['cut short']!)
    const list = await ask('GET', `/api/v1/albums/${share.album.id}`, a)
    expect(JSON.parse(list.text)).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ id: item!.id, state: 'failed' })]),
    })
    for (const path of ['', '/thumb', '/preview', '/download'])
      expect((await ask('GET', `/s/${secretOf(share)}/items/${item!.id}${path}`)).status).toBe(404)
    expect((await ask('DELETE', `/api/v1/items/${item!.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    expect(await bytesUnder(`items/${item!.id}/`)).toEqual([])
    expect((await bytesUnder(`items/${other!.id}/`)).length).toBeGreaterThan(0)
    expect((await ask('GET', `/s/${secretOf(share)}/zip`)).status).toBe(200)
  })

  it('keeps no album from being deleted, nor the items beside it from being taken out', async () => {
    const a = await sender(1)
    const share = a.shares[0]!
    await damage(keys.item(a.id, share.items[0]!.id), damages['null']!)
    const res = await fetch(`${web.url}/api/v1/albums/${share.album.id}/items/remove`, {
      method: 'POST',
      headers: { ...bearer(a.key), ...someone(), 'Content-Type': 'application/json' },
      body: JSON.stringify({ items: [share.items[1]!.id] }),
    })
    expect(res.status).toBe(204)
    expect((await ask('DELETE', `/api/v1/albums/${share.album.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(share)
  })
})

describe('an album that cannot be read', () => {
  it('stands in its owner’s list and can be deleted', async () => {
    const a = await sender(2)
    const [bad, good] = a.shares
    await damage(keys.album(a.id, bad!.album.id), damages['empty']!)
    expect((await ask('GET', '/api/v1/albums', a)).text).toContain(bad!.album.id)
    expect((await ask('DELETE', `/api/v1/albums/${bad!.album.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(bad!)
    await expectUnharmed(a, good!)
  })
})

describe('a link that cannot be read', () => {
  it('keeps no album from being deleted', async () => {
    const a = await sender(1)
    const share = a.shares[0]!
    await damage(keys.link(a.id, share.link.id), damages['cut short']!)
    expect((await ask('DELETE', `/api/v1/albums/${share.album.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(share)
    expect([404, 410]).toContain((await ask('GET', `/s/${secretOf(share)}`)).status)
  })
})

describe('what is kept beside records', () => {
  it.each([
    ['summaries', 'cut short', (text: string) => text.slice(0, -8)],
    ['summaries', 'empty', () => ''],
    ['summaries', 'something else', () => '{}'],
    ['catalog', 'cut short', (text: string) => text.slice(0, -3)],
    ['catalog', 'empty', () => ''],
    ['catalog', 'of another form', () => '[null]'],
    ['catalog', 'two at once', (text: string) => `${text},${text}`],
  ] as const)('%s, %s: made anew of the item’s record', async (kind, _, how) => {
    const a = await sender(1)
    const share = a.shares[0]!
    const key = keys[kind](a.id)
    const id = share.items[0]!.id
    const text = (await redis.hget(web.ports.prefix + key, id)) ?? ''
    await damageField(key, id, how(text))
    await expectUnharmed(a, share)
    const library = await ask('GET', '/api/v1/library?kind=month', a)
    expect(library.status).toBe(200)
    expect((await ask('GET', `/api/v1/s/${secretOf(share)}`)).text).toContain(id)
  })

  it.each(['counts', 'usage', 'version'] as const)('%s that are no number stop nothing', async (kind) => {
    const a = await sender(2)
    const [share, other] = a.shares
    if (kind === 'version') await damage(keys.version(a.id), () => 'many')
    else {
      const key = kind === 'usage' ? keys.usage(a.id) : keys.linkCounts(a.id, share!.link.id)
      const fields = kind === 'usage' ? ['bytes'] : ['visits', 'downloads', 'lastVisitAt']
      for (const field of fields) await redis.hset(web.ports.prefix + key, field, 'many')
    }
    await expectUnharmed(a, share!)
    await postShare(web.url, { 'x.jpg': await jpeg('#111') }, {}, { ...bearer(a.key), ...someone() })
    expect((await ask('DELETE', `/api/v1/links/${share!.link.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(share!)
    await expectUnharmed(a, other!)
  })

  it('an upload under way whose record or bytes cannot be read is ended by the sweep, beside others', async () => {
    const a = await sender(1)
    const create = async (): Promise<string> => {
      const res = await fetch(`${web.url}/api/v1/uploads`, {
        method: 'POST',
        headers: {
          ...bearer(a.key),
          ...someone(),
          'Tus-Resumable': '1.0.0',
          'Upload-Length': '1000',
          'Upload-Metadata': metadata({ album: a.shares[0]!.album.id, filename: 'a.jpg' }),
        },
      })
      expect(res.status).toBe(201)
      return res.headers.get('location')?.split('/').at(-1) ?? ''
    }
    const [first, second, third] = [await create(), await create(), await create()]
    await damage(keys.resumable(a.id, first), damages['cut short']!)
    await damage(keys.uploadBytes(a.id, second), () => 'many')
    for (const id of [first, second, third]) {
      const { status } = await ask('HEAD', `/api/v1/uploads/${id}`, a)
      expect(status).toBeLessThan(500)
    }
    web.ports.clock.move(80 * 3_600_000)
    await sweep(web.ports)
    expect(await redis.zcard(`${web.ports.prefix}${keys.uploads}`)).toBe(0)
  })
})

describe('a record that cannot be read', () => {
  it('is told to the operator once, by its key, without what stood in it', async () => {
    const a = await sender(1)
    const told: object[] = []
    const end = onUnreadable((unreadable) => told.push(unreadable))
    const key = keys.album(a.id, a.shares[0]!.album.id)
    await damage(key, (text) => text.replace('"title":"Share 0"', '"title":Share 0'))
    await ask('GET', '/api/v1/albums', a)
    await ask('GET', '/api/v1/albums', a)
    end()
    expect(told).toEqual([{ key, kind: 'album', problem: 'it is not JSON' }])
  })
})

describe('records of 0.1.0, which name no version', () => {
  it('are read as they are, and have today’s version once they change', async () => {
    const a = await sender(1)
    const share = a.shares[0]!
    const all = Object.values(records).map((keyOf) => keyOf(a, share))
    for (const key of all)
      await damage(key, (text) => {
        const { v, ...old } = JSON.parse(text) as { v: number }
        expect(v).toBe(2)
        return JSON.stringify(old)
      })
    await expectUnharmed(a, share)
    const res = await fetch(`${web.url}/api/v1/links/${share.link.id}`, {
      method: 'PATCH',
      headers: { ...bearer(a.key), ...someone(), 'Content-Type': 'application/json' },
      body: JSON.stringify({ label: 'new' }),
    })
    expect(res.status).toBe(200)
    const text = await redis.get(web.ports.prefix + keys.link(a.id, share.link.id))
    expect(JSON.parse(text ?? '')).toMatchObject({ v: 2 })
    expect((await ask('DELETE', `/api/v1/links/${share.link.id}`, a)).status).toBe(204)
    await removeAllDue(a)
    await expectGone(share)
  })
})
