import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import type { Store } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, form, pathOf, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { startRedis, type RedisProcess } from '../support/servers.ts'
import { onBusyMachine } from '../support/timing.ts'
import { createUpload, patch, tusFetch, metadata } from '../support/tus.ts'

let directory: string
let server: RedisProcess
let redis: Redis
let store: Store
let web: TestWeb
let photo: Buffer<ArrayBuffer>
let shared: ShareAnswer
let other: ShareAnswer
let upload: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-not-lasting-'))
  server = await startRedis({ directory })
  redis = new Redis(server.url)
  store = redisStore({ url: server.url })
  web = await startWeb({ ports: (ports) => ({ ...ports, store }) })
  photo = Buffer.from(await jpeg('green'))
  shared = await postShare(web.url, { 'a.jpg': photo, 'b.jpg': photo }, { title: 'Before' })
  other = await postShare(web.url, { 'a.jpg': photo }, {}, bearer(shared.ownerKey))
  upload = await createUpload(web.url, {
    ownerKey: shared.ownerKey,
    album: shared.album.id,
    size: photo.length,
  })
  await redis.config('SET', 'appendonly', 'no')
  await vi.waitFor(async () => expect((await fetch(`${web.url}/readyz`)).status).toBe(503), {
    timeout: onBusyMachine(10_000),
    interval: 100,
  })
})
afterAll(async () => {
  await web.close()
  await store.close()
  redis.disconnect()
  await server.stop()
  await rm(directory, { recursive: true, force: true })
})

const send = (method: string, path: string, body?: object) =>
  fetch(`${web.url}/api/v1${path}`, {
    method,
    headers: { ...bearer(shared.ownerKey), ...(body ? { 'Content-Type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const sendForm = (path: string) =>
  fetch(`${web.url}/api/v1${path}`, {
    method: 'POST',
    headers: bearer(shared.ownerKey),
    body: form({ 'c.jpg': photo }),
  })

const album = () => shared.album.id
const link = () => shared.link.id
const item = () => shared.items[0]?.id ?? ''

/** All that gives a sender something to rely on. */
const makes: Record<string, () => Promise<Response>> = {
  'a share': () => sendForm('/shares'),
  'a first share': () =>
    fetch(`${web.url}/api/v1/shares`, { method: 'POST', body: form({ 'c.jpg': photo }) }),
  'a share without files': () => send('POST', '/shares', { title: 'Empty' }),
  'files for an album': () => sendForm(`/albums/${album()}/items`),
  'an upload in parts': () =>
    tusFetch(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      ownerKey: shared.ownerKey,
      headers: {
        'Upload-Length': '1000',
        'Upload-Metadata': metadata({ album: album(), filename: 'a.jpg' }),
      },
    }),
  'the last part of an upload': () => patch(upload, shared.ownerKey, 0, new Uint8Array(photo)),
  'an album': () => send('POST', '/albums', { title: 'Another' }),
  'an album of items': () => send('POST', '/albums', { title: 'Some', items: [item()] }),
  'another title': () => send('PATCH', `/albums/${album()}`, { title: 'Another' }),
  'items in another album': () => send('POST', `/albums/${other.album.id}/items`, { items: [item()] }),
  'a link': () => send('POST', '/links', { albums: [album()] }),
  'a longer life': () => send('POST', `/links/${link()}/renew`, { expiresInDays: 20 }),
  'another label': () => send('PATCH', `/links/${link()}`, { label: 'Family' }),
}

describe('while the store may lose what it has answered', { timeout: 60_000 }, () => {
  it.each(Object.keys(makes))('%s is refused', async (name) => {
    const res = await makes[name]?.()
    expect(res?.status).toBe(503)
    expect(Number(res?.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('is shown what there is, what takes away is done, and once it keeps all again so is the rest', async () => {
    expect((await fetch(web.url + pathOf(shared))).status).toBe(200)
    const password = { password: 'a long enough password' }
    expect((await send('PATCH', `/links/${link()}`, password)).status).toBe(200)
    expect((await send('PATCH', `/items/${item()}`, { isPrivate: true })).ok).toBe(true)
    expect((await send('PATCH', `/items/${item()}`, { isPrivate: false })).status).toBe(503)
    expect((await send('DELETE', `/items/${shared.items[1]?.id}`)).status).toBe(204)
    expect((await send('DELETE', `/links/${other.link.id}`)).status).toBe(204)
    expect((await fetch(web.url + pathOf(other))).status).toBe(410)
    await redis.config('SET', 'appendonly', 'yes')
    await vi.waitFor(async () => expect((await sendForm('/shares')).status).toBe(201), {
      timeout: onBusyMachine(10_000),
      interval: 100,
    })
    // What had come of an upload before is kept: its sender goes on.
    expect((await patch(upload, shared.ownerKey, 0, new Uint8Array(photo))).status).toBe(204)
  })
})
