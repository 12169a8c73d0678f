/**
 * An owner with 10,000 items and 1,000 links on a real Redis: what reading a page of the library costs (the whole
 * catalog, grouped, with the records behind its covers), a page of the links, and sharing a group of 1,000 items; and
 * how long /library and /shares take over HTTP, as pages and as JSON.
 * Prints each as a ratio to its limit of 300 ms, and ends with 1 when one is over it.
 *
 *     npx tsx bench/library.ts [items] [links]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderBucket } from '../src/adapters/folder/folder-bucket.ts'
import { folderResumable } from '../src/adapters/folder/folder-resumable.ts'
import { hashedBucket, hashedResumable } from '../src/adapters/hashing/hashed-bucket.ts'
import { hashThreads } from '../src/adapters/hashing/hash-threads.ts'
import { redisEvents } from '../src/adapters/redis/redis-events.ts'
import { redisStore } from '../src/adapters/redis/redis-store.ts'
import { newAlbum, writeAlbum } from '../src/domain/albums/album.ts'
import { changeOwner } from '../src/domain/records/store/change.ts'
import { newItem, writeItems, unknownFacts } from '../src/domain/items/item.ts'
import { listLinks } from '../src/domain/links/links.ts'
import { groupKinds, readItems, readLibrary, shareGroup } from '../src/domain/library/library.ts'
import { keepOwner, newOwner } from '../src/domain/owner/owner.ts'
import type { Item } from '../src/domain/records/records.ts'
import { newLink, writeLink } from '../src/domain/links/share.ts'
import { randomToken } from '../src/domain/records/tokens.ts'
import { createApp } from '../src/http/app.ts'
import type { WebSettings } from '../src/http/context.ts'
import { listen } from '../src/http/server.ts'
import { openPlaces } from '../src/media/place/place.ts'
import type { Limits, Ports, Store } from '../src/ports.ts'
import { startRedis } from '../test/support/servers.ts'

const itemCount = Number(process.argv[2] ?? 10_000)
const linkCount = Number(process.argv[3] ?? 1000)
const limitMs = 300
const rounds = 15
const perAlbum = 1000
/** Groups and links of one page, and covers of one group. */
const perPage = 50
const covers = 4

const clock = { now: () => Date.now() }
const limits: Limits = {
  maxFileBytes: 1e9,
  maxAlbumItems: 2000,
  maxOwnerBytes: 1e12,
  maxInstanceBytes: 1e12,
  linkDaysDefault: 30,
  linkDaysMax: 30,
}
const passwords = { hash: () => Promise.resolve(''), verify: () => Promise.resolve(false) }
const towns = [
  [38.71, -9.14],
  [38.79, -9.39],
  [41.15, -8.61],
  [52.52, 13.4],
  [40.71, -73.95],
] as const

const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
const redis = await startRedis({ directory })
const store = redisStore({ url: redis.url })
try {
  await main(store)
} finally {
  await store.close()
  await redis.stop()
  await rm(directory, { recursive: true, force: true })
}

async function main(store: Store): Promise<void> {
  const owner = newOwner()
  await keepOwner({ store, clock }, owner)
  await fill(store, owner)
  console.log(`${itemCount} items and ${linkCount} links of one owner, medians of ${rounds} rounds`)
  for (const kind of groupKinds) {
    await report(`library by ${kind}`, async () => {
      const { groups } = await readLibrary(store, owner.id, kind, { from: 0, limit: perPage })
      await readItems(
        store,
        owner.id,
        groups.flatMap(({ ids }) => ids.slice(0, covers)),
      )
      return groups.length
    })
  }
  for (const [name, from] of [
    ['first', 0],
    ['last', Math.max(0, linkCount - perPage)],
  ] as const)
    await report(`${name} page of links`, async () => {
      const { links } = await listLinks({ store, clock }, owner.id, { from, limit: perPage })
      return links.length
    })
  await overHttp(store, owner.key)
  await report('share a group', async () => {
    const titleOf = () => ({ title: 'Folder', titleWithoutPlace: null, isTitleDate: false })
    const input = { kind: 'folder', key: '/Folder 1', sender: '', titleOf } as const
    await shareGroup({ store, clock, limits }, owner.id, input)
    return perAlbum
  })
}

/** The pages and the JSON as a browser and a program get them; the web process is this one. */
async function overHttp(store: Store, ownerKey: string): Promise<void> {
  const hashing = hashThreads()
  const bucket = hashedBucket(folderBucket(directory), hashing)
  const resumable = hashedResumable(folderResumable(directory), bucket, hashing)
  const events = redisEvents({ url: redis.url })
  const nothing = (): void => {}
  const ports: Ports = {
    instance: {
      state: () => ({ kind: 'together', id: 'bench' }),
      check: () => Promise.resolve({ kind: 'together', id: 'bench' }),
      close: () => Promise.resolve(),
    },
    store,
    events,
    bucket,
    resumable,
    clock,
    limits,
    passwords,
    sniff: () => Promise.resolve(null),
    firstLook: () => Promise.resolve(null),
    queue: {
      add: () => Promise.resolve(),
      groupOwner: () => Promise.resolve(),
      schedule: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  }
  const root = join(import.meta.dirname, '..')
  const settings: WebSettings = {
    publicUrl: null,
    delivery: 'proxy',
    senderPassword: null,
    trustProxy: 0,
    clientDirectory: join(root, 'dist', 'client'),
    viewsDirectory: join(root, 'views'),
  }
  const app = createApp({ ports, settings, stopping: { isStopping: false } })
  const server = await listen(app, { host: '127.0.0.1', port: 0 })
  try {
    for (const path of [
      ...groupKinds.map((kind) => `/library?by=${kind}`),
      '/shares',
      `/shares?from=${Math.max(0, linkCount - 100)}`,
      '/albums',
      '/api/v1/library?kind=region',
      '/api/v1/links',
    ])
      await report(`GET ${path}`, async () => {
        const res = await fetch(`http://127.0.0.1:${server.port}${path}`, {
          headers: { Cookie: `mayfly-owner=${ownerKey}`, Accept: 'text/html, application/json' },
        })
        const text = await res.text()
        if (!res.ok) throw new Error(`${path}: ${res.status} ${text}`)
        return text.length
      })
  } finally {
    await server.stop(0)
    await events.close()
    await resumable.close()
    await bucket.close()
  }
}

async function report(name: string, run: () => Promise<number>): Promise<void> {
  let found = await run()
  const wall: number[] = []
  const cpu: number[] = []
  for (let round = 0; round < rounds; round++) {
    const [begun, used] = [performance.now(), process.cpuUsage()]
    found = await run()
    wall.push(performance.now() - begun)
    const { user, system } = process.cpuUsage(used)
    cpu.push((user + system) / 1000)
  }
  const [time, ours] = [median(wall), median(cpu)]
  console.log(
    `${name.padEnd(30)} ${(time / limitMs).toFixed(2)} of the limit by the clock (${time.toFixed(0)} ms), ` +
      `${(ours / limitMs).toFixed(2)} by our processor time (${ours.toFixed(0)} ms); ${found} in it`,
  )
  if (time > limitMs) process.exitCode = 1
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity
}

async function fill(store: Store, owner: { id: string; key: string }): Promise<void> {
  const { find } = await openPlaces()
  const albums: string[] = []
  for (let from = 0; from < itemCount; from += perAlbum) {
    const album = newAlbum(clock.now(), owner.id, { title: `Album ${from}`, description: '', sender: '' })
    const items = Array.from({ length: Math.min(perAlbum, itemCount - from) }, (_, n) =>
      itemAt(owner.id, from + n, find),
    )
    await changeOwner(store, owner.id, (changing) => {
      writeAlbum(changing, album)
      writeItems(changing, album, items, 0)
      return Promise.resolve()
    })
    albums.push(album.id)
  }
  for (let from = 0; from < linkCount; from += perAlbum) {
    const wish = {
      label: 'For the family',
      until: { expiresInDays: 30 },
      password: null,
      metadata: 'no-location',
    } as const
    const links = await Promise.all(
      Array.from({ length: Math.min(perAlbum, linkCount - from) }, (_, n) =>
        newLink({ store, clock, passwords, limits }, owner, [albums[n % albums.length] ?? ''], wish),
      ),
    )
    await changeOwner(store, owner.id, (changing) => {
      for (const { link } of links) writeLink(changing, link)
      return Promise.resolve()
    })
  }
}

function itemAt(owner: string, n: number, find: Awaited<ReturnType<typeof openPlaces>>['find']): Item {
  const [latitude, longitude] = towns[Math.floor(n / 90) % towns.length] ?? towns[0]
  const local = new Date(Date.UTC(2020, 0, 1) + n * 5_000_000).toISOString().slice(0, 19)
  const original = { size: 4_000_000, crc32: n, sha256: 'a'.repeat(64) }
  const id = randomToken()
  const copy = { ...original, state: 'clean' as const, lost: [] }
  const rendition = { ...original, mime: 'image/webp', width: 480, height: 360 }
  return {
    ...newItem(clock, owner, {
      id,
      name: `IMG_${n}.jpg`,
      folder: `Folder ${Math.floor(n / perAlbum)}/Day ${Math.floor(n / 50)}`,
      type: { format: 'jpeg', kind: 'photo', mime: 'image/jpeg', extension: 'jpg' },
      original,
      firstLook: null,
    }),
    state: 'ready',
    facts: {
      ...unknownFacts,
      width: 4000,
      height: 3000,
      capturedAt: n % 40 === 0 ? null : { local, offset: '+01:00', source: 'EXIF:DateTimeOriginal' },
      camera: 'A camera',
      exposureTime: '1/250',
      aperture: 2.8,
      iso: 100,
      focalLength: 35,
      coordinates: { latitude, longitude, altitude: null, direction: null },
    },
    place: find(latitude, longitude),
    thumbhash: 'x'.repeat(28),
    color: '#aabbcc',
    renditions: { thumb: rendition, preview: rendition },
    copies: { 'no-location': copy },
  }
}
