import { copyFile, open, readFile, writeFile } from 'node:fs/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { openExiftool } from '../../../src/media/tools/exiftool.ts'
import { withBytes } from '../../../src/media/metadata/bytes/byte-source.ts'
import { checkCopy, describeOriginal, type Verdict } from '../../../src/media/metadata/check.ts'
import { createCleaner } from '../../../src/media/metadata/index.ts'
import { exiftool, ffmpeg, picture } from '../fixtures.ts'
import { canary, type Fixture, makeFixtures } from './canaries.ts'
import { openFolder } from './support.ts'

/* The check must see what a broken writer leaves or breaks: every fixture is given to it uncleaned, or harmed. */
const folder = await openFolder()
const pool = openExiftool({ maxProcs: 2 })
const cleaner = createCleaner({ exiftool: pool })
const fixtures = await makeFixtures(folder.at)

afterAll(async () => {
  await pool.end()
  await folder.remove()
})

function check(
  fixture: Fixture,
  copy: string,
  policy: 'no-location' | 'none' = 'no-location',
): Promise<Verdict> {
  return withBytes(fixture.path, async (source) =>
    checkCopy(pool, await describeOriginal(pool, fixture.path, fixture.type, policy, source), copy, policy),
  )
}

async function cleanCopy(fixture: Fixture, name: string): Promise<string> {
  const output = folder.at(name)
  const cleaned = await cleaner.clean(fixture.path, fixture.type, 'no-location', output)
  expect(cleaned.state).toBe('clean')
  return output
}

function named(name: string): Fixture {
  const fixture = fixtures.find((one) => one.name === name)
  if (!fixture) throw new Error(`no fixture ${name}`)
  return fixture
}

async function flip(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, offset)
  await handle.write(Buffer.from([(byte[0] ?? 0) ^ 0x10]), 0, 1, offset)
  await handle.close()
}

describe('a copy that was not cleaned', () => {
  // Brotli boxes are opened on the way in: what is not opened passes no writer of ours.
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s', async (name, fixture) => {
    const copy = folder.at(`dirty-${name}`)
    await copyFile(fixture.path, copy)
    const { leftovers } = await check(fixture, copy)
    expect(leftovers.map((finding) => finding.kind)).toContain('location')
  })
})

describe('what one of the means alone must see', () => {
  test('coordinates in a place that no tag names', async () => {
    const fixture = named('plain.jpg')
    const copy = await cleanCopy(fixture, 'hidden.jpg')
    const bytes = await readFile(copy)
    await writeFile(copy, Buffer.concat([bytes, Buffer.from(`\0\0${canary.latitude}`)]))
    expect((await check(fixture, copy)).leftovers).toContainEqual(
      expect.objectContaining({ kind: 'location', value: 'the coordinates of the original' }),
    )
  })

  test('GPS rationals as written, without a directory that leads to them', async () => {
    const fixture = named('plain.webp')
    const source = await readFile(fixture.path)
    const original = await withBytes(fixture.path, (bytes) =>
      describeOriginal(pool, fixture.path, fixture.type, 'no-location', bytes),
    )
    const rational = original.needles.find((needle) => needle.length === 24)
    if (!rational) throw new Error('no rational found')
    expect(source.includes(rational)).toBe(true)
    const copy = await cleanCopy(fixture, 'rational.webp')
    await writeFile(copy, Buffer.concat([await readFile(copy), rational]))
    expect((await check(fixture, copy)).leftovers).toContainEqual(
      expect.objectContaining({ kind: 'location', value: 'the coordinates of the original' }),
    )
  })

  test('a position of another place, written as ISO 6709', async () => {
    const fixture = named('plain.avif')
    const copy = await cleanCopy(fixture, 'other.avif')
    await writeFile(copy, Buffer.concat([await readFile(copy), Buffer.from('....free+12.9603+077.7055/')]))
    expect((await check(fixture, copy)).leftovers).not.toEqual([])
  })

  test('a city in the second of two JPEGs, which exiftool does not open, by our own walk', async () => {
    const fixture = named('cmyk.jpg')
    const second = folder.at('city.jpg')
    await picture().jpeg().toFile(second)
    await exiftool('-q', '-overwrite_original', '-IPTC:City=Elsewhere', second)
    const copy = await cleanCopy(fixture, 'two.jpg')
    await writeFile(copy, Buffer.concat([await readFile(copy), await readFile(second)]))
    expect((await check(fixture, copy)).leftovers).toHaveLength(1)
  })

  test('a city in maker notes, by exiftool', async () => {
    const fixture = named('maker-notes.jpg')
    const copy = folder.at('maker-copy.jpg')
    await copyFile(fixture.path, copy)
    const { leftovers } = await check(fixture, copy)
    expect(leftovers.map((finding) => finding.where)).toEqual(['MakerNotes:Panasonic:Location:Main:City'])
  })

  test('personal data under none', async () => {
    const fixture = named('plain.tif')
    const copy = await cleanCopy(fixture, 'personal.tif')
    const { leftovers } = await check(fixture, copy, 'none')
    expect(leftovers.map((finding) => finding.kind)).toContain('personal')
  })
})

describe('a copy that was harmed', () => {
  test.each([
    ['plain.jpg', 'ffda'],
    ['plain.png', '49444154'],
    ['plain.webp', '56503820'],
    ['animated.gif', '2c00000000'],
    ['packed.jxl', '6a786c63'],
    ['plain.tif', null],
    ['plain.heic', null],
    ['film.mp4', '6d646174'],
    ['film.mkv', '1f43b675'],
  ] as const)('one bit of the picture: %s', async (name, marker) => {
    const fixture = named(name)
    const copy = await cleanCopy(fixture, `harmed-${name}`)
    const bytes = await readFile(copy)
    // A TIFF's strips stand before its directory here, a HEIC's picture at its end; elsewhere it follows a marker.
    const end = fixture.type.format === 'heic' ? bytes.length - 200 : 64
    const at = marker === null ? end : bytes.lastIndexOf(Buffer.from(marker, 'hex')) + 60
    await flip(copy, at)
    expect(await check(fixture, copy)).toMatchObject({ leftovers: [] })
    expect((await check(fixture, copy)).damage).not.toBeNull()
  })

  test('orientation and profile', async () => {
    const fixture = named('plain.jpg')
    const turned = await cleanCopy(fixture, 'turned.jpg')
    await exiftool('-q', '-overwrite_original', '-EXIF:Orientation#=1', turned)
    expect((await check(fixture, turned)).damage).toBe('the orientation was lost')
    const grey = await cleanCopy(fixture, 'profile.jpg')
    await exiftool('-q', '-overwrite_original', '-ICC_Profile:all=', grey)
    expect((await check(fixture, grey)).damage).toBe('the colour profile was lost')
  })

  test('a film that was encoded anew', async () => {
    const fixture = named('film.mp4')
    const copy = folder.at('encoded.mp4')
    await ffmpeg(
      '-i',
      await cleanCopy(fixture, 'clean.mp4'),
      '-c:v',
      'libx264',
      '-c:a',
      'copy',
      '-map_metadata',
      '-1',
      copy,
    )
    expect((await check(fixture, copy)).damage).toBe('the video or its sound changed')
  })
})
