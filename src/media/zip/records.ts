import type { ZipTimestamp } from './timestamp.ts'

// The records of PKWARE's APPNOTE.TXT 6.3.10, by its section numbers. All numbers are little-endian.

/** Fields of this value or above stand in a ZIP64 field instead (4.4.8, 4.4.9, 4.4.16). */
const limit32 = 0xffffffff
const limit16 = 0xffff

const utf8Names = 0x0800
const stored = 0
const version2 = 20
const versionZip64 = 45
/** Made on Unix (4.4.2), so that the mode below counts. */
const madeBy = (3 << 8) | versionZip64
/** A regular file, `rw-r--r--`. */
const externalAttributes = (0o100644 << 16) >>> 0

const localHeaderBytes = 30
const centralHeaderBytes = 46
const timestampFieldBytes = 9

/** What an entry's two headers say. */
interface EntryRecord {
  readonly name: string
  readonly size: number
  readonly crc32: number
}

/** Writes records one after the other. `room`: bytes that will not be passed. */
export class RecordWriter {
  readonly #buffer: Buffer
  readonly #view: DataView
  #at = 0

  constructor(room: number) {
    this.#buffer = Buffer.allocUnsafe(room)
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, room)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  /** What was written. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Local file header (4.3.7). */
  localHeader(entry: EntryRecord, timestamp: ZipTimestamp) {
    const zip64 = entry.size >= limit32
    this.#uint32(0x04034b50)
    const lengths = this.#shared(entry, timestamp, zip64)
    const nameBytes = this.#name(entry)
    this.#lengths(lengths, nameBytes, (zip64 ? 20 : 0) + timestampBytes(timestamp))
    if (zip64) {
      this.#fieldHeader(0x0001, 16)
      this.#uint64(entry.size)
      this.#uint64(entry.size)
    }
    this.#timestampField(timestamp)
  }

  /** Central directory file header (4.3.12). `offset` is where the local header stands. Returns the name's bytes. */
  centralHeader(entry: EntryRecord, timestamp: ZipTimestamp, offset: number): number {
    const zip64Bytes = centralZip64Bytes(entry.size, offset)
    this.#uint32(0x02014b50)
    this.#uint16(madeBy)
    const lengths = this.#shared(entry, timestamp, zip64Bytes > 0)
    this.#uint16(0) // comment
    this.#uint16(0) // disk
    this.#uint16(0) // internal attributes
    this.#uint32(externalAttributes)
    this.#uint32(Math.min(offset, limit32))
    const nameBytes = this.#name(entry)
    this.#lengths(lengths, nameBytes, zip64Bytes + timestampBytes(timestamp))
    if (zip64Bytes > 0) {
      // Only the fields that did not fit, in this order (4.5.3).
      this.#fieldHeader(0x0001, zip64Bytes - 4)
      if (entry.size >= limit32) {
        this.#uint64(entry.size)
        this.#uint64(entry.size)
      }
      if (offset >= limit32) this.#uint64(offset)
    }
    this.#timestampField(timestamp)
    return nameBytes
  }

  /** End of central directory (4.3.16), with its ZIP64 record and locator (4.3.14, 4.3.15) where needed. */
  end(count: number, directoryStart: number, directoryBytes: number) {
    if (endNeedsZip64(count, directoryStart, directoryBytes)) {
      this.#uint32(0x06064b50)
      this.#uint64(44) // of this record, without its first 12 bytes
      this.#uint16(madeBy)
      this.#uint16(versionZip64)
      this.#uint32(0) // this disk
      this.#uint32(0) // the directory's disk
      this.#uint64(count)
      this.#uint64(count)
      this.#uint64(directoryBytes)
      this.#uint64(directoryStart)
      this.#uint32(0x07064b50)
      this.#uint32(0)
      this.#uint64(directoryStart + directoryBytes)
      this.#uint32(1)
    }
    this.#uint32(0x06054b50)
    this.#uint16(0)
    this.#uint16(0)
    this.#uint16(Math.min(count, limit16))
    this.#uint16(Math.min(count, limit16))
    this.#uint32(Math.min(directoryBytes, limit32))
    this.#uint32(Math.min(directoryStart, limit32))
    this.#uint16(0) // comment
  }

  /**
   * What both headers have in common: 26 bytes, from “version needed” to “extra field length”. Returns where
   * the two lengths stand, which are filled in later.
   */
  #shared(entry: EntryRecord, timestamp: ZipTimestamp, zip64: boolean): number {
    const size = Math.min(entry.size, limit32)
    this.#uint16(zip64 ? versionZip64 : version2)
    this.#uint16(utf8Names)
    this.#uint16(stored)
    this.#uint32(timestamp.dos)
    this.#uint32(entry.crc32)
    this.#uint32(size)
    this.#uint32(size)
    this.#at += 4
    return this.#at - 4
  }

  #lengths(at: number, nameBytes: number, extraBytes: number) {
    this.#view.setUint16(at, nameBytes, true)
    this.#view.setUint16(at + 2, extraBytes, true)
  }

  /** Returns the bytes of `name` in UTF-8. */
  #name({ name }: EntryRecord): number {
    const start = this.#at
    // Nearly all are ASCII and short: a call out of JavaScript costs more than their bytes.
    for (let index = 0; index < name.length; index += 1) {
      const code = name.charCodeAt(index)
      if (code > 0x7f) {
        this.#at = start + this.#buffer.write(name, start)
        break
      }
      this.#buffer[this.#at++] = code
    }
    return this.#at - start
  }

  /** Info-ZIP's extended timestamp: the modification time alone, alike in both headers. */
  #timestampField({ unixSeconds }: ZipTimestamp) {
    if (unixSeconds === null) return
    this.#fieldHeader(0x5455, 5)
    this.#buffer[this.#at++] = 1
    this.#uint32(unixSeconds)
  }

  #fieldHeader(id: number, length: number) {
    this.#uint16(id)
    this.#uint16(length)
  }

  #uint16(value: number) {
    this.#view.setUint16(this.#at, value, true)
    this.#at += 2
  }

  #uint32(value: number) {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  #uint64(value: number) {
    this.#uint32(value % 2 ** 32)
    this.#uint32(Math.floor(value / 2 ** 32))
  }
}

/** `nameBytes`: of the name in UTF-8. */
export function localHeaderLength(entry: EntryRecord, timestamp: ZipTimestamp, nameBytes: number): number {
  return localHeaderBytes + nameBytes + (entry.size >= limit32 ? 20 : 0) + timestampBytes(timestamp)
}

/** Bytes that a central header takes at most, beside its name. */
export const centralHeaderRoom = centralHeaderBytes + 28 + timestampFieldBytes
/** Bytes that the end records take at most. */
export const endRoom = 56 + 20 + 22

function endNeedsZip64(count: number, directoryStart: number, directoryBytes: number): boolean {
  return count >= limit16 || directoryStart >= limit32 || directoryBytes >= limit32
}

function centralZip64Bytes(size: number, offset: number): number {
  const bytes = (size >= limit32 ? 16 : 0) + (offset >= limit32 ? 8 : 0)
  return bytes > 0 ? bytes + 4 : 0
}

function timestampBytes({ unixSeconds }: ZipTimestamp): number {
  return unixSeconds === null ? 0 : timestampFieldBytes
}
