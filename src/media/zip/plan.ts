import { createHash } from 'node:crypto'
import { centralHeaderRoom, endRoom, localHeaderLength, RecordWriter } from './records.ts'
import { zipTimestamp } from './timestamp.ts'
import type { LocalTime } from './timestamp.ts'

/** Raise it with any change to the bytes that a plan stands for: half-done downloads then begin again. */
const formatVersion = 'mayfly-zip-1'

/** A file that shall stand in the archive. */
export interface ZipEntry {
  /** What `open` is asked for. */
  readonly key: string
  /** Name in the archive, unique and safe: from `uniqueNames`. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** CRC-32 (ISO 3309) of the content, unsigned. */
  readonly crc32: number
  /** The file's date after unpacking; see `zipTimestamp` for what a missing date or offset means. */
  readonly modifiedAt: LocalTime | null
  /** SHA-256 of the content, in lower-case hexadecimal. */
  readonly etag: string
}

/** A stored ZIP whose every byte is known, though none of its content was read. */
export interface ZipPlan {
  /** Bytes of the whole archive: its `Content-Length`. */
  readonly size: number
  /** A strong validator, in hexadecimal without quotes: equal if and only if the archive's bytes are. */
  readonly etag: string
  readonly entries: readonly ZipEntry[]
  /** Where each entry's local header stands; one more at the end: where the central directory does. */
  readonly offsets: Float64Array
  /** The central directory and the end records. Shared by all readers: never to be written to. */
  readonly directory: Buffer
}

/**
 * Lays out a stored ZIP: no compression, no data descriptors, UTF-8 names, ZIP64 only where needed. The same
 * entries give the same bytes on any machine, so that a download begun on one can be resumed on another.
 * Throws RangeError for an entry that could not be unpacked as it stands.
 */
export function planZip(entries: readonly ZipEntry[]): ZipPlan {
  const offsets = new Float64Array(entries.length + 1)
  const names = new Set<string>()
  // One pass, and nothing kept of an entry but its bytes: most of the time went into collecting garbage.
  const writer = new RecordWriter(directoryRoom(entries))
  let offset = 0
  for (let index = 0; index < entries.length; index += 1) {
    const entry = entries[index]
    if (entry === undefined) continue
    requireSound(entry)
    names.add(entry.name)
    const timestamp = zipTimestamp(entry.modifiedAt)
    const nameBytes = writer.centralHeader(entry, timestamp, offset)
    offsets[index] = offset
    offset += localHeaderLength(entry, timestamp, nameBytes) + entry.size
  }
  offsets[entries.length] = offset
  if (names.size !== entries.length) throw new RangeError('zip entries: a name stands twice')
  writer.end(entries.length, offset, writer.length)
  const directory = writer.bytes
  const size = offset + directory.length
  if (!Number.isSafeInteger(size)) throw new RangeError('zip entries: too large in all')

  // The directory holds every name, size, CRC, date and offset; with the contents' hashes that is all there is.
  const etag = createHash('sha256')
    .update(`${formatVersion}\n${directory.length}\n`)
    .update(directory)
    .update(entries.map((entry) => entry.etag).join(''))
    .digest('hex')
  return { size, etag, entries, offsets, directory }
}

/** The local header of an entry, as it stands before the entry's bytes. */
export function localHeader(entry: ZipEntry): Buffer {
  const timestamp = zipTimestamp(entry.modifiedAt)
  const writer = new RecordWriter(localHeaderLength(entry, timestamp, Buffer.byteLength(entry.name)))
  writer.localHeader(entry, timestamp)
  return writer.bytes
}

/** Bytes that the directory will not pass. */
function directoryRoom(entries: readonly ZipEntry[]): number {
  let room = endRoom
  for (const entry of entries) room += centralHeaderRoom + 3 * entry.name.length
  return room
}

/** Empty, absolute, climbing or unprintable: what no archive of ours may hold, wherever the name came from. */
const unsafeName = /^$|^\/|[\\\x00-\x1f\x7f]|(?:^|\/)\.{0,2}(?:\/|$)|\p{Cs}/u

/** Names that need no closer look: nearly all, and an album of 10,000 waits for it. */
const plainName = /^[\w(][\w ()+,.@=&!-]*$/

/** In UTF-16 units: three bytes each at most, and the field for their length has 16 bits. */
const maxNameLength = 0xffff / 3

function requireSound(entry: ZipEntry) {
  if ((!plainName.test(entry.name) && unsafeName.test(entry.name)) || entry.name.length > maxNameLength)
    throw new RangeError(`zip entry ${entry.key}: unsafe name`)
  if (!Number.isSafeInteger(entry.size) || entry.size < 0)
    throw new RangeError(`zip entry ${entry.key}: not a size: ${entry.size}`)
  if (entry.crc32 >>> 0 !== entry.crc32)
    throw new RangeError(`zip entry ${entry.key}: not a CRC-32: ${entry.crc32}`)
  // The tags are hashed one after the other: of one length, no two lists of them look alike.
  if (entry.etag.length !== 64) throw new RangeError(`zip entry ${entry.key}: not a SHA-256`)
}
