import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { updateAlbum } from '../../src/domain/albums/album.ts'
import { updateItem } from '../../src/domain/items/item.ts'
import { enqueueBundles } from '../../src/domain/preparing/bundle.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import type { Album, Item } from '../../src/domain/records/records.ts'
import type { Share } from '../../src/domain/links/share.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { ranks } from '../../src/ports.ts'
import type { Bucket, Ports } from '../../src/ports.ts'
import { bundle } from '../../workers/bundle.ts'
import { card } from '../../workers/card.ts'
import { prepare } from '../../workers/prepare.ts'
import { picture } from '../media/fixtures.ts'
import {
  albumOf,
  bytesOf,
  filesOfEachFormat,
  itemOf,
  keysBelow,
  openBench,
  run,
  shareFiles,
} from './bench.ts'
import type { Bench, File } from './bench.ts'

let bench: Bench
let files: File[]
beforeAll(async () => {
  bench = await openBench()
  files = await filesOfEachFormat(bench.folder)
})
afterAll(() => bench.close())

const tries = { lastTry: false, signal: new AbortController().signal }
const fileOf = (name: string): File => files.find((file) => file.name === name)!

async function prepared(
  given: File[],
  policy: 'no-location' | 'none' | 'everything' = 'no-location',
): Promise<Share> {
  const share = await shareFiles(bench.ports, given, { metadata: policy })
  for (const { owner, id } of share.items) await prepare(bench, { kind: 'prepare', owner, item: id }, tries)
  return share
}
const bundleOf = ({ owner, id }: Album, ports: Ports = bench.ports) =>
  bundle({ ports, makesBundles: true }, { kind: 'bundle', owner, album: id }, tries)
const cardOf = ({ owner, id }: Album) => card(bench, { kind: 'card', owner, album: id })

/** Writes an object to a file of the test's own, for programs that read files. */
async function fetched(key: string, name: string): Promise<string> {
  const path = join(bench.folder, name)
  await writeFile(path, (await bytesOf(bench.ports, key))!)
  return path
}

describe('bundle', { timeout: 240_000 }, () => {
  it('is a ZIP of every copy under safe unique names, dated by capture', async () => {
    const { ports } = bench
    const { album, items } = await prepared([
      fileOf('a.jpg'),
      { ...fileOf('a.jpg'), name: 'A.JPG' },
      fileOf('a.heic'),
      fileOf('a.mov'),
    ])
    await bundleOf(album)
    const after = (await albumOf(ports, album))!
    const stored = after.bundles['no-location']!
    expect(stored.version).toBe(after.version)
    const zip = await fetched(objects.bundle(album.id, 'no-location', stored.version), 'bundle.zip')
    expect((await stat(zip)).size).toBe(stored.size)
    expect((await run('sha256sum', [zip])).stdout.split(' ')[0]).toBe(stored.sha256)
    expect((await run('unzip', ['-t', zip])).stdout).toMatch(/No errors detected/)

    const folder = await mkdtemp(join(bench.folder, 'unzipped-'))
    await run('unzip', ['-q', zip, '-d', folder], { env: { TZ: 'UTC', PATH: process.env.PATH } })
    expect((await readdir(folder)).sort()).toEqual(['A (2).JPG', 'a.heic', 'a.jpg', 'a.mov'])
    const first = (await itemOf(ports, items[0]!))!
    const copy = await bytesOf(ports, objects.copy(first.id, 'no-location'))
    expect((await readFile(join(folder, 'a.jpg'))).equals(copy!)).toBe(true)
    // Wall time of the camera, as the machine's own wall time.
    expect((await stat(join(folder, 'a.jpg'))).mtime.toISOString()).toBe('2024-05-01T18:30:00.000Z')
    await rm(folder, { recursive: true })
  })

  it('has no names that say where, unless the link shows everything', async () => {
    const { ports } = bench
    const named = { ...fileOf('a.jpg'), name: 'Photo 48.8584, 2.2945.jpg' }
    for (const [policy, expected] of [
      ['no-location', ['Photo.jpg', 'a.png']],
      ['everything', [named.name, 'a.png']],
    ] as const) {
      const { album } = await prepared([named, fileOf('a.png')], policy)
      await bundleOf(album)
      const { version } = (await albumOf(ports, album))!
      const zip = await fetched(objects.bundle(album.id, policy, version), 'named.zip')
      expect((await run('unzip', ['-Z1', zip])).stdout.trim().split('\n')).toEqual(expected)
    }
  })

  it('holds the files as uploaded for a link that shows everything', async () => {
    const { ports } = bench
    const { album, items } = await prepared([fileOf('a.jpg'), fileOf('a.png')], 'everything')
    await bundleOf(album)
    const { bundles } = (await albumOf(ports, album))!
    expect(Object.keys(bundles)).toEqual(['everything'])
    const zip = await fetched(objects.bundle(album.id, 'everything', bundles.everything!.version), 'all.zip')
    const { stdout } = await run('unzip', ['-p', zip, 'a.jpg'], { encoding: 'buffer' })
    expect(stdout.equals((await bytesOf(ports, objects.original(items[0]!.id)))!)).toBe(true)
  })

  it('leaves out what is private, failed or withheld, and is not made for a single file', async () => {
    const { ports } = bench
    const { album, items } = await prepared([
      fileOf('a.jpg'),
      fileOf('a.png'),
      fileOf('a.webp'),
      fileOf('a.gif'),
      fileOf('a.avif'),
    ])
    const change = (index: number, by: Partial<Item>) =>
      updateItem(ports.store, album.owner, items[index]!.id, (item) => ({ ...item, ...by }))
    await change(0, { isPrivate: true })
    await change(1, { state: 'failed', reason: 'damaged' })
    await change(2, { copies: { 'no-location': { state: 'withheld', reason: 'it stays' } } })
    await bundleOf(album)
    const { version } = (await albumOf(ports, album))!
    const zip = await fetched(objects.bundle(album.id, 'no-location', version), 'some.zip')
    const { stdout } = await run('unzip', ['-Z1', zip])
    expect(stdout.trim().split('\n').sort()).toEqual(['a.avif', 'a.gif'])

    await change(3, { isPrivate: true })
    await updateAlbum(ports.store, album.owner, album.id, (found) => ({
      ...found,
      version: found.version + 1,
    }))
    await bundleOf(album)
    // The old one showed what is private now: it is gone.
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([])
  })

  it('waits until every item is prepared, and replaces the bundle of an older version', async () => {
    const { ports } = bench
    const { album, items } = await shareFiles(ports, [fileOf('a.jpg'), fileOf('a.png'), fileOf('a.gif')])
    const job = (item: Item) => ({ kind: 'prepare', owner: item.owner, item: item.id }) as const
    for (const item of items.slice(1)) await prepare(bench, job(item), tries)
    await bundleOf(album)
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([])
    await prepare(bench, job(items[0]!), tries)
    await bundleOf(album)
    const [first] = await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)
    // Nothing changed: nothing is made.
    const written = (await stat((await ports.bucket.localFile(first!, ''))!)).mtimeMs
    await bundleOf(album)
    expect((await stat((await ports.bucket.localFile(first!, ''))!)).mtimeMs).toBe(written)

    await updateAlbum(ports.store, album.owner, album.id, (found) => ({
      ...found,
      version: found.version + 1,
    }))
    await bundleOf(album)
    const { version } = (await albumOf(ports, album))!
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([
      objects.bundle(album.id, 'no-location', version),
    ])
  })

  it('is not recorded when the album changes while it is written, and is asked for again', async () => {
    const { ports } = bench
    const { album } = await prepared([fileOf('a.jpg'), fileOf('a.png')])
    const bucket: Bucket = {
      ...ports.bucket,
      async put(key, body, options) {
        await updateAlbum(ports.store, album.owner, album.id, (found) => ({
          ...found,
          version: found.version + 1,
        }))
        return ports.bucket.put(key, body, options)
      },
    }
    ports.queued.length = 0
    await bundleOf(album, { ...ports, bucket })
    expect((await albumOf(ports, album))!.bundles).toEqual({})
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([])
    expect(ports.queued).toContainEqual({ kind: 'bundle', owner: album.owner, album: album.id })
  })

  it.each([
    ['missing', () => Promise.resolve(null)],
    ['cut short', (size: number) => Promise.resolve({ body: Readable.from([Buffer.alloc(10)]), size })],
    [
      'broken in the middle',
      (size: number) => {
        const body = new Readable({ read() {} })
        body.push(Buffer.alloc(10))
        setTimeout(() => body.destroy(new Error('the bucket broke')), 20)
        return Promise.resolve({ body, size })
      },
    ],
  ])('fails as a whole when an object is %s', async (_what, open) => {
    const { ports } = bench
    const { album, items } = await prepared([fileOf('a.jpg'), fileOf('a.png'), fileOf('a.gif')])
    const victim = objects.copy(items[1]!.id, 'no-location')
    const bucket: Bucket = {
      ...ports.bucket,
      open: (key, range) => (key === victim ? open(1000) : ports.bucket.open(key, range)),
    }
    await expect(bundleOf(album, { ...ports, bucket })).rejects.toThrow()
    expect((await albumOf(ports, album))!.bundles).toEqual({})
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([])
  })
})

describe('card', { timeout: 240_000 }, () => {
  it.each([1, 2, 3, 4, 5, 7])('is a small JPEG of 1200 × 630 for %i items', async (count) => {
    const { ports } = bench
    const pictures = await Promise.all(
      Array.from({ length: count }, async (_, index) => ({
        name: `${index}.jpg`,
        bytes: await picture().linear(1, index).jpeg().toBuffer(),
      })),
    )
    const { album } = await prepared(pictures)
    await cardOf(album)
    const after = (await albumOf(ports, album))!
    expect(after.card!.version).toBe(after.version)
    const bytes = (await bytesOf(ports, objects.card(album.id, after.version)))!
    expect(bytes.length).toBe(after.card!.size)
    expect(bytes.length).toBeLessThanOrEqual(250_000)
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', width: 1200, height: 630 })
    expect((await sharp(bytes).metadata()).exif).toBeUndefined()
  })

  it('shows each picture in its place', async () => {
    const colors = [
      [200, 30, 30],
      [30, 160, 60],
      [40, 60, 200],
      [230, 200, 40],
      [120, 40, 160],
    ] as const
    const paths = await Promise.all(
      colors.map(async ([r, g, b], index) => {
        const path = join(bench.folder, `color-${index}.jpg`)
        await sharp({ create: { width: 800, height: 500, channels: 3, background: { r, g, b } } }).toFile(
          path,
        )
        return path
      }),
    )
    const output = join(bench.folder, 'colors.jpg')
    await bench.media.card(paths, output)
    const { data, info } = await sharp(output).raw().toBuffer({ resolveWithObject: true })
    const at = (x: number, y: number): number[] => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)]
    const seen = [at(300, 300), at(750, 150), at(750, 480), at(1050, 150), at(1050, 480)]
    for (const [index, color] of colors.entries())
      for (const channel of [0, 1, 2])
        expect(Math.abs(seen[index]![channel]! - color[channel]!)).toBeLessThan(12)
    expect(Math.min(...at(600, 300))).toBeGreaterThan(200)
  })

  it('stays small also for pictures of noise', async () => {
    const { ports } = bench
    const noise = {
      width: 1600,
      height: 1200,
      channels: 3 as const,
      background: '#888',
      noise: { type: 'gaussian' as const, mean: 128, sigma: 90 },
    }
    const bytes = await sharp({ create: noise }).jpeg({ quality: 95 }).toBuffer()
    const { album } = await prepared([{ name: 'noise.jpg', bytes }])
    await cardOf(album)
    expect((await albumOf(ports, album))!.card!.size).toBeLessThanOrEqual(250_000)
  })

  it('shows nothing private', async () => {
    const { ports } = bench
    const { album, items } = await prepared([fileOf('a.jpg')])
    await cardOf(album)
    expect((await albumOf(ports, album))!.card).not.toBeNull()
    await updateAlbum(ports.store, album.owner, album.id, (found) => ({
      ...found,
      version: found.version + 1,
    }))
    await updateItem(ports.store, album.owner, items[0]!.id, (item) => ({ ...item, isPrivate: true }))
    await cardOf(album)
    expect((await albumOf(ports, album))!.card).toBeNull()
    expect(await keysBelow(ports, `${objects.ofAlbum(album.id)}/`)).toEqual([])
  })
})

describe('a bundle and a card that could not be made', { timeout: 240_000 }, () => {
  const minute = 60_000

  /** Does what the sweep has put on the queue for an album; answers what that was. */
  async function sweepAndRun(album: Album): Promise<string[]> {
    const { ports } = bench
    ports.queued.length = 0
    await sweep(ports)
    const found = ports.queued.filter((job) => 'album' in job && job.album === album.id)
    for (const { kind } of found)
      await (kind === 'card' ? cardOf(album) : bundleOf(album)).catch(() => undefined)
    return found.map(({ kind }) => kind).sort()
  }

  it('are found by the sweep once the bucket is back, however long it was away, and made once', async () => {
    const { ports } = bench
    const { album } = await prepared([fileOf('a.jpg'), fileOf('a.png')])
    const items = join(ports.directory, 'items')
    await rename(items, `${items}-away`)
    for (let tries = 0; tries < 5; tries += 1) {
      await expect(bundleOf(album)).rejects.toThrow()
      await expect(cardOf(album)).rejects.toThrow()
    }
    expect(await sweepAndRun(album)).toEqual([])
    ports.clock.move(minute)
    expect(await sweepAndRun(album)).toEqual(['bundle', 'card'])
    // Not at each sweep: it comes every half minute.
    ports.clock.move(minute)
    expect(await sweepAndRun(album)).toEqual([])
    await rename(`${items}-away`, items)
    ports.clock.move(10 * minute)
    expect(await sweepAndRun(album)).toEqual(['bundle', 'card'])
    const after = (await albumOf(ports, album))!
    expect(after.card!.version).toBe(after.version)
    expect(after.bundles['no-location']!.version).toBe(after.version)
    ports.clock.move(60 * minute)
    expect(await sweepAndRun(album)).toEqual([])
  })

  it('are found too where the queue took neither, or lost both', async () => {
    const { ports } = bench
    const { album } = await prepared([fileOf('a.jpg'), fileOf('a.png')])
    const queue = { ...ports.queue, add: () => Promise.reject(new Error('the queue is away')) }
    await enqueueBundles({ ...ports, queue }, album.owner, [album.id])
    ports.clock.move(minute)
    expect(await sweepAndRun(album)).toEqual(['bundle', 'card'])
    expect((await albumOf(ports, album))!.card).not.toBeNull()
  })

  it('leave no note when their album is gone', async () => {
    const { ports } = bench
    const { album } = await prepared([fileOf('a.jpg'), fileOf('a.png')])
    await ports.store.commit({ writes: [{ kind: 'remove', key: keys.album(album.owner, album.id) }] })
    ports.clock.move(minute)
    expect(await sweepAndRun(album)).toEqual([])
    const [noted] = await ports.store.read([ranks(keys.unmade)])
    expect(noted.map(({ member }) => member)).not.toContain(`card/${album.owner}/${album.id}`)
  })
})
