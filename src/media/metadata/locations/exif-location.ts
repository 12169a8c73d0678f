import type { ByteSource } from '../bytes/byte-source.ts'
import { findPlaceDatasets } from './iptc-location.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** Bytes per value of each TIFF field type (TIFF 6.0 §2; index is the type). */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8]

/** How wide the fields of a directory are, in bytes. */
interface Widths {
  readonly count: number
  readonly entry: number
  readonly offset: number
}
const classic: Widths = { count: 2, entry: 12, offset: 4 }
/** BigTIFF has 64 bits where TIFF has 16 or 32. */
const big: Widths = { count: 8, entry: 20, offset: 8 }

const gpsPointer = 0x8825
/** Geo-referencing of GeoTIFF: pixel scale, tie points, transformation, and the three key tags. */
const geoTiffTags = new Set([33550, 33922, 34264, 34735, 34736, 34737, 42112])
/** Pointers to further directories worth following: SubIFDs and Exif. */
const childPointers = new Set([0x014a, 0x8769])
const iptcTag = 33723
/** The raw file that a DNG was made of, whole (DNG 1.7.1 §6), and content credentials (C2PA). */
const foreignFiles: ReadonlyMap<number, string> = new Map([
  [0xc68c, 'original raw file'],
  [0xcd41, 'content credentials'],
])
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
  const header = await source.read(base, 16)
  if (header.length < 8) return []
  const littleEndian = header.toString('latin1', 0, 2) === 'II'
  const u16 = (bytes: Buffer, at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at))
  const u32 = (bytes: Buffer, at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  const u64 = (bytes: Buffer, at: number) =>
    Number(littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
  const widths = u16(header, 2) === 43 && header.length === 16 ? big : classic
  /** A count of values, or an offset, as wide as the file has them. */
  const wide = (bytes: Buffer, at: number) => (widths === big ? u64(bytes, at) : u32(bytes, at))
  const countOf = (bytes: Buffer) => (widths === big ? u64(bytes, 0) : u16(bytes, 0))
  const patches: Patch[] = []
  const seen = new Set<number>()
  const queue = [widths === big ? u64(header, 8) : u32(header, 4)]

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
        const found = await blankGps(wide(field.raw, 4 + widths.offset))
        if (found.length > 0) {
          patches.push(...found)
          removed.add(field)
        }
      } else if (geoTiffTags.has(field.tag)) {
        patches.push(...(await blankGeoTiff(field)))
        removed.add(field)
      } else if (foreignFiles.has(field.tag)) {
        patches.push(...blankFile(field))
        removed.add(field)
      } else if (field.tag === iptcTag && !field.inline) {
        patches.push(...(await findPlaceDatasets(source, base + field.valueOffset, field.valueBytes)))
      } else if (childPointers.has(field.tag) && field.count <= 8) {
        const size = typeBytes[field.type] === 8 ? 8 : 4
        for (let index = 0; index < field.count; index++) {
          const pointer = await source.read(base + field.valueOffset + size * index, size)
          if (pointer.length === size) queue.push(size === 8 ? u64(pointer, 0) : u32(pointer, 0))
        }
      }
    }
    if (removed.size > 0) patches.push(withoutFields(directory, removed))
  }
  return patches

  async function readDirectory(offset: number, maxFields: number): Promise<Directory | null> {
    const start = base + offset
    const head = await source.read(start, widths.count)
    if (head.length < widths.count) return null
    const count = countOf(head)
    const entries = widths.entry * count
    if (count === 0 || count > maxFields || start + widths.count + entries > end) return null
    const bytes = Buffer.from(await source.read(start + widths.count, entries + widths.offset))
    const fields: Field[] = []
    for (let index = 0; index < count; index++) {
      const raw = bytes.subarray(widths.entry * index, widths.entry * (index + 1))
      const type = u16(raw, 2)
      const size = typeBytes[type] ?? 0
      // One entry of an unknown type is a camera's slip; a directory full of them is no directory.
      const values = wide(raw, 4)
      const valueBytes = size * values
      const inline = valueBytes <= widths.offset
      const valueAt = 4 + widths.offset
      const valueOffset = inline ? offset + widths.count + widths.entry * index + valueAt : wide(raw, valueAt)
      fields.push({ tag: u16(raw, 0), type, count: values, valueOffset, valueBytes, inline, raw })
    }
    const unknown = fields.filter((field) => !typeBytes[field.type]).length
    if (unknown > 1 + count / 4) return null
    const next = bytes.length >= entries + widths.offset ? wide(bytes, entries) : 0
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
    const length = widths.count + widths.entry * directory.fields.length
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

  function blankFile(field: Field): Patch[] {
    const at = base + field.valueOffset
    if (field.inline || at + field.valueBytes > Math.min(end, source.size)) return []
    const where = `${foreignFiles.get(field.tag) ?? ''} at ${at}`
    const finding = { kind: 'location' as const, where, value: `${field.valueBytes} bytes` }
    return [{ offset: at, length: field.valueBytes, bytes: null, finding, secrets: [] }]
  }

  function write(bytes: Buffer, at: number, width: number, value: number): void {
    if (width === 8 && littleEndian) bytes.writeBigUInt64LE(BigInt(value), at)
    else if (width === 8) bytes.writeBigUInt64BE(BigInt(value), at)
    else if (littleEndian) bytes.writeUIntLE(value, at, width)
    else bytes.writeUIntBE(value, at, width)
  }

  /** The directory again without `removed`; the entries after them move up, the room at its end is zeroed. */
  function withoutFields(directory: Directory, removed: ReadonlySet<Field>): Patch {
    const kept = directory.fields.filter((field) => !removed.has(field))
    const { count, entry, offset } = widths
    const bytes = Buffer.alloc(count + entry * directory.fields.length + offset)
    write(bytes, 0, count, kept.length)
    kept.forEach((field, index) => field.raw.copy(bytes, count + entry * index))
    write(bytes, count + entry * kept.length, offset, directory.next)
    return { offset: base + directory.offset, length: bytes.length, bytes, finding: null, secrets: [] }
  }
}

/** Tags of the GPS directory that say where, or whereto (Exif 2.32 §4.6.6). */
const gpsNames: Readonly<Record<number, string>> = {
  2: 'GPSLatitude', 4: 'GPSLongitude', 6: 'GPSAltitude', 13: 'GPSSpeed', 15: 'GPSTrack', 17: 'GPSImgDirection',
  20: 'GPSDestLatitude', 22: 'GPSDestLongitude', 24: 'GPSDestBearing', 26: 'GPSDestDistance',
  28: 'GPSAreaInformation',
} // prettier-ignore
