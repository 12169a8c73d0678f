import type { ByteSource } from '../bytes/byte-source.ts'
import { findPlaceDatasets } from './iptc-location.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** Bytes per value of each TIFF field type (TIFF 6.0 §2; index is the type). */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4]

const gpsPointer = 0x8825
/** Geo-referencing of GeoTIFF: pixel scale, tie points, transformation, and the three key tags. */
const geoTiffTags = new Set([33550, 33922, 34264, 34735, 34736, 34737, 42112])
/** Pointers to further directories worth following: SubIFDs and Exif. */
const childPointers = new Set([0x014a, 0x8769])
const iptcTag = 33723
const maxDirectories = 24

interface Field {
  readonly tag: number
  readonly type: number
  readonly count: number
  /** Where the value stands, from the start of the TIFF block. */
  readonly valueOffset: number
  readonly valueBytes: number
  readonly inline: boolean
  readonly raw: Buffer
}

interface Directory {
  readonly offset: number
  readonly fields: readonly Field[]
  readonly next: number
}

/**
 * Finds location in the TIFF block (Exif 2.32 §4.6) that starts at `base` and ends before `end`: GPS directories
 * and GeoTIFF's tags. The patches blank the values and take the entries out of their directory, whose other
 * entries, and every offset, stay. Returns none for what is no TIFF block.
 */
export async function findExifLocation(source: ByteSource, base: number, end: number): Promise<Patch[]> {
  const header = await source.read(base, 8)
  if (header.length < 8) return []
  const littleEndian = header.toString('latin1', 0, 2) === 'II'
  const u16 = (bytes: Buffer, at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at))
  const u32 = (bytes: Buffer, at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  const patches: Patch[] = []
  const seen = new Set<number>()
  const queue = [u32(header, 4)]

  while (queue.length > 0 && seen.size < maxDirectories) {
    const offset = queue.shift() ?? 0
    if (offset < 8 || seen.has(offset)) continue
    seen.add(offset)
    const directory = await readDirectory(offset, 1024)
    if (!directory) continue
    queue.push(directory.next)
    const removed = new Set<Field>()
    for (const field of directory.fields) {
      if (field.tag === gpsPointer && field.count === 1) {
        const found = await blankGps(u32(field.raw, 8))
        if (found.length > 0) {
          patches.push(...found)
          removed.add(field)
        }
      } else if (geoTiffTags.has(field.tag)) {
        patches.push(...(await blankGeoTiff(field)))
        removed.add(field)
      } else if (field.tag === iptcTag && !field.inline) {
        patches.push(...(await findPlaceDatasets(source, base + field.valueOffset, field.valueBytes)))
      } else if (childPointers.has(field.tag) && field.count <= 8) {
        for (let index = 0; index < field.count; index++) {
          const pointer = await source.read(base + field.valueOffset + 4 * index, 4)
          if (pointer.length === 4) queue.push(u32(pointer, 0))
        }
      }
    }
    if (removed.size > 0) patches.push(withoutFields(directory, removed))
  }
  return patches

  async function readDirectory(offset: number, maxFields: number): Promise<Directory | null> {
    const start = base + offset
    const head = await source.read(start, 2)
    if (head.length < 2) return null
    const count = u16(head, 0)
    if (count === 0 || count > maxFields || start + 2 + 12 * count > end) return null
    const bytes = Buffer.from(await source.read(start + 2, 12 * count + 4))
    const fields: Field[] = []
    for (let index = 0; index < count; index++) {
      const raw = bytes.subarray(12 * index, 12 * index + 12)
      const type = u16(raw, 2)
      const size = typeBytes[type] ?? 0
      // One entry of an unknown type is a camera's slip; a directory full of them is no directory.
      const valueBytes = size * u32(raw, 4)
      const inline = valueBytes <= 4
      const valueOffset = inline ? offset + 2 + 12 * index + 8 : u32(raw, 8)
      fields.push({ tag: u16(raw, 0), type, count: u32(raw, 4), valueOffset, valueBytes, inline, raw })
    }
    const unknown = fields.filter((field) => !typeBytes[field.type]).length
    if (unknown > 1 + count / 4) return null
    const next = bytes.length >= 12 * count + 4 ? u32(bytes, 12 * count) : 0
    return { offset, fields, next }
  }

  /** Zeros a GPS directory (Exif 2.32 §4.6.6) and its values; leaves one that tells of no place. */
  async function blankGps(offset: number): Promise<Patch[]> {
    const directory = await readDirectory(offset, 64)
    if (!directory || directory.fields.every((field) => field.tag === 0)) return []
    if (directory.fields.some((field) => field.tag > 0x00ff)) return []
    const found: Patch[] = []
    for (const field of directory.fields) {
      const inFile = base + field.valueOffset + field.valueBytes <= Math.min(end, source.size)
      if (!inFile || field.valueBytes > 65_536) continue
      const value = Buffer.from(await source.read(base + field.valueOffset, field.valueBytes))
      const name = gpsNames[field.tag]
      const where = `EXIF:${name ?? ''} (Exif at ${base})`
      const finding = name ? { kind: 'location' as const, where, value: gpsValue(field, value) } : null
      const isPosition = (field.tag === 2 || field.tag === 4) && field.valueBytes === 24
      const secrets = isPosition && u32(value, 0) + u32(value, 8) > 0 ? [value] : []
      found.push({
        offset: base + field.valueOffset,
        length: field.valueBytes,
        bytes: null,
        finding,
        secrets,
      })
    }
    // References, a version or a time alone tell of no place.
    if (!found.some((patch) => patch.finding)) return []
    const length = 2 + 12 * directory.fields.length
    found.push({ offset: base + offset, length, bytes: null, finding: null, secrets: [] })
    return found
  }

  function gpsValue(field: Field, value: Buffer): string {
    if (field.type === 5 && field.valueBytes === 24) {
      const parts = [0, 8, 16].map((at) => u32(value, at) / (u32(value, at + 4) || 1))
      return parts.map((part) => String(Number(part.toFixed(4)))).join(' ')
    }
    if (field.type === 5 && field.valueBytes === 8) return String(u32(value, 0) / (u32(value, 4) || 1))
    return field.type === 2 ? shortValue(value.toString('latin1')) : `${field.valueBytes} bytes`
  }

  async function blankGeoTiff(field: Field): Promise<Patch[]> {
    const at = base + field.valueOffset
    if (field.inline || at + field.valueBytes > Math.min(end, source.size)) return []
    const value = await source.read(at, Math.min(field.valueBytes, 64))
    const text = field.type === 2 ? shortValue(value.toString('latin1')) : `${field.count} values`
    const finding = { kind: 'location' as const, where: `GeoTIFF tag ${field.tag}`, value: text }
    return [{ offset: at, length: field.valueBytes, bytes: null, finding, secrets: [] }]
  }

  /** The directory again without `removed`; the entries after them move up, the room at its end is zeroed. */
  function withoutFields(directory: Directory, removed: ReadonlySet<Field>): Patch {
    const kept = directory.fields.filter((field) => !removed.has(field))
    const bytes = Buffer.alloc(2 + 12 * directory.fields.length + 4)
    if (littleEndian) bytes.writeUInt16LE(kept.length, 0)
    else bytes.writeUInt16BE(kept.length, 0)
    kept.forEach((field, index) => field.raw.copy(bytes, 2 + 12 * index))
    const nextAt = 2 + 12 * kept.length
    if (littleEndian) bytes.writeUInt32LE(directory.next, nextAt)
    else bytes.writeUInt32BE(directory.next, nextAt)
    return { offset: base + directory.offset, length: bytes.length, bytes, finding: null, secrets: [] }
  }
}

/** Tags of the GPS directory that say where, or whereto (Exif 2.32 §4.6.6). */
const gpsNames: Readonly<Record<number, string>> = {
  2: 'GPSLatitude', 4: 'GPSLongitude', 6: 'GPSAltitude', 13: 'GPSSpeed', 15: 'GPSTrack', 17: 'GPSImgDirection',
  20: 'GPSDestLatitude', 22: 'GPSDestLongitude', 24: 'GPSDestBearing', 26: 'GPSDestDistance',
  28: 'GPSAreaInformation',
} // prettier-ignore
