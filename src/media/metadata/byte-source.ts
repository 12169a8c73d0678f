import { open } from 'node:fs/promises'

/** A part of a file, in bytes. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Random access to a file of any size; what is asked for is bounded by the caller, never by the file. */
export interface ByteSource {
  readonly size: number
  /** The bytes from `offset`, fewer than `length` at the end of the file. The buffer must not be changed. */
  read(offset: number, length: number): Promise<Buffer>
  close(): Promise<void>
}

const blockBytes = 32 * 1024

/** Opens `path` for reading. Small reads (box and chunk headers) are served from one block that stays in memory. */
export async function openBytes(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  let block: { offset: number; bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) }

  const load = async (offset: number, length: number): Promise<Buffer> => {
    const wanted = Math.max(0, Math.min(length, size - offset))
    const bytes = Buffer.allocUnsafe(wanted)
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await handle.read(bytes, filled, wanted - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }

  return {
    size,
    async read(offset, length) {
      if (!Number.isSafeInteger(offset) || offset < 0 || offset >= size || length <= 0) return Buffer.alloc(0)
      if (length > blockBytes / 4) return load(offset, length)
      const inside = () =>
        offset >= block.offset && Math.min(offset + length, size) <= block.offset + block.bytes.length
      if (!inside()) {
        const start = Math.floor(offset / (blockBytes / 2)) * (blockBytes / 2)
        block = { offset: start, bytes: await load(start, blockBytes) }
      }
      return block.bytes.subarray(offset - block.offset, offset - block.offset + length)
    },
    close: () => handle.close(),
  }
}

/** The same over bytes in memory: a chunk or box that was unpacked. */
export function bufferBytes(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, Math.max(offset, offset + length))),
    close: () => Promise.resolve(),
  }
}

/** Runs `work` on `path` opened for reading, and closes it. */
export async function withBytes<T>(path: string, work: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openBytes(path)
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}

/** A window of a scan. What begins at or after `fresh` bytes from its start comes again in the next window. */
export interface Window {
  readonly offset: number
  readonly bytes: Buffer
  readonly fresh: number
}

export const windowOverlap = 512

/** Goes through a range in windows of a mebibyte that overlap by `windowOverlap`, so that no pattern is cut. */
export async function* windows(source: ByteSource, range: ByteRange): AsyncGenerator<Window> {
  const size = 1024 * 1024
  const end = Math.min(source.size, range.offset + range.length)
  for (let offset = range.offset; offset < end; offset += size - windowOverlap) {
    const bytes = await source.read(offset, Math.min(size, end - offset))
    if (bytes.length === 0) return
    const last = offset + bytes.length >= end
    yield { offset, bytes, fresh: last ? bytes.length : bytes.length - windowOverlap }
    if (last) return
  }
}

/** Where `needle` stands in `range`, at most `limit` places. */
export async function positionsOf(
  source: ByteSource,
  range: ByteRange,
  needles: readonly Buffer[],
  limit: number,
): Promise<{ readonly offset: number; readonly needle: number }[]> {
  const found: { offset: number; needle: number }[] = []
  for await (const window of windows(source, range)) {
    for (const [index, needle] of needles.entries()) {
      let at = window.bytes.indexOf(needle)
      while (at >= 0 && at < window.fresh) {
        found.push({ offset: window.offset + at, needle: index })
        if (found.length >= limit) return found
        at = window.bytes.indexOf(needle, at + 1)
      }
    }
  }
  return found
}

/** The parts of `[0, size)` that no range of `ranges` covers. */
export function complement(ranges: readonly ByteRange[], size: number): ByteRange[] {
  const sorted = [...ranges].sort((one, other) => one.offset - other.offset)
  const gaps: ByteRange[] = []
  let position = 0
  for (const range of sorted) {
    if (range.offset > position) gaps.push({ offset: position, length: range.offset - position })
    position = Math.max(position, range.offset + range.length)
  }
  if (position < size) gaps.push({ offset: position, length: size - position })
  return gaps
}

/** Whether two ranges of two files hold the same bytes. */
export async function sameBytes(
  one: ByteSource,
  rangeOfOne: ByteRange,
  other: ByteSource,
  rangeOfOther: ByteRange,
): Promise<boolean> {
  if (rangeOfOne.length !== rangeOfOther.length) return false
  const step = 1024 * 1024
  for (let done = 0; done < rangeOfOne.length; done += step) {
    const length = Math.min(step, rangeOfOne.length - done)
    const left = await one.read(rangeOfOne.offset + done, length)
    const right = await other.read(rangeOfOther.offset + done, length)
    if (left.length !== length || !left.equals(right)) return false
  }
  return true
}
