import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
let share: ShareAnswer
/** How often the store and the bucket were asked. */
const asked = { store: 0, bucket: 0 }

beforeAll(async () => {
  web = await startWeb({
    ports: ({ store, bucket, ...ports }) => ({
      ...ports,
      store: { ...store, read: (queries) => ((asked.store += 1), store.read(queries)) },
      bucket: { ...bucket, open: (...input) => ((asked.bucket += 1), bucket.open(...input)) },
    }),
  })
  share = await postShare(web.url, { 'a.jpg': await jpeg(), 'b.jpg': await jpeg('#123') })
  const redisOwner = await ownerOf(share)
  for (const { id } of share.items) await makeReady(web.ports, { owner: redisOwner, id })
})
afterAll(() => web.close())

async function ownerOf({ ownerKey }: ShareAnswer): Promise<string> {
  const { findOwner } = await import('../../src/domain/owner.ts')
  const owner = await findOwner(web.ports.store, ownerKey ?? '')
  if (!owner) throw new Error('no owner')
  return owner.id
}

/** The least of a few tries: what watches running downloads asks the store now and then, too. */
async function costs(path: string): Promise<{ status: number; store: number; bucket: number }> {
  const tries = [await costsOnce(path), await costsOnce(path), await costsOnce(path)]
  return tries.reduce((least, one) => (one.store < least.store ? one : least))
}

async function costsOnce(path: string): Promise<{ status: number; store: number; bucket: number }> {
  Object.assign(asked, { store: 0, bucket: 0 })
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

it('a page comes compressed as the browser asks, with tags that differ', async () => {
  const big = await postShare(web.url, { 'a.jpg': await jpeg() })
  const get = (encoding: string, tag = '') =>
    fetch(big.link.url, {
      headers: { Accept: 'text/html', 'Accept-Encoding': encoding, 'If-None-Match': tag },
    })
  const pages = await Promise.all(['br', 'gzip', 'identity'].map((encoding) => get(encoding)))
  expect(pages.map(({ headers }) => headers.get('content-encoding'))).toEqual(['br', 'gzip', null])
  const texts = new Set(await Promise.all(pages.map((page) => page.text())))
  expect(texts.size).toBe(1)
  expect(new Set(pages.map(({ headers }) => headers.get('etag'))).size).toBe(3)
  expect((await get('br', pages[0]?.headers.get('etag') ?? '')).status).toBe(304)
})
