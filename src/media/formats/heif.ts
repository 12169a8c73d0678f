import { open } from 'node:fs/promises'
import { type Box, boxes, fileBoxes } from './iso-boxes.ts'
import { MediaError } from '../types.ts'

/** What the `meta` box of a HEIF (ISO/IEC 23008-12) says of its primary picture. */
export interface HeifPicture {
  /** Pixels as shown, after `clap` and `irot`. */
  readonly width: number
  readonly height: number
  /** Whether the file itself says how its picture is turned (`irot`, `imir`): then Exif's orientation does not count. */
  readonly isTurned: boolean
  /** Pixels of the largest picture in the file, by its `ispe`: what a decoder may allocate. */
  readonly largestPixels: number
  readonly icc: Buffer | null
  /** Colour by code points of ITU-T H.273. */
  readonly nclx: { readonly primaries: number; readonly transfer: number } | null
  /** Where a Google or Samsung motion photo carries its video (`mpvd`), in the file. */
  readonly motion: { readonly start: number; readonly end: number } | null
}

const maxMetaBytes = 16 * 1024 * 1024

/** Reads the boxes that describe a HEIC or AVIF, not its pixels. Null where it has no primary picture. */
export async function readHeif(path: string): Promise<HeifPicture | null> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    let picture: Omit<HeifPicture, 'motion'> | null = null
    let motion: HeifPicture['motion'] = null
    for await (const box of fileBoxes(file, 0, size)) {
      if (box.type === 'mpvd') motion = { start: box.content, end: box.end }
      if (box.type !== 'meta' || picture !== null) continue
      const length = box.end - box.content
      if (length > maxMetaBytes) throw new MediaError('damaged', 'The description of the picture is too long')
      const meta = Buffer.alloc(length)
      const { bytesRead } = await file.read(meta, 0, length, box.content)
      picture = readMeta(meta.subarray(0, bytesRead))
    }
    return picture && { ...picture, motion }
  } catch (error) {
    if (error instanceof RangeError) {
      throw new MediaError('damaged', 'The boxes of the picture are cut off', { cause: error })
    }
    throw error
  } finally {
    await file.close()
  }
}

function readMeta(meta: Buffer): Omit<HeifPicture, 'motion'> | null {
  const parts = new Map([...boxes(meta, 4)].map((box) => [box.type, box]))
  const primaryBox = parts.get('pitm')
  const propertiesBox = parts.get('iprp')
  if (!primaryBox || !propertiesBox) return null
  const primary =
    meta[primaryBox.content] === 0
      ? meta.readUInt16BE(primaryBox.content + 4)
      : meta.readUInt32BE(primaryBox.content + 4)

  let properties: Box[] = []
  let own: number[] = []
  for (const box of boxes(meta, propertiesBox.content, propertiesBox.end)) {
    if (box.type === 'ipco') properties = [...boxes(meta, box.content, box.end)]
    if (box.type === 'ipma') own = own.concat(associations(meta, box, primary))
  }
  const mine = own.flatMap((index) => properties[index - 1] ?? [])
  const extent = mine.find((box) => box.type === 'ispe')
  if (!extent) return null

  const largestPixels = Math.max(
    ...properties
      .filter((box) => box.type === 'ispe')
      .map((box) => meta.readUInt32BE(box.content + 4) * meta.readUInt32BE(box.content + 8)),
  )
  let width = meta.readUInt32BE(extent.content + 4)
  let height = meta.readUInt32BE(extent.content + 8)
  // The transformations apply in the order in which they are associated (23008-12, 6.5).
  for (const box of mine) {
    if (box.type === 'clap') {
      width = Math.round(meta.readUInt32BE(box.content) / Math.max(1, meta.readUInt32BE(box.content + 4)))
      height = Math.round(
        meta.readUInt32BE(box.content + 8) / Math.max(1, meta.readUInt32BE(box.content + 12)),
      )
    }
    if (box.type === 'irot' && (meta.readUInt8(box.content) & 1) === 1) [width, height] = [height, width]
  }
  const isTurned = mine.some(({ type }) => type === 'irot' || type === 'imir')
  return { width, height, isTurned, largestPixels, ...readColour(meta, mine) }
}

/** `ipma`: the property numbers (from 1) of one item. */
function associations(meta: Buffer, box: Box, item: number): number[] {
  const version = meta.readUInt8(box.content)
  const isWide = (meta.readUInt8(box.content + 3) & 1) === 1
  let at = box.content + 8
  const found: number[] = []
  for (let left = meta.readUInt32BE(box.content + 4); left > 0 && at < box.end; left -= 1) {
    const id = version < 1 ? meta.readUInt16BE(at) : meta.readUInt32BE(at)
    at += version < 1 ? 2 : 4
    const count = meta.readUInt8(at)
    at += 1
    for (let index = 0; index < count; index += 1) {
      const property = isWide ? meta.readUInt16BE(at) & 0x7fff : meta.readUInt8(at) & 0x7f
      at += isWide ? 2 : 1
      if (id === item) found.push(property)
    }
  }
  return found
}

/** `colr`: an ICC profile (`prof`, `rICC`) goes before code points (`nclx`). */
function readColour(meta: Buffer, properties: readonly Box[]): Pick<HeifPicture, 'icc' | 'nclx'> {
  let icc: HeifPicture['icc'] = null
  let nclx: HeifPicture['nclx'] = null
  for (const box of properties) {
    if (box.type !== 'colr') continue
    const kind = meta.toString('latin1', box.content, box.content + 4)
    if (kind === 'nclx') {
      nclx = { primaries: meta.readUInt16BE(box.content + 4), transfer: meta.readUInt16BE(box.content + 6) }
    } else if (kind === 'prof' || kind === 'rICC') {
      const profile = meta.subarray(box.content + 4, box.end)
      if (profile.length > 128 && profile.toString('latin1', 36, 40) === 'acsp') icc = Buffer.from(profile)
    }
  }
  return { icc, nclx }
}
