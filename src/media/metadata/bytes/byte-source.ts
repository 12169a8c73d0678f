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
  /** Fills `target` from `offset`; answers how many bytes there were. For passes over a whole file: nothing is allocated. */
  readInto(target: Buffer, offset: number): Promise<number>
  close(): Promise<void>
}

const blockBytes = 32 * 1024

/** Opens `path` for reading. Small reads (box and chunk headers) are served from one block that stays in memory. */
export async function openBytes(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  let block: { offset: number; bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) }

  const readInto = async (target: Buffer, offset: number): Promise<number> => {
    const wanted = Math.max(0, Math.min(target.length, size - offset))
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await handle.read(target, filled, wanted - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  const load = async (offset: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)))
    return bytes.subarray(0, await readInto(bytes, offset))
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
    readInto,
    close: () => handle.close(),
  }
}

/** The same over bytes in memory: a chunk or box that was unpacked. */
export function bufferBytes(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, Math.max(offset, offset + length))),
    readInto: (target, offset) => Promise.resolve(bytes.copy(target, 0, offset)),
    close: () => Promise.resolve(),
  }
}

/** What of `source` begins at `start`, as if it were a file of its own. Closing it changes nothing. */
export function partOf(source: ByteSource, start: number, length = source.size - start): ByteSource {
  return {
    size: length,
    read: (offset, wanted) => source.read(start + offset, Math.max(0, Math.min(wanted, length - offset))),
    readInto: (target, offset) =>
      source.readInto(
        target.subarray(0, Math.max(0, Math.min(target.length, length - offset))),
        start + offset,
      ),
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
  /** Valid until the next window is asked for. */
  readonly bytes: Buffer
  readonly fresh: number
}

const windowBytes = 512 * 1024
/** Longer than any pattern that is searched for. */
const windowOverlap = 512

/** Goes through a range in windows that overlap, so that no pattern is cut. */
export async function* windows(source: ByteSource, range: ByteRange): AsyncGenerator<Window> {
  const end = Math.min(source.size, range.offset + range.length)
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(windowBytes, end - range.offset)))
  for (let offset = range.offset; offset < end; offset += windowBytes - windowOverlap) {
    const length = await source.readInto(buffer.subarray(0, Math.min(windowBytes, end - offset)), offset)
    if (length === 0) return
    const last = offset + length >= end
    yield { offset, bytes: buffer.subarray(0, length), fresh: last ? length : length - windowOverlap }
    if (last) return
  }
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
  const step = Math.min(windowBytes, rangeOfOne.length)
  const left = Buffer.allocUnsafe(step)
  const right = Buffer.allocUnsafe(step)
  for (let done = 0; done < rangeOfOne.length; done += step) {
    const length = Math.min(step, rangeOfOne.length - done)
    const readOfOne = await one.readInto(left.subarray(0, length), rangeOfOne.offset + done)
    const readOfOther = await other.readInto(right.subarray(0, length), rangeOfOther.offset + done)
    if (readOfOne !== length || readOfOther !== length) return false
    if (left.compare(right, 0, length, 0, length) !== 0) return false
  }
  return true
}
