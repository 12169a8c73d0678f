import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCatalog } from '../../src/domain/items/library-index.ts'
import { changeOwner, rank } from '../../src/domain/records/store/change.ts'
import { settledAlbum } from '../../src/domain/preparing/bundle.ts'
import { isDownloadable } from '../../src/domain/items/recipient-copies.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { openEntrance } from '../../src/domain/gate/slug-claims.ts'
import { mediaErrorText } from '../../src/domain/items/failure.ts'
import { beginPreparing, ownerChannel } from '../../src/domain/preparing/prepare.ts'
import { retryItem } from '../../src/domain/preparing/retry.ts'
import { newLink, writeLink } from '../../src/domain/links/share.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { MediaError, type MediaTools } from '../../src/media/types.ts'
import { BucketUnavailable, ranks, score, size, type Bucket } from '../../src/ports.ts'
import { playable } from '../../workers/playable.ts'
import { prepare } from '../../workers/prepare.ts'
import { exiftool, ffmpeg } from '../media/fixtures.ts'
import { albumOf, bytesOf, filesOfEachFormat, itemOf, keysBelow, openBench, shareFiles } from './bench.ts'
import type { Bench, File } from './bench.ts'

let bench: Bench
let files: File[]
beforeAll(async () => {
  bench = await openBench()
  files = await filesOfEachFormat(bench.folder)
})
afterAll(() => bench.close())

const firstTry = { lastTry: false, signal: new AbortController().signal }
const lastTry = { ...firstTry, lastTry: true }
const fileOf = (name: string): File => files.find((file) => file.name === name)!
const prepareItem = (item: Item, tries = firstTry) =>
  prepare(bench, { kind: 'prepare', owner: item.owner, item: item.id }, tries)
const unprepared = async (): Promise<string[]> => {
  const [members] = await bench.ports.store.read([ranks(keys.unprepared)])
  return members.map(({ member }) => member)
}

async function whole(key: string, stored: { size: number; crc32: number; sha256: string }): Promise<Buffer> {
  const bytes = await bytesOf(bench.ports, key)
  expect(bytes, key).not.toBeNull()
  expect(bytes!.length).toBe(stored.size)
  expect(crc32(bytes!)).toBe(stored.crc32)
  expect(createHash('sha256').update(bytes!).digest('hex')).toBe(stored.sha256)
  return bytes!
}

describe('prepare', { timeout: 240_000 }, () => {
  it('makes renditions and a checked copy of every format, with sizes and hashes that hold', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, files)
    for (const item of items) await prepareItem(item)
    for (const { owner, id, name } of items) {
      const item = (await itemOf(ports, { owner, id }))!
      expect([name, item.state, item.reason]).toEqual([name, 'ready', null])
      const { thumb, preview } = item.renditions
      const shown = await sharp(await whole(objects.rendition(id, 'thumb'), thumb!)).metadata()
      expect([name, shown.format]).toEqual([name, 'webp'])
      expect([name, shown.width, shown.height]).toEqual([name, thumb!.width, thumb!.height])
      await whole(objects.rendition(id, 'preview'), preview!)
      expect([name, item.thumbhash !== null, /^#[0-9a-f]{6}$/.test(item.color ?? '')]).toEqual([
        name,
        true,
        true,
      ])
      expect([name, item.facts?.width !== null]).toEqual([name, true])
      const copy = item.copies['no-location']!
      if (copy.state !== 'clean') throw new Error(`${name}: ${copy.reason}`)
      const path = join(bench.folder, `copy-${name}`)
      await writeFile(path, await whole(objects.copy(id, 'no-location'), copy))
      expect([
        name,
        await exiftool('-a', '-G1', '-ee3', '-gps*', '-location*', '-*coordinates*', path),
      ]).toEqual([name, ''])
    }
    expect(await unprepared()).toEqual([])
    // Nothing passing is left, and each item changed what visitors see.
    expect((await readdir(bench.workDirectory)).filter((name) => name !== 'media')).toEqual([])
    expect((await albumOf(ports, album))!.version).toBe(album.version + items.length)
    expect(ports.queued).toContainEqual({ kind: 'bundle', owner: album.owner, album: album.id })
    expect(ports.queued).toContainEqual({ kind: 'card', owner: album.owner, album: album.id })
  })

  it('orders an album by capture date as soon as that is known', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [fileOf('a.png'), fileOf('a.jpg')])
    for (const item of items) await prepareItem(item)
    const [order] = await ports.store.read([ranks(keys.albumItems(album.owner, album.id))])
    expect(order.map(({ member }) => member)).toEqual([items[1]!.id, items[0]!.id])
    expect(order[0]!.score).toBe(Date.parse('2024-05-01T18:30:00Z'))
  })

  it('names the place of its coordinates, and puts both into the catalog of the library', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg'), fileOf('a.png')])
    for (const item of items) await prepareItem(item)
    const [placed, other] = await Promise.all(items.map((item) => itemOf(ports, item)))
    expect(placed?.place).toMatchObject({ country: { code: 'FR' }, state: 'Île-de-France', city: 'Paris' })
    expect(other?.place).toBeNull()
    const entries = await readCatalog(ports.store, items[0]!.owner)
    expect(entries.find(({ id }) => id === placed?.id)).toMatchObject({
      capturedAt: { local: '2024-05-01T18:30:00' },
      place: placed?.place,
    })
  })

  it('fails a file that nothing opens, with a reason, and goes on with the others', async () => {
    const { ports } = bench
    const broken = Buffer.concat([fileOf('a.jpg').bytes.subarray(0, 300), Buffer.alloc(4000, 7)])
    const { items } = await shareFiles(ports, [
      fileOf('a.webp'),
      { name: 'broken.jpg', bytes: broken },
      fileOf('a.gif'),
    ])
    const [fine, damaged, alsoFine] = items
    await prepareItem(fine!)
    // Once is not enough: another child process must say the same.
    await expect(prepareItem(damaged!)).rejects.toThrow()
    await prepareItem(damaged!)
    await prepareItem(alsoFine!)
    const after = await Promise.all(items.map((item) => itemOf(ports, item)))
    expect(after.map((item) => item?.state)).toEqual(['ready', 'failed', 'ready'])
    expect(after[1]!.reason).toMatch(/damaged/)
    expect(await unprepared()).toEqual([])
    // A failed item is not tried again by a job that comes twice.
    await prepareItem(items[1]!)
    expect((await itemOf(ports, items[1]!))!.state).toBe('failed')
  })

  it('run twice, and at the same time, makes one set of renditions', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    await Promise.all([prepareItem(item), prepareItem(item)])
    const once = await itemOf(ports, item)
    const objectsOnce = await keysBelow(ports, `${objects.ofItem(item.id)}/`)
    expect(objectsOnce).toEqual(
      ['no-location', 'original', 'preview', 'small', 'thumb'].map(
        (name) => `${objects.ofItem(item.id)}/${name}`,
      ),
    )
    const seen = ports.queued.length
    await prepareItem(item)
    expect(await itemOf(ports, item)).toEqual(once)
    expect(await keysBelow(ports, `${objects.ofItem(item.id)}/`)).toEqual(objectsOnce)
    expect(ports.queued.slice(seen).filter(({ kind }) => kind === 'prepare')).toEqual([])
    await whole(objects.rendition(item.id, 'thumb'), once!.renditions.thumb!)
  })

  it('adds the copy without any personal metadata where a link asks for it, and makes nothing else again', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    await prepareItem(item)
    const before = (await itemOf(ports, item))!
    expect(before.copies.none).toBeUndefined()

    const owner = { id: item.owner, key: 'a'.repeat(52) }
    const made = await newLink(ports, owner, [album.id], {
      label: '',
      until: { expiresInDays: 1 },
      password: null,
      metadata: 'none',
    })
    await openEntrance(ports, made.link)
    await changeOwner(ports.store, owner.id, (changing) => Promise.resolve(writeLink(changing, made.link)))
    const thumb = await ports.bucket.localFile(objects.rendition(item.id, 'thumb'), bench.folder)
    const written = (await stat(thumb!)).mtimeMs
    await prepareItem(item)
    const after = (await itemOf(ports, item))!
    expect(after.state).toBe('ready')
    expect(after.copies.none?.state).toBe('clean')
    expect(after.copies['no-location']).toEqual(before.copies['no-location'])
    expect((await stat(thumb!)).mtimeMs).toBe(written)
  })

  it('leaves nothing of an item that is removed while it is being prepared', async () => {
    const { ports } = bench
    const { items, link } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    // Ended and removed in the moment before the renditions are moved in.
    const bucket: Bucket = {
      ...ports.bucket,
      async putFile(key, path, options) {
        if (key.endsWith('/thumb')) {
          await stopSharing(ports, { owner: item.owner, link: link.id })
          await removeDue(ports, item.owner)
        }
        return ports.bucket.putFile(key, path, options)
      },
    }
    await prepare(
      { ...bench, ports: { ...ports, bucket } },
      { kind: 'prepare', owner: item.owner, item: item.id },
      firstTry,
    )
    expect(await itemOf(ports, item)).toBeNull()
    expect(await keysBelow(ports, `${objects.ofItem(item.id)}/`)).toEqual([])
    expect(await unprepared()).toEqual([])
  })

  it('does not blame a file for a bucket that is away, however often it was tried', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const bucket: Bucket = { ...ports.bucket, putFile: () => Promise.reject(new BucketUnavailable('away')) }
    const broken = { ...bench, ports: { ...ports, bucket } }
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    for (let tries = 0; tries < 5; tries += 1) await prepare(broken, job, lastTry)
    expect((await itemOf(ports, item))!.state).toBe('waiting')
    expect(await unprepared()).toEqual([`${item.owner}/${item.id}`])
    await prepareItem(item)
    expect((await itemOf(ports, item))!.state).toBe('ready')
  })

  it('lets an item wait whose bytes are not there, for as long as they are not', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const away: Bucket = { ...ports.bucket, localFile: () => Promise.resolve(null) }
    const without = { ...bench, ports: { ...ports, bucket: away } }
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    for (let round = 0; round < 5; round += 1) {
      await expect(prepare(without, job, firstTry)).rejects.toThrow(/not in the bucket/)
      expect((await itemOf(ports, item))!.state).toBe('preparing')
      await prepare(without, job, lastTry)
      expect(await itemOf(ports, item)).toMatchObject({
        state: 'waiting',
        reason: expect.stringMatching(/tried again/),
      })
      expect(await unprepared()).toEqual([`${item.owner}/${item.id}`])
    }
    await prepareItem(item)
    expect(await itemOf(ports, item)).toMatchObject({ state: 'ready', reason: null, troubles: {} })
    expect(await unprepared()).toEqual([])
  })

  it('waits longer from round to round, and is queued by the sweep when its time has come', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [fileOf('a.jpg'), fileOf('a.png')])
    const [item, other] = [items[0]!, items[1]!]
    await prepareItem(other)
    const media: MediaTools = {
      ...bench.media,
      render: () => Promise.reject(new Error('killed by somebody')),
    }
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    const asked = { kind: 'prepare', owner: item.owner, item: item.id }
    for (const waitMs of [30_000, 30_000, 30_000, 60_000]) {
      const seen = ports.queued.length
      await prepare({ ...bench, media }, job, lastTry)
      ports.clock.move(waitMs - 1000)
      await sweep(ports)
      expect(ports.queued.slice(seen)).not.toContainEqual(asked)
      ports.clock.move(1000)
      await sweep(ports)
      expect(ports.queued.slice(seen)).toContainEqual(asked)
    }
    // The rest of the album waits for nothing.
    expect(await settledAlbum(ports, album.owner, album.id)).not.toBeNull()
    await prepareItem(item)
    expect((await itemOf(ports, item))!.state).toBe('ready')
  })

  it('gives a job up that ended its process three times, and lets its owner try again', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    let renders = 0
    const media: MediaTools = {
      ...bench.media,
      render: (...input) => {
        renders += 1
        return bench.media.render(...input)
      },
    }
    // A run that begins and never ends is what a process leaves that died.
    for (let died = 0; died < 3; died += 1) await beginPreparing(ports, item.owner, item.id)
    await prepare({ ...bench, media }, job, firstTry)
    expect(renders).toBe(0)
    expect(await itemOf(ports, item)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/stopped the program/),
    })
    expect(await unprepared()).toEqual([])
    expect((await albumOf(ports, album))!.version).toBe(album.version + 1)
    const retried = await retryItem(ports, item.owner, item.id)
    expect(retried).toMatchObject({ state: 'uploaded', reason: null, troubles: {} })
    expect(await unprepared()).toEqual([`${item.owner}/${item.id}`])
    await prepareItem(item)
    expect((await itemOf(ports, item))!.state).toBe('ready')
    await expect(retryItem(ports, item.owner, item.id)).rejects.toMatchObject({ reason: 'nothing-to-retry' })
  })

  it('shares what cannot be shown as a file, and says what is withheld', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const media: MediaTools = {
      ...bench.media,
      render: () => Promise.reject(new MediaError('unsupported', 'no preview')),
      clean: () => Promise.resolve({ state: 'withheld', reason: 'its place cannot be taken out' }),
    }
    await prepare({ ...bench, media }, { kind: 'prepare', owner: item.owner, item: item.id }, firstTry)
    const after = (await itemOf(ports, item))!
    expect(after).toMatchObject({ state: 'ready', renditions: {}, thumbhash: null })
    expect(after.facts?.width).toBe(300)
    expect(after.copies).toEqual({
      'no-location': { state: 'withheld', reason: 'its place cannot be taken out' },
    })
    expect(isDownloadable(after, 'no-location')).toBe(false)
    expect(isDownloadable(after, 'everything')).toBe(true)
  })

  it.each(['damaged', 'too-large', 'timeout'] as const)(
    'blames a file that is %s only the second time',
    async (reason) => {
      const { ports } = bench
      const { items } = await shareFiles(ports, [fileOf('a.jpg')])
      const item = items[0]!
      const media: MediaTools = { ...bench.media, render: () => Promise.reject(new MediaError(reason, 'no')) }
      const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
      const first = prepare({ ...bench, media }, job, firstTry)
      // What took too long takes long at once again: that waits.
      if (reason === 'timeout') await first
      else await expect(first).rejects.toThrow('no')
      expect((await itemOf(ports, item))!.state).toBe(reason === 'timeout' ? 'waiting' : 'preparing')
      await prepare({ ...bench, media }, job, firstTry)
      expect(await itemOf(ports, item)).toMatchObject({ state: 'failed', reason: mediaErrorText[reason] })
    },
  )

  it('never blames a file for a tool of which nobody can tell why it failed', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const media: MediaTools = {
      ...bench.media,
      facts: () => Promise.reject(new MediaError('tool-failed', 'no')),
    }
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    for (let tries = 0; tries < 6; tries += 1) await prepare({ ...bench, media }, job, lastTry)
    expect((await itemOf(ports, item))!.state).toBe('waiting')
    await prepareItem(item)
    expect(await itemOf(ports, item)).toMatchObject({ state: 'ready', damaged: false })
  })

  it('withholds what could not be cleaned only when that failed twice', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [fileOf('a.jpg')])
    const item = items[0]!
    const clean = () =>
      Promise.resolve({ state: 'withheld', reason: 'it is damaged', fault: 'damaged' } as const)
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    const failing = { ...bench, media: { ...bench.media, clean } }
    await expect(prepare(failing, job, firstTry)).rejects.toThrow('it is damaged')
    expect(isDownloadable((await itemOf(ports, item))!, 'no-location')).toBe(false)
    await prepare(failing, job, firstTry)
    expect((await itemOf(ports, item))!.copies).toEqual({
      'no-location': { state: 'withheld', reason: 'it is damaged' },
    })
    // The owner may have it tried again; until then it stays withheld, and is not handed out meanwhile.
    const retried = await retryItem(ports, item.owner, item.id)
    expect(isDownloadable(retried, 'no-location')).toBe(false)
    await prepareItem(item)
    expect(isDownloadable((await itemOf(ports, item))!, 'no-location')).toBe(true)
  })

  it('is done with an item that is gone', async () => {
    const { ports } = bench
    const { store } = ports
    await store.commit({ writes: [rank(keys.unprepared, 'nobody/nothing', 1)] })
    await prepare(bench, { kind: 'prepare', owner: 'nobody', item: 'nothing' }, firstTry)
    const [left] = await store.read([size(keys.unprepared)])
    expect(left).toBe(0)
  })
})

describe('playable', { timeout: 240_000 }, () => {
  it('converts what browsers do not play, tells how far it is, and leaves the album as it is', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [fileOf('a.mov'), fileOf('a.mp4')])
    for (const item of items) await prepareItem(item)
    const heard: string[] = []
    const { owner } = album
    const unsubscribe = await ports.events.subscribe(ownerChannel(owner), (news) => heard.push(news))
    const version = (await albumOf(ports, album))!.version
    const job = (item: Item) => ({ kind: 'playable', owner: item.owner, item: item.id }) as const
    for (const item of items) {
      expect(ports.queued).toContainEqual(job(item))
      await playable(bench, job(item), firstTry)
    }
    const [mov, mp4] = await Promise.all(items.map((item) => itemOf(ports, item)))
    await whole(objects.rendition(mov!.id, 'playable'), mov!.renditions.playable!)
    expect(mov!.renditions.playable!.mime).toBe('video/mp4')
    expect(mp4!.renditions.playable).toBeUndefined()
    expect((await albumOf(ports, album))!.version).toBe(version)
    const noted = await ports.store.read(items.map(({ id }) => score(keys.unplayable, `${owner}/${id}`)))
    expect(noted).toEqual([null, null])
    await unsubscribe()
    expect(heard.map((news) => JSON.parse(news) as unknown)).toContainEqual({
      ...{ item: mov!.id, name: 'a.mov', state: 'ready', reason: null },
      converted: 1,
    })
  })

  it('takes the motion out of a photo that carries it', async () => {
    const { ports } = bench
    const bytes = Buffer.concat([fileOf('a.jpg').bytes, fileOf('a.mp4').bytes])
    const { items } = await shareFiles(ports, [{ name: 'motion.jpg', bytes }])
    const item = items[0]!
    await prepareItem(item)
    await playable(bench, { kind: 'playable', owner: item.owner, item: item.id }, firstTry)
    const { renditions, facts } = (await itemOf(ports, item))!
    expect(facts?.embeddedMotion).toBe(true)
    expect(renditions.motion).toMatchObject({ width: 320, height: 240 })
    const path = join(bench.folder, 'motion.mp4')
    await writeFile(path, await whole(objects.rendition(item.id, 'motion'), renditions.motion!))
    expect(await exiftool('-a', '-G1', '-ee3', '-gps*', '-location*', '-*coordinates*', path)).toBe('')
  })

  describe('of a long video', () => {
    let long: File
    beforeAll(async () => {
      const [short, path] = [join(bench.folder, 'short.mov'), join(bench.folder, 'long.mov')]
      const source = 'testsrc2=size=1920x1080:rate=30:duration=2'
      await ffmpeg('-f', 'lavfi', '-i', source, '-c:v', 'mpeg4', '-q:v', '30', short)
      await ffmpeg('-stream_loop', '19', '-i', short, '-c', 'copy', path)
      long = { name: 'long.mov', bytes: await readFile(path) }
    })
    const noted = async ({ owner, id }: Item): Promise<boolean> => {
      const [at] = await bench.ports.store.read([score(keys.unplayable, `${owner}/${id}`)])
      return at !== null
    }

    it('ends soon after the video is removed', async () => {
      const { ports } = bench
      const { items, link } = await shareFiles(ports, [long])
      const item = items[0]!
      await prepareItem(item)
      const put: string[] = []
      const bucket: Bucket = {
        ...ports.bucket,
        putFile: (key, path, options) =>
          ports.bucket.putFile(key, path, options).finally(() => put.push(key)),
      }
      const job = { kind: 'playable', owner: item.owner, item: item.id } as const
      let begin = (): void => undefined
      const begun = new Promise<void>((resolve) => (begin = resolve))
      const unsubscribe = await ports.events.subscribe(ownerChannel(item.owner), (news) => {
        if (news.includes('"converted"')) begin()
      })
      const running = playable({ ...bench, ports: { ...ports, bucket } }, job, firstTry)
      await begun
      await unsubscribe()
      await stopSharing(ports, { owner: item.owner, link: link.id })
      await removeDue(ports, item.owner)
      await running
      // Broken off: it did not come to its end first.
      expect(put).toEqual([])
      expect(await keysBelow(ports, `${objects.ofItem(item.id)}/`)).toEqual([])
      expect(await noted(item)).toBe(false)
    })

    it('is left to another worker when this one stops', async () => {
      const { items } = await shareFiles(bench.ports, [long])
      const item = items[0]!
      await prepareItem(item)
      const stopping = new AbortController()
      const tries = { lastTry: true, signal: stopping.signal }
      const running = playable(bench, { kind: 'playable', owner: item.owner, item: item.id }, tries)
      setTimeout(() => stopping.abort(new Error('the worker is stopping')), 500)
      await expect(running).rejects.toThrow('stopping')
      expect(await noted(item)).toBe(true)
      expect((await readdir(bench.workDirectory)).filter((name) => name !== 'media')).toEqual([])
    })
  })
})
