import { Readable } from 'node:stream'
import { EntrySource } from './entry-source.ts'
import type { ByteRange, OpenEntryFunction, SourceListener } from './entry-source.ts'
import { localHeader } from './plan.ts'
import type { ZipPlan } from './plan.ts'

/** Pieces of this size pass through Node fastest (measured: 64 KiB 851 MB/s, 256 KiB 1,322, 1 MiB 1,166). */
const chunkBytes = 256 * 1024
/** Smaller pieces are put together before they are sent; copying costs less than another write to a socket. */
const pieceBytes = 32 * 1024
/** As much is put together. */
const joinedBytes = 64 * 1024
/** Entries are opened when the reader is this near: a connection opened long before its turn would time out. */
const aheadBytes = 8 * 1024 * 1024
const defaultReadAhead = 16

export interface ReadZipOptions {
  /** Bytes of the archive to read; all without it. */
  readonly range?: ByteRange | undefined
  readonly open: OpenEntryFunction
  /** How many entries at most are opened before their turn (16); fewer where they are large. */
  readonly readAhead?: number
  /** Destroys the stream when it aborts. */
  readonly signal?: AbortSignal
}

/**
 * Streams a range of the archive, reading from the bucket what that range needs and no more. Fails with
 * `ZipEntryError` when an object is missing, has another size or breaks off: what was sent is right, and it
 * ends short. Ends every stream that it opened when it ends. Throws RangeError for a range outside of the plan.
 */
export function readZip(plan: ZipPlan, options: ReadZipOptions): Readable {
  const { start, end } = options.range ?? { start: 0, end: plan.size - 1 }
  if (
    !Number.isSafeInteger(start) ||
    !Number.isSafeInteger(end) ||
    start < 0 ||
    end < start ||
    end >= plan.size
  )
    throw new RangeError(`not a range of ${plan.size} bytes: ${start}–${end}`)
  return new ZipReader(plan, start, end + 1, options)
}

class ZipReader extends Readable implements SourceListener {
  readonly #plan: ZipPlan
  readonly #open: OpenEntryFunction
  readonly #readAhead: number
  /** Where to stop, exclusive. */
  readonly #stop: number
  #position: number
  /** The entry that `#position` is in; past the last one in the directory. */
  #index: number
  /** Opened entries in order; the first is the current one once its header has been passed. */
  #sources: EntrySource[] = []
  /** The first entry that was not yet looked at for opening. */
  #nextToOpen: number
  #pieces: Uint8Array[] = []
  #piecesLength = 0
  #begun = false
  #wanted = false
  #pumping = false

  constructor(plan: ZipPlan, start: number, stop: number, options: ReadZipOptions) {
    super({ highWaterMark: 2 * chunkBytes, ...(options.signal && { signal: options.signal }) })
    this.#plan = plan
    this.#open = options.open
    this.#readAhead = options.readAhead ?? defaultReadAhead
    this.#position = start
    this.#stop = stop
    this.#index = entryAt(plan.offsets, start)
    this.#nextToOpen = this.#index
  }

  override _read() {
    this.#wanted = true
    this.onProgress()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void) {
    for (const source of this.#sources) source.destroy()
    this.#sources = []
    this.#pieces = []
    callback(error)
  }

  /** Sends until the consumer has enough or a source has no more for now. */
  onProgress() {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#wanted && !this.destroyed && this.#step());
    this.#pumping = false
  }

  onFailure(source: EntrySource) {
    // One that fails before its turn gets a second chance when that comes (see #current).
    if (source.index === this.#index && source.failure) this.destroy(source.failure)
  }

  /** Moves on by one piece; false when there is nothing to do but wait. */
  #step(): boolean {
    const { entries, offsets, directory } = this.#plan
    this.#openAhead()
    const entry = entries[this.#index]
    const begin = offsets[this.#index] ?? 0
    if (entry) {
      const next = offsets[this.#index + 1] ?? 0
      const dataStart = next - entry.size
      if (this.#position < Math.min(dataStart, this.#stop)) {
        this.#send(localHeader(entry).subarray(this.#position - begin, this.#stop - begin))
        return true
      }
      const source = this.#current()
      if (source) return this.#sendFrom(source)
      if (this.#position === next) {
        this.#index += 1
        return true
      }
    } else if (this.#position < this.#stop) {
      const from = this.#position - begin
      this.#send(directory.subarray(from, Math.min(from + chunkBytes, this.#stop - begin)))
      return true
    }
    if (this.#position === this.#stop) {
      this.#flush()
      this.push(null)
    } else this.destroy(new Error(`zip reader stopped at ${this.#position}, not at ${this.#stop}`))
    return false
  }

  /** The source of the current entry, or null when none of its bytes is wanted, or all were sent. */
  #current(): EntrySource | null {
    const source = this.#sources[0]
    if (source?.index !== this.#index) return null
    if (source.failure === null) return source
    // It failed while it waited for its turn (a connection left idle, say); nothing of it was sent.
    return (this.#sources[0] = this.#openEntry(this.#index) ?? source)
  }

  #sendFrom(source: EntrySource): boolean {
    const chunk = source.take()
    if (chunk) this.#send(chunk)
    else if (source.done) {
      source.destroy()
      this.#sources.shift()
    } else return false
    return true
  }

  #openAhead() {
    const { offsets } = this.#plan
    const reach = Math.min(this.#stop, this.#position + aheadBytes)
    while (
      this.#nextToOpen < this.#plan.entries.length &&
      this.#sources.length <= this.#readAhead &&
      (offsets[this.#nextToOpen] ?? 0) < reach
    ) {
      const source = this.#openEntry(this.#nextToOpen)
      if (source) this.#sources.push(source)
      this.#nextToOpen += 1
    }
  }

  /** Opens the wanted bytes of an entry; null when none is wanted. */
  #openEntry(index: number): EntrySource | null {
    const entry = this.#plan.entries[index]
    const next = this.#plan.offsets[index + 1]
    if (entry === undefined || next === undefined) return null
    const dataStart = next - entry.size
    const start = Math.max(this.#position, dataStart)
    const stop = Math.min(this.#stop, next)
    if (start >= stop) return null
    const range = { start: start - dataStart, end: stop - dataStart - 1 }
    return new EntrySource(index, entry, range, this.#open, this)
  }

  #send(chunk: Uint8Array) {
    this.#position += chunk.length
    if (chunk.length >= pieceBytes) {
      this.#flush()
      this.#wanted = this.push(chunk)
      return
    }
    this.#pieces.push(chunk)
    this.#piecesLength += chunk.length
    // The very first goes at once: a client that waits for a slow bucket shall see that the download has begun.
    if (!this.#begun || this.#piecesLength >= joinedBytes) this.#flush()
  }

  #flush() {
    const [first] = this.#pieces
    if (first === undefined) return
    const joined = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#piecesLength)
    this.#pieces = []
    this.#piecesLength = 0
    this.#begun = true
    this.#wanted = this.push(joined)
  }
}

/** The last entry that begins at or before `position`; `offsets.length - 1` inside the directory. */
function entryAt(offsets: Float64Array, position: number): number {
  let low = 0
  let high = offsets.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((offsets[middle] ?? 0) <= position) low = middle
    else high = middle - 1
  }
  return low
}
