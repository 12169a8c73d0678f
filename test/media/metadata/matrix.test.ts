import { readFile } from 'node:fs/promises'
import { brotliDecompressSync, inflateSync } from 'node:zlib'
import { ExifTool } from 'exiftool-vendored'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openExiftool } from '../../../src/media/tools/exiftool.ts'
import { typeOf } from '../../../src/media/metadata/inspect.ts'
import { createCleaner } from '../../../src/media/metadata/index.ts'
import type { Cleaned, MediaType } from '../../../src/media/types.ts'
import { samples } from '../samples.ts'
import { type Fixture, locationTexts, makeFixtures, personalTexts } from './canaries.ts'
import { openFolder, picturesOf } from './support.ts'

/*
 * Formats × policies. What is asserted is read by means of its own: exiftool run from here with every unknown and
 * embedded tag, a search of the bytes and of what is packed in them, and decoders.
 */
const policies = ['no-location', 'none'] as const
const folder = await openFolder()
const pool = openExiftool({ maxProcs: 2 })
const cleaner = createCleaner({ exiftool: pool })
const reader = new ExifTool({ maxProcs: 2, taskTimeoutMillis: 60_000, useMWG: false })
const fixtures: Fixture[] = await makeFixtures(folder.at)

afterAll(async () => {
  await Promise.all([pool.end(), reader.end()])
  await folder.remove()
})

type Tags = Record<string, unknown>

async function readAll(file: string): Promise<Tags> {
  const args = ['-n', '-a', '-u', '-U', '-ee3', '-G0:1:2:3']
  return { ...(await reader.readRaw(file, { readArgs: args, useMWG: false })) }
}

/** What is read of a source is the same under each policy. */
function once<Result>(work: (file: string) => Promise<Result>): (file: string) => Promise<Result> {
  const known = new Map<string, Promise<Result>>()
  return (file) => {
    const result = known.get(file) ?? work(file)
    known.set(file, result)
    return result
  }
}

const readSource = once(readAll)

function nameOf(key: string): string {
  return key.split(':').at(-1) ?? key
}

/** Tags that tell of a place, by their names and by exiftool's own opinion, and any position in a value. */
function placesIn(tags: Tags): string[] {
  const silent =
    /^(GPSVersionID|GPSMapDatum|GPS\w*Ref|FocusLocation\d?|WorldTimeLocation|TimeZoneCity|GeoTiffVersion)$|_0x/
  return Object.entries(tags)
    .filter(([key, value]) => {
      const text = String(value)
      if (/[+-]\d{2,3}\.\d{3,}[+-]\d{2,3}\.\d{3,}/.test(text)) return /[1-9]/.test(text)
      const named = /GPS|Latitude|Longitude|^City$|^Country$|^State$|Landmark|^Location/.test(nameOf(key))
      if (!named && !/:Location:/.test(key)) return false
      return !silent.test(nameOf(key)) && !/^[\s-]*$/.test(text)
    })
    .map(([key, value]) => `${key}=${String(value).slice(0, 40)}`)
}

/** Dates in whatever tag, but for those of the colour profile and of the file itself, and each format's zero. */
function datesIn(tags: Tags): string[] {
  return Object.entries(tags)
    .filter(([key, value]) => {
      if (/^(File|ICC_Profile|SourceFile|ExifTool):?/.test(key)) return false
      return (
        /^(19|20)\d\d[:-]\d\d[:-]\d\d/.test(String(value)) && !/^(1904|2001):01:01 00:00/.test(String(value))
      )
    })
    .map(([key, value]) => `${key}=${String(value)}`)
}

/** The first of these tags in the main document; dates without what only one of the containers writes. */
function first(tags: Tags, ...names: string[]): string | null {
  for (const name of names) {
    const found = Object.entries(tags).find(
      ([key]) => nameOf(key) === name && !/Composite|:Doc\d|MakerNotes|^XMP/.test(key),
    )
    if (found) return String(found[1]).slice(0, 19)
  }
  return null
}

/** Every text of a file that is packed: PNG's, and Brotli boxes of JPEG XL. */
function unpacked(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = []
  if (bytes.toString('latin1', 1, 4) === 'PNG') {
    for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
      const body = bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at))
      if (!/^[zi]T/.test(bytes.toString('latin1', at + 4, at + 8))) continue
      for (let start = 0; start < Math.min(body.length, 80); start++) {
        try {
          parts.push(inflateSync(body.subarray(start)))
        } catch {
          continue
        }
      }
    }
  }
  for (let at = bytes.indexOf('brob'); at >= 0; at = bytes.indexOf('brob', at + 1)) {
    const length = bytes.readUInt32BE(at - 4)
    parts.push(brotliDecompressSync(bytes.subarray(at + 8, at - 4 + length)))
  }
  return parts
}

function holds(bytes: Buffer, text: string): boolean {
  const needles = [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')]
  return [bytes, ...unpacked(bytes)].some((part) => needles.some((needle) => part.includes(needle)))
}

/** GPS rationals (three of eight bytes, as Exif writes them) of a position that the source tells. */
function rationalsIn(source: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (const magic of ['II*\0', 'MM\0*']) {
    for (let at = source.indexOf(magic, 0, 'latin1'); at >= 0; at = source.indexOf(magic, at + 1, 'latin1')) {
      const little = magic.startsWith('II')
      const u16 = (offset: number) => (little ? source.readUInt16LE(offset) : source.readUInt16BE(offset))
      const u32 = (offset: number) => (little ? source.readUInt32LE(offset) : source.readUInt32BE(offset))
      try {
        const directory = at + u32(at + 4)
        for (let index = 0; index < u16(directory); index++) {
          const field = directory + 2 + 12 * index
          if (u16(field) !== 0x8825) continue
          const gps = at + u32(field + 8)
          for (let entry = 0; entry < Math.min(u16(gps), 40); entry++) {
            const tag = gps + 2 + 12 * entry
            if (u16(tag) !== 2 && u16(tag) !== 4) continue
            const value = at + u32(tag + 8)
            if (u32(value) > 0) found.push(source.subarray(value, value + 24))
          }
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
  }
  return found.filter((value) => value.length === 24)
}

const pictures = new Map<string, Promise<unknown>>()

async function expectSame(source: string, copy: string, type: MediaType): Promise<void> {
  pictures.set(source, pictures.get(source) ?? picturesOf(source, type, reader))
  expect(await picturesOf(copy, type, reader)).toEqual(await pictures.get(source))
}

async function expectKept(
  source: Tags,
  copy: Tags,
  policy: string,
  type: MediaType,
  lost: readonly string[],
) {
  const dates = ['DateTimeOriginal', 'CreationDate', 'CreateDate', 'DateCreated']
  if (policy === 'none') expect(datesIn(copy)).toEqual([])
  else if (!lost.includes('the capture date') && first(source, 'DateTimeOriginal', 'CreationDate')) {
    expect(first(copy, ...dates)).toBe(first(source, ...dates))
  }
  if (type.format !== 'jxl') {
    expect(first(copy, 'Orientation') ?? '1').toBe(first(source, 'Orientation') ?? '1')
  }
  if (type.format !== 'jpeg') expect(first(copy, 'Rotation')).toBe(first(source, 'Rotation'))
  expect(first(copy, 'ProfileDescription')).toBe(first(source, 'ProfileDescription'))
  // What JPEG XL packs, exiftool cannot read in the source.
  if (
    policy === 'no-location' &&
    type.format !== 'jxl' &&
    !lost.some((what) => /metadata|beside/.test(what))
  ) {
    expect(first(copy, 'Make')).toBe(first(source, 'Make'))
  }
}

function clean(cleaned: Cleaned): Extract<Cleaned, { state: 'clean' }> {
  if (cleaned.state !== 'clean') throw new Error(`withheld: ${cleaned.reason}`)
  return cleaned
}

/** What is written anew; in all other fixtures location goes without a byte moving. */
const writtenAnew = /^(maker-notes|machine-tags)\.jpg$|\.(gif|png|jxl|mts)$/

describe.each(policies)('%s, files of our own', (policy) => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s', async (name, fixture) => {
    const output = folder.at(`${policy}--${name}`)
    const cleaned = await cleaner.clean(fixture.path, fixture.type, policy, output)
    if (policy === 'none' && fixture.none) {
      expect(cleaned.state).toBe('withheld')
      return
    }
    const { lost } = clean(cleaned)
    const [before, after] = [await readSource(fixture.path), await readAll(output)]
    expect(placesIn(after)).toEqual([])
    const bytes = await readFile(output)
    const source = await readFile(fixture.path)
    if (policy === 'no-location' && !writtenAnew.test(name)) {
      expect(bytes.length).toBe(source.length)
      expect(lost).toEqual(
        name === 'subtitles.mp4' || name === 'fragmented.mp4' ? ['a text track that told of the place'] : [],
      )
    }
    const held = locationTexts.filter((text) => holds(bytes, text))
    expect(held).toEqual([])
    expect(rationalsIn(source).filter((value) => bytes.includes(value))).toEqual([])
    expect(/[+-]\d{2,3}\.\d{3,}[+-]\d{2,3}\.\d{3,}/.test(bytes.toString('latin1'))).toBe(false)
    expect(bytes.includes('MCC_Data228')).toBe(false)
    // Boxes of a place, which in a still's own MP4 exiftool does not open; `loci` holds binary numbers.
    expect(['loci', '\xa9xyz'].filter((type) => bytes.includes(type, 0, 'latin1'))).toEqual([])
    expect(lost).not.toContain('the capture date')
    // What was packed by Brotli stays, in a form that every reader opens.
    if (policy === 'no-location' && fixture.type.format === 'jxl') expect(first(after, 'Make')).toBe('Canary')
    if (policy === 'none')
      expect([...personalTexts, '2024:05:01'].filter((text) => holds(bytes, text))).toEqual([])
    await expectSame(fixture.path, output, fixture.type)
    await expectKept(before, after, policy, fixture.type, lost)
  })
})

describe('what stays beside the location', () => {
  test('a motion photo keeps its video, whose streams are the same', async () => {
    const still = folder.at('no-location--motion.jpg')
    const video = async (file: string) => {
      const bytes = await readFile(file)
      return bytes.subarray(bytes.lastIndexOf('ftyp') - 4)
    }
    const [before, after] = [await video(folder.at('motion.jpg')), await video(still)]
    expect(after.length).toBe(before.length)
    expect(after.equals(before)).toBe(false)
  })

  test('a file without location is the same, byte by byte', async () => {
    const file = folder.at('nowhere.jpg')
    await sharp(folder.at('plain.jpg')).withIccProfile('p3').jpeg().toFile(file)
    const type = await typeOf(file)
    clean(await cleaner.clean(file, type, 'no-location', folder.at('nowhere-copy.jpg')))
    expect((await readFile(folder.at('nowhere-copy.jpg'))).equals(await readFile(file))).toBe(true)
  })

  test('the source is only read', async () => {
    const fixture = fixtures[0]
    if (!fixture) throw new Error('no fixtures')
    const before = await readFile(fixture.path)
    await cleaner.clean(fixture.path, fixture.type, 'none', folder.at('again.jpg'))
    expect((await readFile(fixture.path)).equals(before)).toBe(true)
  })
})

describe.skipIf(samples().length === 0).each(policies)('%s, camera files', (policy) => {
  test.each(samples().map((sample) => [sample.file, sample] as const))('%s', async (name, sample) => {
    const type = await typeOf(sample.path)
    const output = folder.at(`${policy}--${name}`)
    const cleaned = await cleaner.clean(sample.path, type, policy, output)
    if (policy === 'none' && /^(dng|cr2|cr3)$/.test(type.format)) {
      expect(cleaned.state).toBe('withheld')
      return
    }
    const { lost } = clean(cleaned)
    const [before, after] = [await readSource(sample.path), await readAll(output)]
    expect(placesIn(after)).toEqual([])
    const bytes = await readFile(output)
    const source = await readFile(sample.path)
    expect(rationalsIn(source).filter((value) => bytes.includes(value))).toEqual([])
    expect(decimalsOf(before).filter((text) => bytes.includes(text))).toEqual([])
    const position = /[+-]\d{2,3}\.\d{3,}[+-]\d{2,3}\.\d{3,}/.exec(bytes.toString('latin1'))?.[0] ?? ''
    expect(/[1-9]/.test(position)).toBe(false)
    await expectSame(sample.path, output, type)
    await expectKept(before, after, policy, type, lost)
  })
})

function decimalsOf(tags: Tags): string[] {
  const texts = Object.entries(tags)
    .filter(([key]) => /(Latitude|Longitude)$/.test(key))
    .map(([, value]) => /\d{1,3}\.\d{3,4}/.exec(String(value))?.[0] ?? '')
  return [...new Set(texts)].filter((text) => text.length >= 6)
}

beforeAll(() => {
  sharp.cache(false)
})
