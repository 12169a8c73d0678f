import { crc32, deflateSync, inflateSync, brotliCompressSync } from 'node:zlib'

/** A way to put a text into a file's structure; `text` comes as bytes, and the file stays one that readers open. */
export type Plant = (file: Buffer, text: Buffer) => Buffer

/** Every kind of place in a format's structure where bytes can stand besides the picture, the film and the sound. */
export type Leaves = Readonly<Record<string, Plant>>

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')
const insert = (file: Buffer, at: number, ...parts: Buffer[]): Buffer =>
  Buffer.concat([file.subarray(0, at), ...parts, file.subarray(at)])
const number = (value: number, bytes: number, order: 'BE' | 'LE'): Buffer => {
  const buffer = Buffer.alloc(bytes)
  if (order === 'BE') buffer.writeUIntBE(value, 0, bytes)
  else buffer.writeUIntLE(value, 0, bytes)
  return buffer
}
/** The texts of a plant, where a leaf has no room for all of them. */
const linesOf = (text: Buffer): Buffer[] =>
  text
    .toString('utf8')
    .split('\n')
    .map((line) => Buffer.from(line))
const behind: Plant = (file, text) => Buffer.concat([file, text])

/** Exif (TIFF) with one text in a directory: of the picture, or of the camera. */
export function exif(tag: number, text: Buffer, isCamera = false): Buffer {
  const value = Buffer.concat([text, Buffer.alloc(2)])
  const entry = (id: number, type: number, count: number, at: number): Buffer =>
    Buffer.concat([number(id, 2, 'BE'), number(type, 2, 'BE'), number(count, 4, 'BE'), number(at, 4, 'BE')])
  const directory = (...entries: Buffer[]): Buffer =>
    Buffer.concat([number(entries.length, 2, 'BE'), ...entries, Buffer.alloc(4)])
  const type = tag >= 0x9c9b && tag <= 0x9c9f ? 1 : tag === 0x9286 || tag === 0x927c ? 7 : 2
  const own = entry(tag, type, value.length, isCamera ? 8 + 18 + 18 : 8 + 18)
  const directories = isCamera ? [directory(entry(0x8769, 4, 1, 8 + 18)), directory(own)] : [directory(own)]
  return Buffer.concat([latin('MM\0*'), number(8, 4, 'BE'), ...directories, value])
}

const escaped = (text: Buffer): string =>
  text.toString('utf8').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const packet = (description: string): Buffer =>
  Buffer.from(
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${description}</rdf:RDF></x:xmpmeta>`,
  )
const names = 'rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:odd="http://example.com/odd/"'

/** XMP that tells it in each way that XMP has. */
const packets: Readonly<Record<string, (text: Buffer) => Buffer>> = {
  'an attribute': (text) => packet(`<rdf:Description ${names} odd:Note="${escaped(text)}"/>`),
  'an element': (text) =>
    packet(`<rdf:Description ${names}><odd:Note>${escaped(text)}</odd:Note></rdf:Description>`),
  'a keyword': (text) =>
    packet(
      `<rdf:Description ${names}><dc:subject><rdf:Bag><rdf:li>${escaped(text)}</rdf:li></rdf:Bag></dc:subject></rdf:Description>`,
    ),
  base64: (text) => packet(`<rdf:Description ${names} odd:Data="${text.toString('base64')}"/>`),
  'base64 in lines': (text) =>
    packet(
      `<rdf:Description ${names}><odd:Data>${text.toString('base64').replace(/.{20}/g, '$&\n')}</odd:Data></rdf:Description>`,
    ),
}

const wide = (text: Buffer): Buffer => Buffer.from(text.toString('utf8'), 'utf16le')

/** Exif fields that hold texts. */
const fields: Readonly<Record<string, (text: Buffer) => Buffer>> = {
  ImageDescription: (text) => exif(0x010e, text),
  Artist: (text) => exif(0x013b, text),
  XPComment: (text) => exif(0x9c9c, wide(text)),
  UserComment: (text) => exif(0x9286, Buffer.concat([latin('ASCII\0\0\0'), text]), true),
  MakerNote: (text) => exif(0x927c, text, true),
  'a field of no known number': (text) => exif(0xabcd, text),
}

const mapped = (
  ways: Readonly<Record<string, (text: Buffer) => Buffer>>,
  name: string,
  plant: (made: (text: Buffer) => Buffer) => Plant,
): Leaves => Object.fromEntries(Object.entries(ways).map(([way, made]) => [`${name}: ${way}`, plant(made)]))

// JPEG (T.81 annex B)

const segment = (marker: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0xff, marker]), number(body.length + 2, 2, 'BE'), body])
const withSegments =
  (...make: ((text: Buffer) => Buffer)[]): Plant =>
  (file, text) =>
    insert(file, 2, ...make.map((one) => one(text)))

const dataset = (record: number, id: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x1c, record, id]), number(value.length, 2, 'BE'), value])
const resource = (id: number, body: Buffer): Buffer => {
  const even = body.length % 2 === 0 ? body : Buffer.concat([body, Buffer.alloc(1)])
  return Buffer.concat([
    latin('Photoshop 3.0\0'),
    latin('8BIM'),
    number(id, 2, 'BE'),
    Buffer.alloc(2),
    number(body.length, 4, 'BE'),
    even,
  ])
}

function extendedXmp(text: Buffer): Buffer[] {
  const whole = packets['base64']?.(Buffer.concat([Buffer.alloc(90_000, 'x'), text])) ?? Buffer.alloc(0)
  const guid = latin('0123456789ABCDEF0123456789ABCDEF')
  const parts: Buffer[] = []
  for (let at = 0; at < whole.length; at += 60_000) {
    const body = whole.subarray(at, at + 60_000)
    const head = [
      latin('http://ns.adobe.com/xmp/extension/\0'),
      guid,
      number(whole.length, 4, 'BE'),
      number(at, 4, 'BE'),
    ]
    parts.push(segment(0xe1, Buffer.concat([...head, body])))
  }
  const main = packet(
    `<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="${guid.toString()}"/>`,
  )
  return [segment(0xe1, Buffer.concat([latin('http://ns.adobe.com/xap/1.0/\0'), main])), ...parts]
}

const jpeg: Leaves = {
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, marker): [string, Plant] => [
      `APP${marker} of no known name`,
      withSegments((text) => segment(0xe0 + marker, Buffer.concat([latin('Unknown\0'), text]))),
    ]).filter(([name]) => !name.startsWith('APP14')),
  ),
  'a comment': withSegments((text) => segment(0xfe, text)),
  ...mapped(fields, 'Exif', (made) =>
    withSegments((text) => segment(0xe1, Buffer.concat([latin('Exif\0\0'), made(text)]))),
  ),
  ...mapped(packets, 'XMP', (made) =>
    withSegments((text) =>
      segment(0xe1, Buffer.concat([latin('http://ns.adobe.com/xap/1.0/\0'), made(text)])),
    ),
  ),
  'extended XMP, where a segment ends': (file, text) => insert(file, 2, ...extendedXmp(text)),
  'IPTC: caption': withSegments((text) => segment(0xed, resource(0x0404, dataset(2, 120, text)))),
  'IPTC: keyword': withSegments((text) => segment(0xed, resource(0x0404, dataset(2, 25, text)))),
  'a resource of Photoshop’s': withSegments((text) => segment(0xed, resource(0x1234, text))),
  'content credentials': withSegments((text) =>
    segment(
      0xeb,
      Buffer.concat([latin('JP\0\x01\0\0\0\x01'), number(text.length + 8, 4, 'BE'), latin('jumb'), text]),
    ),
  ),
  'behind the picture': behind,
  'a comment of a second picture': (file, text) =>
    Buffer.concat([file, insert(file, 2, segment(0xfe, text))]),
  'a trailer between two pictures': (file, text) => Buffer.concat([file, text, file]),
  'Exif in a picture in XMP': (file, text) => {
    const inner = insert(file, 2, segment(0xe1, Buffer.concat([latin('Exif\0\0'), exif(0x010e, text)])))
    const xmp = packets['base64']?.(inner) ?? Buffer.alloc(0)
    return xmp.length > 65_000
      ? file
      : insert(file, 2, segment(0xe1, Buffer.concat([latin('http://ns.adobe.com/xap/1.0/\0'), xmp])))
  },
}

// PNG (third edition)

const chunk = (type: string, body: Buffer): Buffer => {
  const inner = Buffer.concat([latin(type), body])
  return Buffer.concat([number(body.length, 4, 'BE'), inner, number(crc32(inner), 4, 'BE')])
}
const withChunk =
  (type: string, make: (text: Buffer) => Buffer = (text) => text): Plant =>
  (file, text) =>
    insert(file, 33, chunk(type, make(text)))

const png: Leaves = {
  tEXt: withChunk('tEXt', (text) => Buffer.concat([latin('Comment\0'), text])),
  zTXt: withChunk('zTXt', (text) => Buffer.concat([latin('Description\0\0'), deflateSync(text)])),
  iTXt: withChunk('iTXt', (text) => Buffer.concat([latin('Title\0\0\0\0\0'), text])),
  'packed iTXt': withChunk('iTXt', (text) => Buffer.concat([latin('Title\0\x01\0\0\0'), deflateSync(text)])),
  'a text of no known keyword': withChunk('tEXt', (text) => Buffer.concat([latin('Odd\0'), text])),
  'a chunk of no known type': withChunk('odDd'),
  ...mapped(fields, 'eXIf', (made) => withChunk('eXIf', made)),
  ...mapped(packets, 'XMP', (made) =>
    withChunk('iTXt', (text) => Buffer.concat([latin('XML:com.adobe.xmp\0\0\0\0\0'), made(text)])),
  ),
  'behind the end': behind,
}

// GIF89a

const cut = (text: Buffer): Buffer =>
  Buffer.concat([
    ...Array.from({ length: Math.ceil(text.length / 255) }, (_, index) => {
      const part = text.subarray(index * 255, (index + 1) * 255)
      return Buffer.concat([Buffer.from([part.length]), part])
    }),
    Buffer.alloc(1),
  ])
const beforeTrailer =
  (make: (text: Buffer) => Buffer): Plant =>
  (file, text) =>
    insert(file, file.length - 1, make(text))

const gif: Leaves = {
  'a comment': beforeTrailer((text) => Buffer.concat([Buffer.from([0x21, 0xfe]), cut(text)])),
  'a comment, where a piece ends': beforeTrailer((text) =>
    Buffer.concat(
      linesOf(text).map((line) =>
        Buffer.concat([
          Buffer.from([0x21, 0xfe]),
          cut(Buffer.concat([Buffer.alloc(240, '.'), latin(' '), line])),
        ]),
      ),
    ),
  ),
  'an application’s block': beforeTrailer((text) =>
    Buffer.concat([Buffer.from([0x21, 0xff, 11]), latin('ODDPROG1.00'), cut(text)]),
  ),
  'behind the trailer': behind,
}

// RIFF: WebP and AVI

const riffChunk = (id: string, body: Buffer): Buffer =>
  Buffer.concat([latin(id), number(body.length, 4, 'LE'), body, Buffer.alloc(body.length % 2)])
const resized = (file: Buffer): Buffer => {
  file.writeUInt32LE(file.length - 8, 4)
  return file
}
const riffEnd =
  (id: string, make: (text: Buffer) => Buffer = (text) => text): Plant =>
  (file, text) =>
    resized(Buffer.concat([file, riffChunk(id, make(text))]))

const webp: Leaves = {
  ...mapped(fields, 'EXIF', (made) => riffEnd('EXIF', made)),
  ...mapped(packets, 'XMP', (made) => riffEnd('XMP ', made)),
  'a chunk of no known type': riffEnd('ODDS'),
  'behind the file’s end': behind,
}

const avi: Leaves = {
  'a chunk of no known type': riffEnd('odds'),
  junk: riffEnd('JUNK'),
  'a list of texts': riffEnd('LIST', (text) => Buffer.concat([latin('INFO'), riffChunk('ICMT', text)])),
  'a text stream’s packet': (file, text) => {
    const at = file.indexOf('movi', 0, 'latin1')
    const packetOfText = riffChunk('01tx', text)
    const size = file.readUInt32LE(at - 4)
    const longer = insert(file, at + size, packetOfText)
    longer.writeUInt32LE(size + packetOfText.length, at - 4)
    return resized(longer)
  },
  'behind the file’s end': behind,
}

// TIFF: a directory behind all others

const tiff: Leaves = Object.fromEntries(
  [
    ['ImageDescription', 0x010e],
    ['a field of no known number', 0xabcd],
  ].map(([name, tag]): [string, Plant] => [
    String(name),
    (file, text) => {
      // The first directory again behind the file, with one more field.
      const order = file.toString('latin1', 0, 2) === 'II' ? 'LE' : 'BE'
      const u16 = (at: number) => (order === 'LE' ? file.readUInt16LE(at) : file.readUInt16BE(at))
      const u32 = (at: number) => (order === 'LE' ? file.readUInt32LE(at) : file.readUInt32BE(at))
      const at = u32(4)
      const count = u16(at)
      const padded = file.length % 2 === 0 ? file : Buffer.concat([file, Buffer.alloc(1)])
      const field = Buffer.concat([
        number(Number(tag), 2, order),
        number(2, 2, order),
        number(text.length + 1, 4, order),
        number(padded.length + 2 + 12 * (count + 1) + 4, 4, order),
      ])
      const entries: Buffer[] = [field]
      for (let index = 0; index < count; index += 1)
        entries.push(file.subarray(at + 2 + 12 * index, at + 14 + 12 * index))
      const id = (entry: Buffer) => (order === 'LE' ? entry.readUInt16LE(0) : entry.readUInt16BE(0))
      entries.sort((one, other) => id(one) - id(other))
      const again = Buffer.concat([
        padded,
        number(count + 1, 2, order),
        ...entries,
        Buffer.alloc(4),
        text,
        Buffer.alloc(1),
      ])
      number(padded.length, 4, order).copy(again, 4)
      return again
    },
  ]),
)

// ISO-BMFF

const box = (type: string, body: Buffer): Buffer =>
  Buffer.concat([number(body.length + 8, 4, 'BE'), latin(type), body])

/** The file with `made` at the end of the box that `path` leads to; the boxes around grow, and chunk offsets stay, for `moov` comes last. */
function into(file: Buffer, path: readonly string[], made: Buffer): Buffer {
  let [from, to] = [0, file.length]
  const around: number[] = []
  for (const type of path) {
    let at = from
    while (at + 8 <= to && file.toString('latin1', at + 4, at + 8) !== type) at += file.readUInt32BE(at)
    if (at + 8 > to) throw new Error(`no ${path.join('/')}`)
    around.push(at)
    from = at + 8
    to = at + file.readUInt32BE(at)
  }
  const longer = insert(file, to, made)
  for (const at of around) longer.writeUInt32BE(longer.readUInt32BE(at) + made.length, at)
  return longer
}

const deep = ['moov', 'trak', 'mdia', 'minf', 'stbl']
const data = (text: Buffer): Buffer => box('data', Buffer.concat([number(1, 4, 'BE'), Buffer.alloc(4), text]))

const iso: Leaves = {
  'a box of no known type': (file, text) => Buffer.concat([file, box('odds', text)]),
  'unused room': (file, text) => Buffer.concat([file, box('free', text)]),
  'a box of an unknown identifier': (file, text) =>
    Buffer.concat([file, box('uuid', Buffer.concat([Buffer.alloc(16, 7), text]))]),
  'behind the last box': behind,
}
const movie: Leaves = {
  ...iso,
  ...Object.fromEntries(
    deep.map((_, index): [string, Plant] => {
      const path = deep.slice(0, index + 1)
      return [
        `a box of no known type in ${path.join('/')}`,
        (file, text) => into(file, path, box('odds', text)),
      ]
    }),
  ),
  'unused room in moov': (file, text) => into(file, ['moov'], box('free', text)),
  'user data: a comment': (file, text) => into(file, ['moov'], box('udta', box('\xa9cmt', text))),
  'user data: of no known type': (file, text) => into(file, ['moov'], box('udta', box('odds', text))),
  'user data of a track': (file, text) => into(file, ['moov', 'trak'], box('udta', box('name', text))),
  'a list of items': (file, text) =>
    into(
      file,
      ['moov'],
      box(
        'udta',
        box(
          'meta',
          Buffer.concat([
            Buffer.alloc(4),
            box('hdlr', Buffer.concat([Buffer.alloc(8), latin('mdirappl'), Buffer.alloc(9)])),
            box('ilst', box('\xa9cmt', data(text))),
          ]),
        ),
      ),
    ),
  'XMP in a box': (file, text) => {
    const id = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex')
    return Buffer.concat([
      file,
      box('uuid', Buffer.concat([id, packets['an attribute']?.(text) ?? Buffer.alloc(0)])),
    ])
  },
  'text beside the film': (file, text) => Buffer.concat([file, box('mdat', text)]),
}

// JPEG XL

const packed = (type: string, body: Buffer): Buffer =>
  box('brob', Buffer.concat([latin(type), brotliCompressSync(body)]))
const jxl: Leaves = {
  ...mapped(
    fields,
    'Exif',
    (made) => (file, text) =>
      Buffer.concat([file, box('Exif', Buffer.concat([Buffer.alloc(4), made(text)]))]),
  ),
  ...mapped(packets, 'XMP', (made) => (file, text) => Buffer.concat([file, box('xml ', made(text))])),
  'packed XMP': (file, text) =>
    Buffer.concat([file, packed('xml ', packets['an element']?.(text) ?? Buffer.alloc(0))]),
  'a box of no known type': (file, text) => Buffer.concat([file, box('odds', text)]),
  'a packed box of no known type': (file, text) => Buffer.concat([file, packed('jumb', text)]),
}

// Matroska: the segment is of unknown size in what `mkv` makes, so that anything can follow it

const element = (id: number, body: Buffer): Buffer => {
  const bytes = id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(body.length))
  size[0] = 0x01
  return Buffer.concat([number(id, bytes, 'BE'), size, body])
}
const simpleTag = (value: Buffer): Buffer =>
  element(
    0x1254c367,
    element(0x7373, element(0x67c8, Buffer.concat([element(0x45a3, latin('COMMENT')), value]))),
  )
const mkv: Leaves = {
  'a tag': (file, text) => Buffer.concat([file, simpleTag(element(0x4487, text))]),
  'a tag’s bytes': (file, text) => Buffer.concat([file, simpleTag(element(0x4485, text))]),
  'a chapter': (file, text) =>
    Buffer.concat([
      file,
      element(0x1043a770, element(0x45b9, element(0xb6, element(0x80, element(0x85, text))))),
    ]),
  'an attachment': (file, text) =>
    Buffer.concat([
      file,
      element(
        0x1941a469,
        element(
          0x61a7,
          Buffer.concat([
            element(0x466e, latin('a.bin')),
            element(0x4660, latin('text/plain')),
            element(0x465c, text),
          ]),
        ),
      ),
    ]),
  'an element of no known number': (file, text) => Buffer.concat([file, element(0x1a2b3c4d, text)]),
  'unused room': (file, text) => Buffer.concat([file, element(0xec, text)]),
  'behind the last element': (file, text) => Buffer.concat([file, Buffer.alloc(3), text]),
}

// MPEG-TS

/** A packet of a stream that stands in no table, or of padding. */
const tsPacket = (pid: number, text: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10]),
    text,
    Buffer.alloc(184, 0xff),
  ]).subarray(0, 188)
const mts: Leaves = {
  'a stream in no table': (file, text) =>
    Buffer.concat([file, ...linesOf(text).map((line) => tsPacket(0x0321, line))]),
  padding: (file, text) => Buffer.concat([file, ...linesOf(text).map((line) => tsPacket(0x1fff, line))]),
  'behind the last packet': behind,
}

export const leaves = {
  jpeg,
  png,
  gif,
  webp,
  avi,
  tiff,
  heic: iso,
  avif: iso,
  mp4: movie,
  jxl,
  mkv,
  mts,
} as const

/** Everything that a file's bytes say: as they are, and what is packed or encoded in them, to any depth. */
export function unpacked(bytes: Buffer, depth = 0): Buffer[] {
  if (depth > 3) return []
  const found = [bytes]
  for (let at = 0; at + 2 < bytes.length; at += 1) {
    if (bytes[at] !== 0x78 || ![0x01, 0x5e, 0x9c, 0xda].includes(bytes[at + 1] ?? 0)) continue
    try {
      found.push(inflateSync(bytes.subarray(at), { maxOutputLength: 1_000_000, finishFlush: 2 }))
    } catch {
      continue
    }
  }
  for (const match of bytes.toString('latin1').matchAll(/[A-Za-z0-9+/\n]{16,}={0,2}/g))
    found.push(...unpacked(Buffer.from(match[0], 'base64'), depth + 1))
  return found
}
