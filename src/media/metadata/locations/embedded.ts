import { type ByteRange, type ByteSource, windows } from '../bytes/byte-source.ts'
import { findExifLocation } from './exif-location.ts'
import { findIptcLocation, iptcResource } from './iptc-location.ts'
import type { Patch } from '../bytes/patch.ts'
import { findXmpLocation, xmpStart } from './xmp-location.ts'

const littleEndianTiff = Buffer.from('II*\0', 'latin1')
const bigEndianTiff = Buffer.from('MM\0*', 'latin1')
const fileType = Buffer.from('ftyp')
/** Samsung's trailer names the mobile country code: `MCC_Data` and three digits. */
const countryCode = Buffer.from('MCC_Data')
const markers = [littleEndianTiff, bigEndianTiff, xmpStart, iptcResource, fileType, countryCode]
/** A file with more Exif blocks, packets and videos than this is not a photo. */
const maxBlocks = 4096

export interface EmbeddedLocation {
  readonly patches: readonly Patch[]
  /** Where MP4s stand inside the file (motion photos): complete chains of boxes with a `moov`. */
  readonly videos: readonly ByteRange[]
}

/**
 * Looks in `ranges` for every Exif block, XMP packet and IPTC resource, whatever the container around it: the primary image's,
 * a second JPEG's after it, a preview's, a trailer's. Also tells where MP4s are embedded.
 */
export async function findEmbeddedLocation(
  source: ByteSource,
  ranges: readonly ByteRange[],
): Promise<EmbeddedLocation> {
  const patches: Patch[] = []
  const videos: ByteRange[] = []
  let blocks = 0
  let videoEnd = 0
  for (const range of ranges) {
    for await (const window of windows(source, range)) {
      for (const marker of markers) {
        let at = window.bytes.indexOf(marker)
        while (at >= 0 && at < window.fresh && blocks < maxBlocks) {
          blocks++
          const offset = window.offset + at
          if (marker === xmpStart) patches.push(...(await findXmpLocation(source, offset)))
          else if (marker === iptcResource) patches.push(...(await findIptcLocation(source, offset)))
          else if (marker === countryCode) patches.push(...(await findCountryCode(source, offset)))
          else if (marker !== fileType) patches.push(...(await findExifLocation(source, offset, source.size)))
          else if (offset >= videoEnd) {
            const video = await videoAt(source, offset - 4)
            if (video) {
              videos.push(video)
              videoEnd = video.offset + video.length
            }
          }
          at = window.bytes.indexOf(marker, at + 1)
        }
      }
    }
  }
  return { patches, videos }
}

/** The MP4 whose `ftyp` box begins at `offset`: as far as whole boxes follow each other, if one is a `moov`. */
async function videoAt(source: ByteSource, offset: number): Promise<ByteRange | null> {
  // A file that begins with `ftyp` is itself ISO-BMFF: its boxes are walked as such.
  if (offset < 16) return null
  const first = await source.read(offset, 8)
  const firstSize = first.length === 8 ? first.readUInt32BE(0) : 0
  if (firstSize < 16 || firstSize > 256) return null
  let position = offset
  let hasMovie = false
  while (position + 8 <= source.size) {
    const header = await source.read(position, 16)
    const type = header.toString('latin1', 4, 8)
    let size = header.readUInt32BE(0)
    if (size === 1 && header.length === 16) size = Number(header.readBigUInt64BE(8))
    if (size < 8 || position + size > source.size || !/^[\w \xa9-]{4}$/.test(type)) break
    if (type === 'moov') hasMovie = true
    position += size
  }
  return hasMovie ? { offset, length: position - offset } : null
}

async function findCountryCode(source: ByteSource, offset: number): Promise<Patch[]> {
  const at = offset + countryCode.length
  const digits = await source.read(at, 3)
  const value = digits.toString('latin1')
  if (!/^\d{3}$/.test(value) || value === '000') return []
  const finding = { kind: 'location' as const, where: `MCC_Data at ${offset}`, value }
  return [{ offset: at, length: 3, bytes: Buffer.from('000'), finding, secrets: [] }]
}
