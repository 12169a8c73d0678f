import { afterAll, beforeAll, expect, it } from 'vitest'
import { updateAlbum } from '../../src/domain/albums/album.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
let share: ShareAnswer
/** How often the store and the bucket were asked, and for how many whole records of items. */
const asked = { store: 0, bucket: 0, items: 0 }

beforeAll(async () => {
  web = await startWeb({
    ports: ({ store, bucket, ...ports }) => ({
      ...ports,
      store: {
        ...store,
        read: (queries) => {
          asked.store += 1
          asked.items += queries.filter(({ kind, key }) => kind === 'value' && /:item:\w+$/.test(key)).length
          return store.read(queries)
        },
      },
      bucket: { ...bucket, open: (...input) => ((asked.bucket += 1), bucket.open(...input)) },
    }),
  })
  share = await postShare(web.url, { 'a.jpg': await jpeg(), 'b.jpg': await jpeg('#123') })
  const redisOwner = await ownerOf(share)
  for (const { id } of share.items) await makeReady(web.ports, { owner: redisOwner, id })
})
afterAll(() => web.close())

interface Costs {
  readonly status: number
  readonly store: number
  readonly bucket: number
  readonly items: number
}

async function ownerOf({ ownerKey }: ShareAnswer): Promise<string> {
  const { findOwner } = await import('../../src/domain/owner/owner.ts')
  const owner = await findOwner(web.ports.store, ownerKey ?? '')
  if (!owner) throw new Error('no owner')
  return owner.id
}

const leastOf = (tries: readonly Costs[]): Costs | undefined =>
  tries.toSorted((one, other) => one.store - other.store)[0]

/** The least of a few tries: what watches running downloads asks the store now and then, too. */
async function costs(path: string): Promise<Omit<Costs, 'items'>> {
  const tries = [await costsOnce(path), await costsOnce(path), await costsOnce(path)]
  const { status, store, bucket } = tries.reduce((best, one) => (one.store < best.store ? one : best))
  return { status, store, bucket }
}

async function costsOnce(path: string): Promise<Costs> {
  Object.assign(asked, { store: 0, bucket: 0, items: 0 })
  const res = await fetch(`${share.link.url}${path}`, { headers: { Accept: 'text/html' } })
  await res.arrayBuffer()
  return { status: res.status, ...asked }
}

it('a picture takes one round trip to the store and at most one read of the bucket', async () => {
  for (const { id } of share.items) {
    await costs(`/items/${id}/thumb`)
    expect(await costs(`/items/${id}/thumb`)).toEqual({ status: 200, store: 1, bucket: 0 })
    expect(await costs(`/items/${id}/preview`)).toEqual({ status: 200, store: 1, bucket: 1 })
    expect(await costs(`/items/${id}/download`)).toEqual({ status: 200, store: 1, bucket: 1 })
  }
})

it('a page that was made before takes one round trip to the store and none to the bucket', async () => {
  await costs('')
  expect(await costs('')).toEqual({ status: 200, store: 1, bucket: 0 })
})

/** As any change of what visitors see does. */
async function changeAlbum(): Promise<void> {
  const owner = await ownerOf(share)
  await updateAlbum(web.ports.store, owner, share.album.id, (album) => ({
    ...album,
    version: album.version + 1,
  }))
}

it('after a change, a page takes two round trips after the gate, and reads whole only the items on it', async () => {
  const tries: Costs[] = []
  for (let round = 0; round < 3; round++) {
    await changeAlbum()
    tries.push(await costsOnce(''))
  }
  expect(leastOf(tries)).toEqual({ status: 200, store: 3, bucket: 0, items: 2 })
})

it('after a change, a ZIP of everything takes two round trips after the gate, and reads no item whole', async () => {
  const tries: Costs[] = []
  for (let round = 0; round < 3; round++) {
    await changeAlbum()
    tries.push(await costsOnce('/zip'))
  }
  expect(leastOf(tries)).toMatchObject({ status: 200, store: 3, items: 0 })
})

it('of many who ask at once for a page that was not made yet, one makes it', async () => {
  Object.assign(asked, { store: 0, bucket: 0 })
  const many = 30
  const pages = await Promise.all(
    Array.from({ length: many }, () =>
      fetch(`${share.link.url}?at=once`, { headers: { Accept: 'text/html' } }).then((res) => res.text()),
    ),
  )
  expect(new Set(pages).size).toBe(1)
  // Each passes the gate by himself.
  expect(asked.store).toBeGreaterThanOrEqual(many)
  expect(asked.store).toBeLessThan(many + 6)
})

it('what is kept in memory opens nothing once the item is private or the link stopped', async () => {
  const [a, b] = share.items
  await costs(`/items/${a?.id}/thumb`)
  const hidden = await fetch(`${web.url}/api/v1/items/${a?.id}`, {
    method: 'PATCH',
    headers: { ...bearer(share.ownerKey), 'Content-Type': 'application/json' },
    body: JSON.stringify({ isPrivate: true }),
  })
  expect(hidden.status).toBe(200)
  expect((await costs(`/items/${a?.id}/thumb`)).status).toBe(404)
  const page = await fetch(share.link.url, { headers: { Accept: 'text/html' } })
  expect(await page.text()).not.toContain(a?.id ?? '?')

  expect((await costs(`/items/${b?.id}/thumb`)).status).toBe(200)
  const stopped = await fetch(`${web.url}/api/v1/links/${share.link.id}`, {
    method: 'DELETE',
    headers: bearer(share.ownerKey),
  })
  expect(stopped.status).toBe(204)
  expect((await costs(`/items/${b?.id}/thumb`)).status).toBe(410)
  expect((await costs('')).status).toBe(410)
})

it('a page comes compressed as the browser asks', async () => {
  const big = await postShare(web.url, { 'a.jpg': await jpeg() })
  const pages = await Promise.all(
    ['br', 'gzip', 'identity'].map((encoding) =>
      fetch(big.link.url, { headers: { Accept: 'text/html', 'Accept-Encoding': encoding } }),
    ),
  )
  expect(pages.map(({ headers }) => headers.get('content-encoding'))).toEqual(['br', 'gzip', null])
  expect(pages.map(({ headers }) => headers.get('cache-control'))).toEqual(
    Array<string>(3).fill('private, no-store'),
  )
  const texts = new Set(await Promise.all(pages.map((page) => page.text())))
  expect(texts.size).toBe(1)
})
