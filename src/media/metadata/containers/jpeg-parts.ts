import { type ByteRange, type ByteSource, partOf } from '../bytes/byte-source.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'
import { type JpegSegment, walkJpeg } from './jpeg.ts'

/** Application segments that stay: what they begin with, by marker. All others go. */
const keptSegments: ReadonlyMap<number, RegExp> = new Map([
  // The resolution, and a small picture of it.
  [0xe0, /^(JFIF|JFXX)\0/],
  // Camera details, captions and rating, with their places taken out; what a thermal camera measured.
  [0xe1, /^(Exif\0|FLIR\0|http:\/\/ns\.adobe\.com\/(xap\/1\.0|xmp\/extension)\/\0)/],
  // The colour profile, the list of further pictures, the gain map.
  [0xe2, /^(ICC_PROFILE\0|MPF\0|urn:iso:std:iso:ts:21496)/],
  // What editors write of the quality.
  [0xec, /^Ducky/],
  // Captions, authors and copyright (IPTC), with their places taken out.
  [0xed, /^Photoshop 3\.0\0/],
  // How colours are coded.
  [0xee, /^Adobe/],
])

/** Blocks of Samsung's trailer that stay: the motion and its version, and when it was taken. */
const keptBlocks = /^(MotionPhoto_\w+|Image_UTC_Data)$/
const maxPictures = 64
const searchBytes = 64 * 1024

const isKept = ({ marker, name }: JpegSegment): boolean =>
  marker === 0xfe || keptSegments.get(marker)?.test(name) === true

/**
 * Finds what of a JPEG is of no known kind: application segments, and what stands after the picture but for further
 * pictures, films (`videos`) and Samsung's trailer. The patches turn it into zeros, so that every offset in the file stays.
 */
export async function findUnknownParts(source: ByteSource, videos: readonly ByteRange[]): Promise<Patch[]> {
  const patches: Patch[] = []
  let position = 0
  for (let count = 0; position < source.size; count += 1) {
    const film = videos.find(({ offset }) => offset === position)
    const picture = film ? null : await pictureAt(position)
    if (film) position += film.length
    else if (picture && count < maxPictures) position = picture
    else if (position === 0) return []
    else {
      const next = await nextPart(position)
      patches.push(...(await blankRest(position, next)))
      position = next
    }
  }
  return patches

  /** Where the JPEG that begins at `start` ends; null where none does. */
  async function pictureAt(start: number): Promise<number | null> {
    const layout = await walkJpeg(start === 0 ? source : partOf(source, start))
    if (!layout) return null
    for (const segment of layout.segments) {
      if (isKept(segment)) continue
      const name = segment.marker === 0xeb ? 'content credentials' : `segment APP${segment.marker - 0xe0}`
      await zero(start + segment.offset + 4, start + segment.offset + segment.length, name)
    }
    return start + layout.end
  }

  /** The next film, picture or end after `from`. */
  async function nextPart(from: number): Promise<number> {
    const film = videos.map(({ offset }) => offset).find((offset) => offset > from) ?? source.size
    for (let at = from; at < film; at += searchBytes - 3) {
      const found = (await source.read(at, searchBytes)).indexOf(Buffer.from('ffd8ff', 'hex'))
      // One that begins here is no picture: it was tried.
      if (found >= 0 && at + found > from && at + found < film && (await isPicture(at + found)))
        return at + found
    }
    return film
  }

  async function isPicture(start: number): Promise<boolean> {
    return (await walkJpeg(partOf(source, start))) !== null
  }

  async function blankRest(from: number, to: number): Promise<Patch[]> {
    const before = patches.length
    const blocks = await samsungBlocks(source)
    for (const { offset, length, name, entry } of blocks) {
      if (entry === null || keptBlocks.test(name) || offset < from || offset >= to) continue
      await zero(offset, offset + length, `block ${name}`)
      await zero(entry, entry + 4, `entry of ${name}`)
    }
    // In the trailer a film stands inside its block, whose name stands before it.
    const kept = blocks.filter(({ offset, length }) => offset < to && offset + length > from)
    let at = from
    for (const { offset, length } of kept) {
      await zero(at, Math.min(to, offset), 'trailer')
      at = Math.max(at, offset + length)
    }
    await zero(at, to, 'trailer')
    return patches.splice(before)
  }

  async function zero(from: number, to: number, where: string): Promise<void> {
    if (to <= from) return
    const bytes = await source.read(from, Math.min(to - from, searchBytes))
    if (to - from <= bytes.length && bytes.every((byte) => byte === 0)) return
    const value = shortValue(bytes.toString('latin1', 0, 160))
    const finding = { kind: 'location', where: `${where} at ${from}`, value } as const
    patches.push({ offset: from, length: to - from, bytes: null, finding, secrets: [] })
  }
}

interface SamsungBlock extends ByteRange {
  readonly name: string
  /** Where its entry stands in the directory; null for the directory itself. */
  readonly entry: number | null
}

/**
 * The blocks of Samsung's trailer and its directory (`SEFH` … `SEFT`), which counts back from itself, in file order. None where
 * the file does not end with one.
 */
async function samsungBlocks(source: ByteSource): Promise<SamsungBlock[]> {
  const tail = await source.read(source.size - 8, 8)
  if (tail.length < 8 || tail.toString('latin1', 4) !== 'SEFT') return []
  const size = tail.readUInt32LE(0)
  const start = source.size - 8 - size
  const directory = await source.read(start, size)
  if (start < 0 || directory.length < size || directory.toString('latin1', 0, 4) !== 'SEFH') return []
  const blocks: SamsungBlock[] = [{ offset: start, length: size + 8, name: '', entry: null }]
  const count = Math.min(directory.readUInt32LE(8), Math.floor((size - 12) / 12))
  for (let index = 0; index < count; index += 1) {
    const at = 12 + 12 * index
    const offset = start - directory.readUInt32LE(at + 4)
    const length = directory.readUInt32LE(at + 8)
    const head = await source.read(offset, 64)
    if (head.length < 8 || offset + length > start) continue
    const name = head.toString('latin1', 8, 8 + Math.min(head.readUInt32LE(4), 56))
    blocks.push({ offset, length, name, entry: start + at })
  }
  return blocks.sort((one, other) => one.offset - other.offset)
}
