import type { Readable } from 'node:stream'
import type { ZipEntry } from './plan.ts'

/** Bytes `start..end`, both inclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** An object in the bucket, opened. */
export interface OpenEntry {
  /** The bytes of the range asked for. */
  readonly body: Readable
  /** Size of the whole object in bytes. */
  readonly size: number
}

/** Opens an object, all of it without a range; null when there is none. `Bucket.open` is one. */
export type OpenEntryFunction = (key: string, range?: ByteRange) => Promise<OpenEntry | null>

/** What an archive breaks with when the bucket does not hold what was planned. */
export class ZipEntryError extends Error {
  override readonly name = 'ZipEntryError'
  constructor(
    readonly key: string,
    readonly reason: 'missing' | 'changed' | 'failed',
    options?: ErrorOptions,
  ) {
    super(`zip entry ${key} ${reason}`, options)
  }
}

/** Entries up to this many bytes are taken in whole when opened, so that their connection is free at once. */
const smallBytes = 64 * 1024

/** What a source tells its reader. */
export interface SourceListener {
  /** There may be more to take, or the end was reached. */
  onProgress(): void
  /** `failure` is set. */
  onFailure(source: EntrySource): void
}

/**
 * The wanted bytes of one entry: opens them, counts them, and fails unless exactly those came. Fills the
 * stream's own buffer ahead of its turn, no further.
 */
export class EntrySource {
  failure: ZipEntryError | null = null
  readonly #key: string
  readonly #small: boolean
  readonly #listener: SourceListener
  #chunks: Uint8Array[] = []
  #body: Readable | null = null
  #left: number
  #ended = false
  #destroyed = false

  /** `index` is the entry's place in the plan. */
  constructor(
    readonly index: number,
    entry: ZipEntry,
    range: ByteRange,
    open: OpenEntryFunction,
    listener: SourceListener,
  ) {
    this.#key = entry.key
    this.#left = range.end - range.start + 1
    this.#small = this.#left <= smallBytes
    this.#listener = listener
    void this.#start(entry, range, open)
  }

  /** True when all wanted bytes were taken and the stream has ended after them. */
  get done(): boolean {
    return this.#ended && this.#left === 0 && this.#chunks.length === 0
  }

  /** The next bytes that are there, or null. */
  take(): Uint8Array | null {
    return this.#chunks.shift() ?? this.#pull()
  }

  /** Ends the stream, also one that is still being opened. No more is told to the listener. */
  destroy() {
    this.#destroyed = true
    this.#chunks = []
    this.#body?.destroy()
  }

  async #start(entry: ZipEntry, range: ByteRange, open: OpenEntryFunction) {
    try {
      // Without a range where all is wanted: an object that grew gives itself away then.
      const opened = await (this.#left === entry.size ? open(entry.key) : open(entry.key, range))
      if (opened === null) return this.#fail('missing')
      // Listens before anything else: an 'error' that nobody hears ends the process.
      this.#body = opened.body
        .on('error', (error) => this.#fail('failed', error))
        .on('end', () => this.#end())
        .on('close', () => this.#ended || this.#fail('failed'))
      if (this.#destroyed) this.#body.destroy()
      else if (this.#body.destroyed) this.#fail('failed', this.#body.errored)
      else if (opened.size !== entry.size) this.#fail('changed')
      else this.#body.on('readable', () => this.#ready())
    } catch (error) {
      this.#fail('failed', error)
    }
  }

  #ready() {
    if (this.#small)
      for (let chunk = this.#pull(); chunk !== null; chunk = this.#pull()) this.#chunks.push(chunk)
    if (!this.#destroyed) this.#listener.onProgress()
  }

  #end() {
    this.#ended = true
    if (this.#left > 0) this.#fail('changed')
    else if (!this.#destroyed) this.#listener.onProgress()
  }

  #pull(): Uint8Array | null {
    if (this.#destroyed || this.#body === null) return null
    const chunk: unknown = this.#body.read()
    if (chunk === null) return null
    if (chunk instanceof Uint8Array && chunk.length <= this.#left) {
      this.#left -= chunk.length
      return chunk
    }
    this.#fail('changed')
    return null
  }

  #fail(reason: ZipEntryError['reason'], cause?: unknown) {
    // What a stream says after it was given up is an echo of that.
    if (this.#destroyed) return
    this.failure = new ZipEntryError(this.#key, reason, { cause })
    this.destroy()
    this.#listener.onFailure(this)
  }
}
