import type { ByteSource } from '../bytes/byte-source.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** A Photoshop resource block with IPTC data (resource 0x0404), as JPEGs carry it in APP13. */
export const iptcResource = Buffer.from('8BIM\x04\x04', 'latin1')

/** Datasets of record 2 that name a place (IPTC IIM 4.2 §6). */
const placeDatasets: ReadonlyMap<number, string> = new Map([
  [26, 'ContentLocationCode'],
  [27, 'ContentLocationName'],
  [90, 'City'],
  [92, 'Sub-location'],
  [95, 'Province-State'],
  [100, 'Country-PrimaryLocationCode'],
  [101, 'Country-PrimaryLocationName'],
])
const maxBytes = 1024 * 1024

/**
 * Finds places in the IPTC data of the Photoshop resource at `offset`. The patches put spaces in the place of the
 * values, which keep their length.
 */
export async function findIptcLocation(source: ByteSource, offset: number): Promise<Patch[]> {
  const head = await source.read(offset, 300)
  // A Pascal name, padded to an even length, stands between the resource's number and its size.
  const nameBytes = ((head[6] ?? 0) + 2) & ~1
  const sizeAt = 6 + nameBytes
  if (sizeAt + 4 > head.length) return []
  return findPlaceDatasets(source, offset + sizeAt + 4, head.readUInt32BE(sizeAt))
}

/** The same in IPTC data that stands by itself (TIFF's tag 33723). */
export async function findPlaceDatasets(source: ByteSource, start: number, size: number): Promise<Patch[]> {
  const bytes = await source.read(start, Math.min(size, maxBytes))
  const patches: Patch[] = []
  let at = 0
  while (at + 5 <= bytes.length && bytes[at] === 0x1c) {
    const length = bytes.readUInt16BE(at + 3)
    const end = at + 5 + length
    // Extended lengths (§1.6) are for pictures, not for names.
    if (length > 0x7fff || end > bytes.length) break
    const name = bytes[at + 1] === 2 ? placeDatasets.get(bytes[at + 2] ?? 0) : undefined
    const value = bytes.toString('latin1', at + 5, end)
    if (name && value.trim() !== '') {
      const finding = {
        kind: 'location' as const,
        where: `IPTC:${name} at ${start + at}`,
        value: shortValue(value),
      }
      patches.push({
        offset: start + at + 5,
        length,
        bytes: Buffer.alloc(length, 0x20),
        finding,
        secrets: [],
      })
    }
    at = end
  }
  return patches
}
