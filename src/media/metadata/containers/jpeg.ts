import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'

export interface JpegLayout {
  /**
   * What decides how the picture looks, in file order: quantisation and Huffman tables, frame and scan headers with
   * their coded data, restart intervals, Adobe's colour transform (APP14) and the ICC profile (APP2).
   */
  readonly picture: readonly ByteRange[]
  /** The coded data alone, where no metadata can stand. */
  readonly coded: readonly ByteRange[]
  /** The offset after the end-of-image marker of the primary image. */
  readonly end: number
  /** Names of application segments, e.g. `APP1`, with their first bytes. */
  readonly segments: readonly JpegSegment[]
}

export interface JpegSegment extends ByteRange {
  /** Marker code, e.g. 0xe1 for APP1. */
  readonly marker: number
  /** The identifier that the payload begins with. */
  readonly name: string
}

const maxSegments = 20_000

/**
 * Walks the segments of a JPEG (ITU-T T.81 Annex B). Null where it is not one.
 */
export function walkJpeg(source: ByteSource): Promise<JpegLayout | null> {
  const known = layouts.get(source)
  if (known) return known
  const layout = walk(source)
  layouts.set(source, layout)
  return layout
}

/** A walk reads all of the coded data, and several parts of a check want its outcome. */
const layouts = new WeakMap<ByteSource, Promise<JpegLayout | null>>()

async function walk(source: ByteSource): Promise<JpegLayout | null> {
  const picture: ByteRange[] = []
  const coded: ByteRange[] = []
  const segments: JpegSegment[] = []
  const signature = await source.read(0, 2)
  if (signature.toString('hex') !== 'ffd8') return null
  let position = 2
  for (let count = 0; count < maxSegments; count++) {
    const head = await source.read(position, 4)
    if (head.length < 2 || head[0] !== 0xff) return null
    const marker = head[1] ?? 0
    if (marker === 0xff) {
      position += 1
      continue
    }
    if (marker === 0xd9) return { picture, coded, end: position + 2, segments }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      position += 2
      continue
    }
    if (head.length < 4) return null
    const length = 2 + head.readUInt16BE(2)
    if (length < 4) return null
    const range = { offset: position, length }
    if ((marker >= 0xe0 && marker <= 0xef) || marker === 0xfe) {
      const name = (await source.read(position + 4, Math.min(40, length - 4))).toString('latin1')
      segments.push({ ...range, marker, name })
      const icc = marker === 0xe2 && name.startsWith('ICC_PROFILE\0')
      if (icc || (marker === 0xee && name.startsWith('Adobe'))) picture.push(range)
    } else picture.push(range)
    position += length
    if (marker === 0xda) {
      // A picture that was cut off ends with the file.
      const end = (await endOfScan(source, position)) ?? source.size
      const data = { offset: position, length: end - position }
      picture.push(data)
      coded.push(data)
      position = end
      if (end >= source.size) return { picture, coded, end, segments }
    }
  }
  return null
}

/** Where coded data ends: at the first marker that is neither a stuffed zero nor a restart (T.81 B.1.1.5). */
async function endOfScan(source: ByteSource, from: number): Promise<number | null> {
  const buffer = Buffer.allocUnsafe(Math.max(2, Math.min(256 * 1024, source.size - from)))
  // One byte less than was read, so that a marker on the border is seen whole.
  for (let offset = from; offset + 1 < source.size; offset += buffer.length - 1) {
    const bytes = buffer.subarray(0, await source.readInto(buffer, offset))
    for (let at = bytes.indexOf(0xff); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
      const next = bytes[at + 1] ?? 0
      if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return offset + at
    }
  }
  return null
}
