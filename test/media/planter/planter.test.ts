import { readFile, writeFile } from 'node:fs/promises'
import { ExifTool } from 'exiftool-vendored'
import { afterAll, describe, expect, test } from 'vitest'
import { createCleaner } from '../../../src/media/metadata/index.ts'
import { mediaTypes } from '../../../src/media/formats/media-type.ts'
import { openExiftool } from '../../../src/media/tools/exiftool.ts'
import { ffmpeg, heifEncode, picture } from '../fixtures.ts'
import { openFolder, picturesOf } from '../metadata/support.ts'
import { leaves, type Plant, unpacked } from './leaves.ts'

/*
 * The planter: a position in every kind of leaf of every container, in every notation. What is served must not hold it,
 * must still be what it was, and a leaf that goes takes nothing else with it. The texts are looked for by means of its own.
 */
const spots = [
  '48.858372, 2.294481',
  '48°51\'30.1"N 2°17\'40.1"E',
  '48 51 30.1 N 2 17 40.1 E',
  '48.858372N 2.294481E',
  '+48.8583+002.2944/',
  'geo:48.858372,2.294481',
  'geo:lat=48.858372 geo:lon=2.294481',
  '{"lat":48.858372,"lng":2.294481}',
  'https://www.google.com/maps/@48.858372,2.294481,15z',
  '$GPGGA,123519,4851.503,N,00217.668,E,1,08,0.9,35.4,M,46.9,M,,*47',
  '8FW4V75V+8QJ',
  'grid 31U DQ 48251 11932',
] as const

/** What must not be left of each notation, whole or in its parts. */
const traces = (text: string): Buffer[] => {
  const parts = [
    text,
    ...(text.match(/\d{1,3}\.\d{3,}|\d+°\d+|51 30\.1|V75V\+8Q|48251 11932|4851\.503/g) ?? []),
  ]
  return parts.flatMap((part) => [
    Buffer.from(part),
    Buffer.from(part, 'utf16le'),
    Buffer.from(part.replaceAll('"', '&quot;')),
  ])
}

const folder = await openFolder()
const pool = openExiftool({ maxProcs: 2 })
const cleaner = createCleaner({ exiftool: pool })
const reader = new ExifTool({ maxProcs: 1, taskTimeoutMillis: 60_000, useMWG: false })
afterAll(async () => {
  await Promise.all([pool.end(), reader.end()])
  await folder.remove()
})

const film = ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=5:d=1', '-f', 'lavfi', '-i', 'sine=f=440:d=1', '-pix_fmt', 'yuv420p'] // prettier-ignore

const bases: Record<keyof typeof leaves, (file: string) => Promise<unknown>> = {
  jpeg: (file) => picture().jpeg().toFile(file),
  png: (file) => picture().png().toFile(file),
  gif: (file) => picture().gif().toFile(file),
  webp: (file) =>
    picture()
      .withExif({ IFD0: { Software: 'x' } })
      .webp()
      .toFile(file),
  tiff: (file) => picture().tiff({ compression: 'none' }).toFile(file),
  avif: (file) => picture().avif({ effort: 0 }).toFile(file),
  async heic(file) {
    await picture().png().toFile(`${file}.png`)
    await heifEncode('-q', '60', '-o', file, `${file}.png`)
  },
  async jxl(file) {
    await picture().png().toFile(`${file}.png`)
    await ffmpeg('-i', `${file}.png`, '-c:v', 'libjxl', '-f', 'rawvideo', `${file}.bare`)
    const stream = await readFile(`${file}.bare`)
    const head = Buffer.from('0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20', 'hex')
    const size = Buffer.alloc(4)
    size.writeUInt32BE(stream.length + 8)
    await writeFile(file, Buffer.concat([head, size, Buffer.from('jxlc'), stream]))
  },
  mp4: (file) => ffmpeg(...film, '-c:v', 'libx264', '-c:a', 'aac', '-f', 'mp4', file),
  mkv: (file) => ffmpeg(...film, '-c:v', 'libx264', '-c:a', 'aac', '-live', '1', '-f', 'matroska', file),
  avi: (file) => ffmpeg(...film, '-c:v', 'mpeg4', '-c:a', 'mp2', '-f', 'avi', file),
  mts: (file) => ffmpeg(...film, '-c:v', 'libx264', '-c:a', 'ac3', '-f', 'mpegts', file),
}

const policies = ['no-location', 'none'] as const

describe.each(Object.keys(leaves) as (keyof typeof leaves)[])('%s', async (format) => {
  const type = mediaTypes[format]
  const base = folder.at(`base.${format}`)
  await bases[format](base)
  const plain = await readFile(base)
  const shown = picturesOf(base, type, reader)

  test.each(Object.entries<Plant>(leaves[format]))('%s', { timeout: 120_000 }, async (name, plant) => {
    const planted = folder.at(`planted-${format}`)
    const bytes = plant(plain, Buffer.from(spots.map((text) => `at ${text} we met Ada`).join('\n')))
    expect(bytes.equals(plain), 'planted').toBe(false)
    await writeFile(planted, bytes)
    for (const policy of policies) {
      const output = folder.at(`copy-${format}`)
      const cleaned = await cleaner.clean(planted, type, policy, output)
      expect([policy, cleaned.state, 'reason' in cleaned ? cleaned.reason : '']).toEqual([
        policy,
        'clean',
        '',
      ])
      const said = unpacked(await readFile(output))
      const left = spots.flatMap(traces).filter((trace) => said.some((part) => part.includes(trace)))
      expect([policy, name, left.map(String)]).toEqual([policy, name, []])
      expect(await picturesOf(output, type, reader)).toEqual(await shown)
    }
  })
})
