import { writeFile } from 'node:fs/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { openExiftool } from '../../../src/media/tools/exiftool.ts'
import { createCleaner } from '../../../src/media/metadata/index.ts'
import { mediaTypes } from '../../../src/media/formats/media-type.ts'
import type { Format } from '../../../src/media/types.ts'
import { ffmpeg, picture } from '../fixtures.ts'
import { readFile } from 'node:fs/promises'
import { openFolder } from './support.ts'

/* Broken and malicious containers: each ends as clean or withheld, within seconds, and the next file is cleaned. */
const folder = await openFolder()
const pool = openExiftool({ maxProcs: 1 })
const cleaner = createCleaner({ exiftool: pool })

afterAll(async () => {
  await pool.end()
  await folder.remove()
})

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
const box = (type: string, ...body: Buffer[]) => {
  const inner = Buffer.concat(body)
  return Buffer.concat([u32(inner.length + 8), Buffer.from(type, 'latin1'), inner])
}
const ftyp = box('ftyp', Buffer.from('isom\0\0\0\0isom'))

/** A track whose tables claim `samples` samples in `chunks` chunks. */
function liar(samples: number, chunks: number): Buffer {
  const stbl = box(
    'stbl',
    box('stsd', u32(0), u32(1), box('gpmd', Buffer.alloc(16))),
    box('stsz', u32(0), u32(0), u32(samples)),
    box('stsc', u32(0), u32(1), u32(1), u32(1000), u32(1)),
    box('stco', u32(0), u32(chunks), u32(0xffffff00)),
  )
  const hdlr = box('hdlr', u32(0), u32(0), Buffer.from('meta'), Buffer.alloc(13))
  return Buffer.concat([ftyp, box('moov', box('trak', box('mdia', hdlr, box('minf', stbl))))])
}

function nested(depth: number): Buffer {
  let inner = Buffer.alloc(0)
  for (let level = 0; level < depth; level++) inner = box('trak', inner)
  return Buffer.concat([ftyp, box('moov', inner)])
}

/** Exif whose directories point at each other, and whose GPS directory is itself. */
function circularExif(): Buffer {
  const tiff = Buffer.alloc(64)
  tiff.write('MM\0*', 0, 'latin1')
  tiff.writeUInt32BE(8, 4)
  tiff.writeUInt16BE(2, 8)
  ;[0x8825, 0x8769].forEach((tag, index) => {
    tiff.writeUInt16BE(tag, 10 + 12 * index)
    tiff.writeUInt16BE(4, 12 + 12 * index)
    tiff.writeUInt32BE(1, 14 + 12 * index)
    tiff.writeUInt32BE(8, 18 + 12 * index)
  })
  tiff.writeUInt32BE(8, 34)
  return tiff
}

async function withExif(exif: Buffer): Promise<Buffer> {
  const jpeg = await picture().jpeg().toBuffer()
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length + 2)
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1]), length, body, jpeg.subarray(2)])
}

const files: readonly [name: string, format: Format, make: () => Promise<Buffer> | Buffer][] = [
  ['an empty file', 'jpeg', () => Buffer.alloc(0)],
  ['noise', 'mp4', () => Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 31) % 256))],
  ['tables of four thousand million samples', 'mp4', () => liar(0xffffffff, 0xffffffff)],
  ['tables cut short', 'mov', () => liar(1000, 1000)],
  ['boxes five thousand deep', 'mp4', () => nested(5000)],
  ['a box that says that it has no end', 'mp4', () => Buffer.concat([ftyp, u32(1), Buffer.from('moov'), Buffer.alloc(8, 0xff)])],
  ['a million empty boxes', 'mp4', () => Buffer.concat([ftyp, Buffer.from('\0\0\0\x08free'.repeat(1_000_000), 'latin1')])],
  ['Exif that points at itself', 'jpeg', () => withExif(circularExif())],
  ['a JPEG of markers only', 'jpeg', () => Buffer.concat([Buffer.from('ffd8', 'hex'), Buffer.alloc(200_000, 0xff)])],
  ['a PNG chunk of two gigabytes', 'png', async () => {
    const png = await picture().png().toBuffer()
    return Buffer.concat([png.subarray(0, 33), Buffer.from('7fffffff74455874', 'hex'), png.subarray(33)])
  }],
  ['a Brotli bomb', 'jxl', async () => {
    const { brotliCompressSync } = await import('node:zlib')
    const bomb = Buffer.concat([Buffer.from('Exif'), brotliCompressSync(Buffer.alloc(64 * 1024 * 1024))])
    return Buffer.concat([Buffer.from('0000000c4a584c200d0a870a', 'hex'), box('ftyp', Buffer.from('jxl \0\0\0\0jxl ')), box('brob', bomb)])
  }],
  ['XMP of a hundred thousand open elements', 'webp', () => {
    const xmp = Buffer.from(`<rdf:RDF>${'<exif:GPSLatitude>'.repeat(100_000)}</rdf:RDF>`)
    return Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBPXMP '), Buffer.from([xmp.length & 255, (xmp.length >> 8) & 255, xmp.length >> 16, 0]), xmp])
  }],
  ['a Matroska element without end', 'mkv', () => Buffer.from('1a45dfa3a34286810118538067ff1254c367ff7373ff67c8ff', 'hex')],
] // prettier-ignore

describe('hostile containers', () => {
  test.each(files)('%s', { timeout: 120_000 }, async (name, format, make) => {
    const file = folder.at(`${name.replaceAll(' ', '-')}.${format}`)
    await writeFile(file, await make())
    for (const policy of ['no-location', 'none'] as const) {
      const cleaned = await cleaner.clean(file, mediaTypes[format], policy, folder.at('out'))
      expect(['clean', 'withheld']).toContain(cleaned.state)
      if (cleaned.state === 'withheld') expect(cleaned.reason).not.toMatch(/undefined|\/tmp|Error/)
    }
  })

  test('every cut of a film ends within bounds', { timeout: 240_000 }, async () => {
    const film = folder.at('whole.mp4')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:d=1', '-metadata', 'location=+47.1234+008.6543/', film)
    const bytes = await readFile(film)
    for (let part = 1; part <= 8; part++) {
      const cut = folder.at('cut.mp4')
      await writeFile(cut, bytes.subarray(0, Math.floor((bytes.length * part) / 9)))
      const cleaned = await cleaner.clean(cut, mediaTypes.mp4, 'no-location', folder.at('cut-out.mp4'))
      if (cleaned.state === 'clean') expect((await readFile(cleaned.path)).includes('loci')).toBe(false)
    }
  })
})
