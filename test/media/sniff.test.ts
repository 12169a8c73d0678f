import { deflateRawSync, gzipSync } from 'node:zlib'
import { open, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { acceptedFormatsText, mediaTypes } from '../../src/media/formats/media-type.ts'
import { sniff, sniffBytes } from '../../src/media/formats/sniff.ts'
import { formats } from '../../src/media/types.ts'
import { samples } from './samples.ts'

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  )

const ftyp = (major: string, ...compatible: string[]): Buffer => {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(16 + compatible.length * 4)
  return Buffer.concat([size, bytes('ftyp', major, '\0\0\0\0', ...compatible), Buffer.alloc(64)])
}

/** A TIFF whose first directory holds the given short or text tags. */
const tiff = (entries: [tag: number, value: number | string][], mark = 'II*\0'): Buffer => {
  const file = Buffer.alloc(400)
  file.write(mark, 0, 'latin1')
  file.writeUInt32LE(8, 4)
  file.writeUInt16LE(entries.length, 8)
  let free = 10 + entries.length * 12 + 4
  entries.forEach(([tag, value], index) => {
    const at = 10 + index * 12
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(typeof value === 'string' ? 2 : 4, at + 2)
    file.writeUInt32LE(typeof value === 'string' ? value.length + 1 : 1, at + 4)
    file.writeUInt32LE(typeof value === 'string' ? free : value, at + 8)
    if (typeof value !== 'string') return
    file.write(value, free, 'latin1')
    free += value.length + 1
  })
  return file
}

const transportStream = (packet: number, first: number): Buffer => {
  const stream = Buffer.alloc(packet * 6)
  for (let at = first; at < stream.length; at += packet) stream[at] = 0x47
  return stream
}

const accepted: [string, Buffer][] = [
  ['jpeg', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF\0', Array<number>(32).fill(0))],
  ['png', bytes([0x89], 'PNG\r\n\x1a\n', 'broken after its signature')],
  ['gif', bytes('GIF89a', Array<number>(32).fill(0))],
  ['webp', bytes('RIFF', [0x40, 0, 0, 0], 'WEBPVP8 ', Array<number>(32).fill(0))],
  ['avi', bytes('RIFF', [0x40, 0, 0, 0], 'AVI LIST', Array<number>(32).fill(0))],
  ['heic', ftyp('heic', 'mif1', 'heic')],
  ['heic', ftyp('heim', 'mif1')],
  ['heic', ftyp('mif1', 'mif1', 'heic')],
  ['avif', ftyp('mif1', 'mif1', 'avif', 'miaf')],
  ['avif', ftyp('avis', 'avif', 'msf1')],
  ['jxl', bytes([0, 0, 0, 12], 'JXL \r\n\x87\n', ftyp('jxl ', 'jxl ').toString('latin1'))],
  ['cr3', ftyp('crx ', 'crx ', 'isom')],
  ['mp4', ftyp('isom', 'isom', 'avc1')],
  ['mov', ftyp('qt  ', 'qt  ')],
  ['m4v', ftyp('M4V ', 'isom')],
  ['3gp', ftyp('3gp4', 'isom')],
  ['3gp', ftyp('3g2a', 'isom')],
  ['mov', bytes([0, 0, 0, 8], 'wide', [0, 0, 1, 0], 'mdat', Array<number>(64).fill(0))],
  ['mov', bytes([0, 0, 2, 0], 'moov', [0, 0, 0, 0x6c], 'mvhd', Array<number>(64).fill(0))],
  ['mkv', bytes([0x1a, 0x45, 0xdf, 0xa3, 0x8b, 0x42, 0x82, 0x88], 'matroska', Array<number>(32).fill(0))],
  ['webm', bytes([0x1a, 0x45, 0xdf, 0xa3, 0x87, 0x42, 0x82, 0x84], 'webm', Array<number>(32).fill(0))],
  ['mts', transportStream(192, 4)],
  ['mts', transportStream(188, 0)],
  ['raf', bytes('FUJIFILMCCD-RAW 0201FF393101', Array<number>(64).fill(0))],
  ['raf', bytes('FUJIFILMM-RAW   0201', Array<number>(64).fill(0))],
  ['rw2', tiff([[0x10f, 'Panasonic']], 'IIU\0')],
  ['orf', tiff([[0x10f, 'OLYMPUS IMAGING CORP.']], 'IIRO')],
  ['dng', tiff([[0xfe, 1], [0x10f, 'Canon'], [0xc612, 0x104]])],
  ['nef', tiff([[0xfe, 1], [0x10f, 'NIKON CORPORATION'], [0x14a, 8]])],
  ['arw', tiff([[0xfe, 1], [0x10f, 'SONY'], [0x14a, 8]])],
  ['tiff', tiff([[0x10f, 'NIKON CORPORATION']])],
  ['tiff', tiff([[0x10f, 'SONY'], [0xc4a5, 8]])],
  ['tiff', tiff([[0x100, 640]])],
  ['tiff', bytes('II*\0', [0xff, 0xff, 0xff, 0x7f], 'directory far behind the head')],
] // prettier-ignore

const zip = (): Buffer =>
  bytes('PK\x03\x04', [20, 0, 0, 0, 8, 0], deflateRawSync('x').toString('latin1'), 'pad pad pad pad')
const jpeg = '\xff\xd8\xff\xe0\0\x10JFIF\0'

const refused: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['three bytes of a JPEG', bytes([0xff, 0xd8, 0xff])],
  ['zeroes', Buffer.alloc(70_000)],
  ['HTML', bytes('<!doctype html><html><script>alert(1)</script></html>')],
  ['SVG', bytes('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')],
  ['SVG without a prologue', bytes('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')],
  ['PDF', bytes('%PDF-1.7\n1 0 obj<<>>endobj trailer<<>> %%EOF')],
  ['DjVu', bytes('AT&TFORM\0\0\0\x40DJVUINFO', Array<number>(32).fill(0))],
  ['ZIP', zip()],
  ['gzip', gzipSync('hello')],
  ['HLS playlist', bytes('#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/canary.ts\n')],
  ['HLS playlist behind a byte order mark', bytes('\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n')],
  ['concat script', bytes("ffconcat version 1.0\nfile 'http://127.0.0.1/a.mp4'\n")],
  ['PostScript', bytes('%!PS-Adobe-3.0\n(x) show showpage\n')],
  ['ImageMagick MVG', bytes('push graphic-context\nviewbox 0 0 1 1\nimage over 0,0 0,0 "https://x"')],
  ['JPEG behind an ID3 tag', bytes('ID3\x03\0\0\0\0\0\x0a', Array<number>(10).fill(0), jpeg, Array<number>(64).fill(0))],
  ['JPEG behind a byte order mark', bytes('\xef\xbb\xbf', jpeg, Array<number>(64).fill(0))],
  ['WAV', bytes('RIFF', [0x40, 0, 0, 0], 'WAVEfmt ', Array<number>(32).fill(0))],
  ['MP3', bytes([0xff, 0xfb, 0x90, 0x64], Array<number>(64).fill(0))],
  ['M4A', ftyp('M4A ', 'isom', 'mp42')],
  ['JPEG 2000', bytes([0, 0, 0, 12], 'jP  \r\n\x87\n', ftyp('jp2 ', 'jp2 ').toString('latin1'))],
  ['AVC image', ftyp('mif1', 'mif1', 'avci')],
  ['Matroska of an unknown kind', bytes([0x1a, 0x45, 0xdf, 0xa3, 0x8b, 0x42, 0x82, 0x84], 'evil', Array<number>(32).fill(0))],
  ['PSD', bytes('8BPS\0\x01', Array<number>(32).fill(0))],
  ['BMP', bytes('BM', Array<number>(64).fill(0))],
  ['ELF', bytes('\x7fELF', Array<number>(64).fill(0))],
] // prettier-ignore

describe('sniff', () => {
  test.each(accepted)('tells %s', async (format, head) => {
    expect((await sniff(head))?.format).toBe(format)
  })

  test.each(refused)('refuses %s', async (_what, head) => {
    expect(await sniff(head)).toBeNull()
  })

  test('looks at the first 64 KiB only, also in a view of a larger buffer', async () => {
    const store = Buffer.concat([
      Buffer.from('<html>'),
      accepted[0]?.[1] ?? Buffer.alloc(0),
      Buffer.alloc(200_000),
    ])
    expect((await sniff(store.subarray(6)))?.format).toBe('jpeg')
    expect(await sniff(store)).toBeNull()
  })

  test('never throws for the start of any accepted file with bits flipped', async () => {
    let seed = 7
    for (const [, head] of accepted) {
      for (let round = 0; round < 40; round += 1) {
        const copy = Buffer.from(head)
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        copy[seed % copy.length] = seed >> 8
        await expect(sniff(copy)).resolves.not.toBeUndefined()
      }
    }
  })

  const expected: Record<string, string> = {
    JPEG: 'jpeg', HEIC: 'heic', HEIF: 'heic', AVIF: 'avif', PNG: 'png', APNG: 'png', WEBP: 'webp', 'Extended WEBP': 'webp', GIF: 'gif',
    TIFF: 'tiff', JXL: 'jxl', DNG: 'dng', CR2: 'cr2', CR3: 'cr3', MOV: 'mov', MP4: 'mp4', MKV: 'mkv', WEBM: 'webm', AVI: 'avi', M2TS: 'mts',
  } // prettier-ignore
  test.each(samples().map((sample) => [sample.file, sample] as const))(
    'tells the sample %s',
    async (_file, sample) => {
      const file = await open(sample.path)
      const head = Buffer.alloc(sniffBytes)
      const { bytesRead } = await file.read(head, 0, sniffBytes, 0)
      await file.close()
      expect((await sniff(head.subarray(0, bytesRead)))?.format).toBe(
        expected[String(sample.expect['FileType'])],
      )
    },
  )
})

describe('media types', () => {
  test('every format has one, and the list for people names them all', () => {
    for (const format of formats) expect(mediaTypes[format].format).toBe(format)
    for (const name of ['JPEG', 'HEIC', 'AVIF', 'JPEG XL', 'CR3', 'MOV', 'MTS'])
      expect(acceptedFormatsText).toContain(name)
  })

  test('this very test file is no media', async () => {
    expect(await sniff(await readFile(new URL(import.meta.url)))).toBeNull()
  })
})
