import type { Format } from '../types.ts'

/**
 * Tells the formats that are built on TIFF 6.0 apart by the tags of their first directory, since they share one
 * signature. Null where the bytes are no TIFF.
 */
export function sniffTiff(bytes: Buffer): Format | null {
  const mark = bytes.toString('latin1', 0, 4)
  if (mark === 'IIU\0') return 'rw2'
  if (mark === 'IIRO' || mark === 'IIRS' || mark === 'MMOR') return 'orf'
  if (mark === 'II+\0' || mark === 'MM\0+') return 'tiff' // BigTIFF
  if (mark !== 'II*\0' && mark !== 'MM\0*') return null
  if (bytes.toString('latin1', 8, 10) === 'CR' && mark === 'II*\0') return 'cr2'
  return byFirstDirectory(bytes, mark === 'II*\0')
}

const tags = {
  subfileType: 0xfe,
  make: 0x10f,
  subDirectories: 0x14a,
  dngVersion: 0xc612,
  sonyPrivate: 0xc634,
}

function byFirstDirectory(bytes: Buffer, littleEndian: boolean): Format {
  const short = (at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at))
  const long = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))

  const directory = long(4)
  // A directory past the head (common in plain TIFFs, which put it last) tells nothing.
  if (directory + 2 > bytes.length) return 'tiff'
  const count = short(directory)
  const found = new Set<number>()
  let make = ''
  let isReduced = false
  for (let index = 0; index < count; index += 1) {
    const entry = directory + 2 + index * 12
    if (entry + 12 > bytes.length) break
    const tag = short(entry)
    found.add(tag)
    if (tag === tags.subfileType) isReduced = (long(entry + 8) & 1) === 1
    if (tag === tags.make) {
      const length = Math.min(long(entry + 4), 32)
      const at = length <= 4 ? entry + 8 : long(entry + 8)
      make = bytes.toString('latin1', at, at + length).toUpperCase()
    }
  }
  if (found.has(tags.dngVersion)) return 'dng'
  // A raw's first directory is a reduced picture; the sensor's data hangs below it. A plain TIFF from the same maker has neither.
  const isRaw = found.has(tags.subDirectories) && (isReduced || found.has(tags.sonyPrivate))
  if (isRaw && make.startsWith('NIKON')) return 'nef'
  if (isRaw && make.startsWith('SONY')) return 'arw'
  if (make.startsWith('OLYMPUS') && isRaw) return 'orf'
  return 'tiff'
}
