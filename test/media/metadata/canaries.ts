import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises'
import { brotliCompressSync, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { mediaTypes } from '../../../src/media/formats/media-type.ts'
import type { Format, MediaType } from '../../../src/media/types.ts'
import { ExifTool } from 'exiftool-vendored'
import { exiftool, ffmpeg, heifEncode, picture } from '../fixtures.ts'

/** The place that no copy may tell. Its digits stand in no other number of the fixtures. */
export const canary = {
  latitude: 47.123456,
  longitude: 8.654321,
  city: 'Canaryville',
  person: 'Canary Person',
}
export const iso6709 = '+47.1234+008.6543/'
/** Texts that must not be found in a copy, as bytes or after unpacking. */
export const locationTexts = ['47.1234', '8.6543', '47,7.407', '8,39.259', canary.city]
export const personalTexts = [canary.person]

export interface Fixture {
  readonly name: string
  readonly path: string
  readonly type: MediaType
  /** What `none` does with it; `clean` where absent. */
  readonly none?: 'withheld'
}

const place = [
  `-GPSLatitude=${canary.latitude}`, '-GPSLatitudeRef=N', `-GPSLongitude=${canary.longitude}`, '-GPSLongitudeRef=E',
  '-GPSAltitude=431', '-GPSImgDirection=120', `-XMP-exif:GPSLatitude=${canary.latitude}`,
  `-XMP-exif:GPSLongitude=${canary.longitude}`, `-XMP-photoshop:City=${canary.city}`,
  `-XMP-iptcExt:LocationCreatedCity=${canary.city}`, `-XMP-iptcExt:LocationShownGPSLatitude=${canary.latitude}`,
  '-XMP-drone-dji:GimbalYawDegree=-115.3',
] // prettier-ignore
const iptcPlace = [`-IPTC:City=${canary.city}`, '-IPTC:Country-PrimaryLocationName=Canaryland']
const person = [
  `-EXIF:Artist=${canary.person}`,
  `-XMP-dc:Creator=${canary.person}`,
  '-EXIF:Make=Canary',
  '-EXIF:Model=One',
]
const kept = ['-EXIF:DateTimeOriginal=2024:05:01 18:30:00', '-EXIF:OffsetTimeOriginal=+02:00']

/** Writes tags by a process that stays open: a new one for each file would take most of the suite's time. */
async function writeTags(file: string, ...args: string[]): Promise<void> {
  // The library wants a tag to set by its own means; deleting one that is not there changes nothing.
  const nothing = { GPSAreaInformation: null }
  await tagger.write(file, nothing, { writeArgs: ['-m', '-overwrite_original', ...args], useMWG: false })
}

let tagger: ExifTool

function tagged(file: string, ...args: string[]): Promise<void> {
  return writeTags(file, ...place, ...person, ...kept, ...args)
}

/** Makes every fixture into a folder; `at` names paths in it. */
export async function makeFixtures(at: (name: string) => string): Promise<Fixture[]> {
  const fixtures: Fixture[] = []
  const add = (name: string, format: Format, none?: 'withheld') => {
    const file = at(name)
    fixtures.push({ name, path: file, type: mediaTypes[format], ...(none ? { none } : {}) })
    return file
  }
  tagger = new ExifTool({ maxProcs: 2, taskTimeoutMillis: 60_000 })
  try {
    const motion = at('motion.mp4')
    await makeMovie(motion, 'mp4')
    await Promise.all([stills(add, motion), raws(add), png(add), jxl(add, at), movies(add, at)])
  } finally {
    await tagger.end()
  }
  return fixtures
}

type Add = (name: string, format: Format, none?: 'withheld') => string

async function stills(add: Add, motion: string): Promise<void> {
  const base = () => picture(6).withIccProfile('p3')

  const jpeg = add('plain.jpg', 'jpeg')
  await base().jpeg({ quality: 90 }).toFile(jpeg)
  await tagged(jpeg, ...iptcPlace, '-EXIF:Orientation#=6')

  const cmyk = add('cmyk.jpg', 'jpeg')
  await picture().toColourspace('cmyk').withIccProfile('cmyk').jpeg().toFile(cmyk)
  await tagged(cmyk)

  const two = add('second-image.jpg', 'jpeg')
  await copyFile(jpeg, two)
  await appendFile(two, await readFile(jpeg))

  const moving = add('motion.jpg', 'jpeg')
  await base().jpeg({ progressive: true }).toFile(moving)
  await tagged(moving, '-XMP-GCamera:MotionPhoto=1')
  await appendFile(moving, await readFile(motion))
  await appendFile(moving, samsungTrailer())

  const maker = add('maker-notes.jpg', 'jpeg')
  await writeFile(maker, withSegment(await picture().jpeg().toBuffer(), 0xe1, panasonicExif()))

  const flickr = add('machine-tags.jpg', 'jpeg')
  await picture().jpeg().toFile(flickr)
  await tagged(flickr, `-XMP-dc:Subject=geo:lat=${canary.latitude}`, `-EXIF:UserComment=${iso6709}`)

  const heic = add('plain.heic', 'heic')
  await base().png().toFile(`${heic}.png`)
  await heifEncode('-q', '60', '-o', heic, `${heic}.png`)
  await tagged(heic)

  const samsung = add('motion.heic', 'heic')
  await copyFile(heic, samsung)
  await appendFile(samsung, box('mpvd', await readFile(motion)))

  const avif = add('plain.avif', 'avif')
  await base().avif({ effort: 0 }).toFile(avif)
  await tagged(avif)

  const webp = add('plain.webp', 'webp')
  await base().webp({ effort: 0 }).toFile(webp)
  await tagged(webp, '-EXIF:Orientation#=6')

  const animated = add('animated.webp', 'webp')
  await frames().webp({ effort: 0, loop: 3 }).toFile(animated)
  await tagged(animated)

  const gif = add('animated.gif', 'gif')
  await frames().gif({ effort: 1, loop: 3 }).toFile(gif)
  await writeTags(gif, ...place, `-Comment=${canary.person} ${iso6709}`)

  const tiff = add('plain.tif', 'tiff')
  await base().tiff({ compression: 'lzw' }).toFile(tiff)
  await tagged(tiff, ...iptcPlace, '-EXIF:Orientation#=6')

  const geo = add('geo.tif', 'tiff')
  await picture().tiff({ compression: 'none' }).toFile(geo)
  await writeTags(
      geo, '-ModelTiePoint=0 0 0 8.654321 47.123456 0', '-PixelScale=0.1 0.1 0',
    '-GeoTiffDirectory=1 1 0 1 1024 0 1 2', `-GeoTiffAsciiParams=${canary.city}|`,
    ) // prettier-ignore
}

/** TIFFs by structure, raws by name and tags: what matters here is that exiftool and our walk treat them as such. */
async function raws(add: Add): Promise<void> {
  for (const [format, make] of [
    ['dng', 'Canary'],
    ['nef', 'NIKON CORPORATION'],
    ['arw', 'SONY'],
  ] as const) {
    const raw = add(`raw.${format}`, format, 'withheld')
    await picture().tiff({ compression: 'none' }).toFile(`${raw}.tif`)
    await copyFile(`${raw}.tif`, raw)
    const version = format === 'dng' ? ['-DNGVersion=1.4.0.0'] : []
    await tagged(raw, `-EXIF:Make=${make}`, ...version)
  }
  const orf = add('raw.orf', 'orf', 'withheld')
  const tiff = await readFile(orf.replace('.orf', '.dng'))
  tiff.write('IIRO', 0, 'latin1')
  await writeFile(orf, tiff)
}

async function png(add: Add): Promise<void> {
  const file = add('plain.png', 'png')
  await picture().withIccProfile('p3').png().toFile(file)
  await tagged(file, '-EXIF:Orientation#=6', `-PNG:Author=${canary.person}`)
  const profile = Buffer.from(`exif\n     100\n${Buffer.from(iso6709).toString('hex')}\n`)
  await insertChunks(file, [
    chunk('tEXt', Buffer.from(`Comment\0taken at ${iso6709}`)),
    chunk('tEXt', Buffer.concat([Buffer.from('Raw profile type APP1\0'), profile])),
    chunk(
      'zTXt',
      Buffer.concat([Buffer.from('Description\0\0'), deflateSync(`GPSLatitude ${canary.latitude}`)]),
    ),
    chunk('iTXt', Buffer.concat([Buffer.from('Title\0\x01\0\0\0'), deflateSync(`in ${iso6709}`)])),
    chunk('caBX', Buffer.from(`jumb ${canary.city}`)),
  ])

  const moving = add('animated.png', 'png')
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=5:d=1', '-plays', '0', '-f', 'apng', moving)
  await insertChunks(moving, [chunk('tEXt', Buffer.from(`Comment\0${iso6709} ${canary.person}`))])
}

async function jxl(add: Add, at: (name: string) => string): Promise<void> {
  const file = add('packed.jxl', 'jxl')
  await picture().png().toFile(at('for-jxl.png'))
  await ffmpeg('-i', at('for-jxl.png'), '-c:v', 'libjxl', '-distance', '0', '-f', 'rawvideo', at('bare.jxl'))
  await picture().jpeg().toFile(at('for-jxl.jpg'))
  await tagged(at('for-jxl.jpg'))
  const exif = (await sharp(at('for-jxl.jpg')).metadata()).exif?.subarray(6) ?? Buffer.alloc(0)
  const xmp = Buffer.from(await exiftool('-b', '-XMP', at('for-jxl.jpg')), 'utf8')
  const packed = (type: string, body: Buffer) =>
    box('brob', Buffer.concat([Buffer.from(type), brotliCompressSync(body)]))
  await writeFile(
    file,
    Buffer.concat([
      Buffer.from('0000000c4a584c200d0a870a', 'hex'),
      box('ftyp', Buffer.from('jxl \0\0\0\0jxl ')),
      packed('Exif', Buffer.concat([Buffer.alloc(4), exif])),
      packed('xml ', xmp),
      packed('jumb', Buffer.from(`claim ${canary.city}`)),
      box('jxlc', await readFile(at('bare.jxl'))),
      box('xml ', xmp),
    ]),
  )
}

async function movies(add: Add, at: (name: string) => string): Promise<void> {
  for (const format of ['mp4', 'mov', 'm4v', '3gp'] as const) {
    const file = add(`film.${format}`, format)
    await makeMovie(file, format)
    if (format === '3gp') continue
    await writeTags(
      file, `-Keys:GPSCoordinates=${canary.latitude}, ${canary.longitude}, 431`,
      '-Keys:LocationAccuracyHorizontal=5', '-Keys:CreationDate=2024:05:01 18:30:00+02:00',
      `-Keys:Author=${canary.person}`, `-UserData:GPSCoordinates=${canary.latitude}, ${canary.longitude}, 431`,
      `-XMP-exif:GPSLatitude=${canary.latitude}`, `-XMP-photoshop:City=${canary.city}`,
    ) // prettier-ignore
  }

  // A text track with positions, and the same turned into a GoPro telemetry track by its names.
  const subtitles = at('positions.srt')
  const lines = [0, 1].map(
    (at) => `${at + 1}\n00:00:0${at},000 --> 00:00:0${at},900\nGPS(47.123456,8.654321)\n`,
  )
  await writeFile(subtitles, lines.join('\n'))
  const spoken = add('subtitles.mp4', 'mp4')
  await makeMovie(at('silent.mp4'), 'mp4')
  await ffmpeg(
    '-i',
    at('silent.mp4'),
    '-i',
    subtitles,
    '-map',
    '0',
    '-map',
    '1',
    '-c',
    'copy',
    '-c:s',
    'mov_text',
    spoken,
  )
  const telemetry = add('gpmd.mp4', 'mp4')
  const bytes = (await readFile(spoken)).toString('latin1')
  await writeFile(
    telemetry,
    bytes.replace('tx3g', 'gpmd').replace(/sbtl|text(?=\0{12}Subtitle)/, 'meta'),
    'latin1',
  )

  const fragmented = add('fragmented.mp4', 'mp4')
  const flags = 'frag_keyframe+empty_moov+default_base_moof'
  await ffmpeg(
    '-i',
    at('silent.mp4'),
    '-i',
    subtitles,
    '-map',
    '0',
    '-map',
    '1',
    '-c',
    'copy',
    '-c:s',
    'mov_text',
    '-metadata',
    `location=${iso6709}`,
    '-movflags',
    flags,
    fragmented,
  )

  for (const format of ['mkv', 'webm'] as const) {
    const file = add(`film.${format}`, format)
    const codec =
      format === 'mkv'
        ? ['-c:v', 'libx264', '-c:a', 'aac']
        : ['-c:v', 'libvpx', '-deadline', 'realtime', '-c:a', 'libopus']
    await ffmpeg(
      ...testFilm,
      ...codec,
      '-metadata',
      `LOCATION=${iso6709}`,
      '-metadata',
      `ARTIST=${canary.person}`,
      '-metadata',
      `title=at ${iso6709}`,
      '-metadata',
      'creation_time=2024-05-01T16:30:00Z',
      file,
    )
  }

  const avi = add('film.avi', 'avi')
  await ffmpeg(
    ...testFilm,
    '-c:v',
    'mpeg4',
    '-c:a',
    'mp2',
    '-metadata',
    `comment=${iso6709}`,
    '-metadata',
    `artist=${canary.person}`,
    '-metadata',
    'title=A film',
    avi,
  )

  const mts = add('film.mts', 'mts')
  const message = `h264_metadata=sei_user_data='086f3693-b7b3-4f2c-9653-21492feee5b8+GPS ${iso6709}${canary.person}'`
  await ffmpeg(
    ...testFilm,
    '-c:v',
    'libx264',
    '-bf',
    '0',
    '-c:a',
    'ac3',
    '-bsf:v',
    message,
    '-f',
    'mpegts',
    '-mpegts_m2ts_mode',
    '1',
    mts,
  )
}

const testFilm = ['-f', 'lavfi', '-i', 'testsrc2=s=128x96:r=10:d=2', '-f', 'lavfi', '-i', 'sine=f=440:d=2', '-pix_fmt', 'yuv420p'] // prettier-ignore

async function makeMovie(file: string, format: string): Promise<void> {
  await ffmpeg(
    ...testFilm, '-c:v', 'libx264', '-c:a', 'aac', '-metadata', `location=${iso6709}`,
    '-metadata', `artist=${canary.person}`, '-metadata', 'creation_time=2024-05-01T16:30:00Z',
    '-f', format === 'm4v' ? 'mp4' : format, file,
  ) // prettier-ignore
}

function frames() {
  const strip = Buffer.alloc(40 * 90 * 3)
  for (let index = 0; index < strip.length; index++) strip[index] = (index * 7) % 251
  return sharp(strip, { raw: { width: 40, height: 90, channels: 3, pageHeight: 30 } })
}

function box(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(body.length + 8)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, body])
}

function chunk(type: string, body: Buffer): { type: string; body: Buffer } {
  return { type, body }
}

/** Puts chunks after the header chunk; their checksums are filled in by hand, since no library writes such chunks. */
async function insertChunks(file: string, chunks: readonly { type: string; body: Buffer }[]): Promise<void> {
  const bytes = await readFile(file)
  const made = chunks.map(({ type, body }) => {
    const inner = Buffer.concat([Buffer.from(type, 'latin1'), body])
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    const tail = Buffer.alloc(4)
    tail.writeUInt32BE(crc32(inner))
    return Buffer.concat([head, inner, tail])
  })
  await writeFile(file, Buffer.concat([bytes.subarray(0, 33), ...made, bytes.subarray(33)]))
}

function crc32(bytes: Buffer): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

function withSegment(jpeg: Buffer, marker: number, body: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(body.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)])
}

/** Exif with Panasonic's maker notes, which name the city (tag 0x6d), as travel-zoom cameras write it. */
function panasonicExif(): Buffer {
  const tiff = Buffer.alloc(300)
  tiff.write('MM\0*\0\0\0\x08', 0, 'latin1')
  const field = (at: number, tag: number, type: number, count: number, value: number) => {
    tiff.writeUInt16BE(tag, at)
    tiff.writeUInt16BE(type, at + 2)
    tiff.writeUInt32BE(count, at + 4)
    tiff.writeUInt32BE(value, at + 8)
  }
  tiff.writeUInt16BE(3, 8)
  field(10, 0x010f, 2, 10, 60)
  field(22, 0x0112, 3, 1, 1 << 16)
  field(34, 0x8769, 4, 1, 80)
  tiff.write('Panasonic\0', 60, 'latin1')
  tiff.writeUInt16BE(2, 80)
  field(82, 0x9003, 2, 20, 110)
  field(94, 0x927c, 7, 100, 140)
  tiff.write('2024:05:01 18:30:00\0', 110, 'latin1')
  tiff.write('Panasonic\0\0\0', 140, 'latin1')
  tiff.writeUInt16BE(1, 152)
  field(154, 0x006d, 7, 72, 172)
  tiff.write(canary.city, 172, 'latin1')
  return Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff])
}

/** What Samsung writes after its motion photos: the mobile country code, in plain digits. */
function samsungTrailer(): Buffer {
  const block = Buffer.from('\0\0\xa1\x0a\x08\0\0\0MCC_Data228', 'latin1')
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  // The directory: version, count, and for each block its type, how far back it begins, and its length.
  const entry = Buffer.concat([block.subarray(0, 4), number(block.length), number(block.length)])
  const directory = Buffer.concat([Buffer.from('SEFH'), number(107), number(1), entry])
  return Buffer.concat([block, directory, number(directory.length), Buffer.from('SEFT')])
}
