import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeOwner } from '../../src/domain/records/store/change.ts'
import { downloadsOf } from '../../src/domain/items/recipient-copies.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { arePair } from '../../src/domain/preparing/live-photo.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { fields, ranks } from '../../src/ports.ts'
import { playable } from '../../workers/playable.ts'
import { prepare } from '../../workers/prepare.ts'
import { exiftool, ffmpeg, picture } from '../media/fixtures.ts'
import { albumOf, bytesOf, itemOf, keysBelow, openBench, shareFiles, type Bench, type File } from './bench.ts'

let bench: Bench
let still: File
let video: File
beforeAll(async () => {
  bench = await openBench()
  const at = (name: string): string => join(bench.folder, name)
  await picture().jpeg().toFile(at('still.jpg'))
  await ffmpeg(
    '-f',
    'lavfi',
    '-i',
    'testsrc=size=320x240:rate=10:duration=2',
    '-c:v',
    'libx264',
    '-pix_fmt',
    'yuv420p',
    at('video.mov'),
  )
  await exiftool(
    '-q',
    '-overwrite_original',
    '-EXIF:DateTimeOriginal=2024:05:01 18:30:00',
    '-EXIF:OffsetTimeOriginal=+02:00',
    at('still.jpg'),
  )
  await exiftool('-q', '-overwrite_original', '-Keys:CreationDate=2024:05:01 18:30:01+02:00', at('video.mov'))
  still = { name: 'IMG_1.JPG', bytes: await readFile(at('still.jpg')) }
  video = { name: 'IMG_1.mov', bytes: await readFile(at('video.mov')) }
})
afterAll(() => bench.close())

const tries = { lastTry: false, signal: new AbortController().signal }
const prepareAll = (items: readonly Item[]) =>
  Promise.all(items.map(({ owner, id }) => prepare(bench, { kind: 'prepare', owner, item: id }, tries)))

async function albumItems({ owner, id }: { owner: string; id: string }): Promise<string[]> {
  const [members] = await bench.ports.store.read([ranks(keys.albumItems(owner, id))])
  return members.map(({ member }) => member)
}

describe('a Live Photo', { timeout: 240_000 }, () => {
  it.each([
    ['the still first', (items: readonly Item[]) => [[items[0]!], [items[1]!]]],
    ['the video first', (items: readonly Item[]) => [[items[1]!], [items[0]!]]],
    ['both at once', (items: readonly Item[]) => [items]],
  ])('becomes one item of two files, %s', async (_order, inOrder) => {
    const { ports } = bench
    const { items, album, link } = await shareFiles(ports, [still, video])
    for (const group of inOrder(items)) await prepareAll(group)
    const item = (await itemOf(ports, items[0]!))!
    expect(item.motion).toMatchObject({ name: 'IMG_1.mov', original: items[1]!.original })
    expect(await itemOf(ports, items[1]!)).toBeNull()
    expect(await albumItems(album)).toEqual([item.id])
    expect((await bytesOf(ports, objects.motionOriginal(item.id)))!.equals(video.bytes)).toBe(true)
    const files = downloadsOf(item, 'no-location')
    expect(files.map(({ name }) => name)).toEqual(['IMG_1.JPG', 'IMG_1.mov'])
    for (const { key, size } of files) expect((await bytesOf(ports, key))!.length).toBe(size)
    expect(ports.queued.at(-1)).toMatchObject({ kind: 'card', album: album.id })

    // Once more changes nothing, and the video's own bytes go.
    const { version } = (await albumOf(ports, album))!
    await prepareAll(items)
    expect((await albumOf(ports, album))!.version).toBe(version)
    await removeDue(ports, item.owner)
    expect(await keysBelow(ports, objects.ofItem(items[1]!.id))).toEqual([])
    const [usage] = await ports.store.read([fields(keys.usage(item.owner))])
    expect(Number(usage.bytes)).toBe(still.bytes.length + video.bytes.length)

    await playable(bench, { kind: 'playable', owner: item.owner, item: item.id }, tries)
    const { renditions } = (await itemOf(ports, item))!
    expect(renditions.motion).toMatchObject({ mime: 'video/mp4', width: 320, height: 240 })
    expect((await bytesOf(ports, objects.rendition(item.id, 'motion')))!.length).toBe(renditions.motion!.size)

    await stopSharing(ports, { owner: item.owner, link: link.id })
    await removeDue(ports, item.owner)
    expect(await keysBelow(ports, objects.ofItem(item.id))).toEqual([])
    const [after] = await ports.store.read([fields(keys.usage(item.owner))])
    expect(Number(after.bytes)).toBe(0)
  })

  it('stays two items where the video stands in another album too', async () => {
    const { ports } = bench
    const { items, album } = await shareFiles(ports, [still, video])
    const { owner, id } = items[1]!
    await changeOwner(ports.store, owner, (changing) => {
      changing.write({ kind: 'rank', key: keys.itemAlbums(owner, id), member: 'another', score: 0 })
      return Promise.resolve()
    })
    await prepareAll(items)
    expect((await itemOf(ports, items[0]!))!.motion).toBeNull()
    expect((await albumItems(album)).length).toBe(2)
  })

  it("is told by Apple's identifier, whatever the names and times", async () => {
    const { ports } = bench
    const at = (name: string): string => join(bench.folder, name)
    const identifier = '7A7D4193-1D91-4907-98F8-3B7E41D991D7'
    await writeFile(at('IMG_7.JPG'), still.bytes)
    await writeFile(at('copy of it.mov'), video.bytes)
    await writeFile(at('maker-note'), appleMakerNote(identifier))
    const write = ['-q', '-overwrite_original', '-EXIF:DateTimeOriginal=2020:01:01 00:00:00']
    await exiftool(...write, '-Make=Apple', `-MakerNoteApple<=${at('maker-note')}`, at('IMG_7.JPG'))
    await exiftool('-q', '-overwrite_original', `-Keys:ContentIdentifier=${identifier}`, at('copy of it.mov'))
    const files = await Promise.all(
      ['IMG_7.JPG', 'copy of it.mov'].map(async (name) => ({ name, bytes: await readFile(at(name)) })),
    )
    const { items, album } = await shareFiles(ports, files)
    await prepareAll(items)
    expect(await albumItems(album)).toEqual([items[0]!.id])
    const joined = (await itemOf(ports, items[0]!))!
    expect([joined.facts?.contentIdentifier, joined.motion?.name]).toEqual([identifier, 'copy of it.mov'])
  })
})

/** An Apple maker note that holds the content identifier alone: tag 0x0011 of its one directory, big-endian. */
function appleMakerNote(identifier: string): Buffer {
  const text = Buffer.from(`${identifier}\0`)
  const directory = Buffer.alloc(18)
  directory.writeUInt16BE(1, 0)
  directory.writeUInt16BE(0x0011, 2)
  directory.writeUInt16BE(2, 4)
  directory.writeUInt32BE(text.length, 6)
  directory.writeUInt32BE(14 + directory.length, 10)
  return Buffer.concat([Buffer.from('Apple iOS\0\0\x01MM', 'latin1'), directory, text])
}

describe('a pair', () => {
  const facts = (
    seconds: number,
    contentIdentifier: string | null = null,
    offset: string | null = '+02:00',
  ) =>
    ({
      ...{ duration: 2.5, contentIdentifier, embeddedMotion: false },
      capturedAt: { local: `2024-05-01T18:30:${String(seconds).padStart(2, '0')}`, offset, source: '' },
    }) as Item['facts']
  const half = (format: 'heic' | 'mov', given: Item['facts'], more: Partial<Item> = {}): Item =>
    ({
      ...{ name: `IMG_1.${format}`, folder: null, state: 'ready', isPrivate: false, motion: null },
      ...{ type: { format }, facts: given, ...more },
    }) as Item
  const isPair = (a: Item, b: Item): boolean => arePair({ still: a, video: b })

  it.each([
    ['of one name and moment', half('heic', facts(1)), half('mov', facts(3)), true],
    ['of other names', half('heic', facts(1)), half('mov', facts(1), { name: 'IMG_2.mov' }), false],
    ['of other folders', half('heic', facts(1), { folder: 'a' }), half('mov', facts(1)), false],
    ['too far apart', half('heic', facts(1)), half('mov', facts(9)), false],
    ['of one wall time in other zones', half('heic', facts(1)), half('mov', facts(1, null, '+05:00')), false],
    ['of a zone that only one tells', half('heic', facts(1, null, null)), half('mov', facts(1)), true],
    [
      'with one identifier and other names',
      half('heic', facts(1, 'x')),
      half('mov', facts(40, 'x'), { name: 'b.mov' }),
      true,
    ],
    ['with two identifiers', half('heic', facts(1, 'x')), half('mov', facts(1, 'y')), false],
    ['of which one is private', half('heic', facts(1), { isPrivate: true }), half('mov', facts(1)), false],
    [
      'of which one is not ready',
      half('heic', facts(1)),
      half('mov', facts(1), { state: 'preparing' }),
      false,
    ],
    ['of a long video', half('heic', facts(1)), half('mov', { ...facts(1)!, duration: 30 }), false],
  ])('%s', (_what, a, b, expected) => expect(isPair(a, b)).toBe(expected))
})
