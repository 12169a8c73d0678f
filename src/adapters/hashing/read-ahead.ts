import type { RunningHash } from './hash-threads.ts'

/** Pieces of a network's size are gathered in blocks of this many bytes: each block is one write and one message to a thread. */
const blockBytes = 512 * 1024
/** Blocks of one body that are on their way from its sender to the bucket, besides the one being filled. */
const mostOnTheWay = 3
/** With more than that in use by all bodies of this process, each body has only one on its way. */
const generousUntil = 64
const mostSpare = 16

/** The memory of all bodies of this process. It is used again: fresh memory costs more than filling it. */
const spare: Buffer[] = []
let inUse = 0

function take(): Buffer {
  inUse += 1
  return spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
}

function give(block: Buffer): void {
  inUse -= 1
  if (spare.length < mostSpare && block.buffer.byteLength === blockBytes)
    spare.push(Buffer.from(block.buffer))
}

/**
 * A body on its way into the bucket: read as it comes, a few blocks ahead of whoever takes them, and hashed in between.
 * A block is its taker's until the next one is asked for. When the body throws, what came before is given first.
 */
export class ReadAhead implements AsyncIterable<Buffer> {
  private readonly line: Promise<Buffer>[] = []
  private failure: { readonly error: unknown } | null = null
  private hasEnded = false
  private isStopped = false
  private wakeFiller = (): void => {}
  private wakeTaker = (): void => {}

  /** `hash` is told of all that comes in; null where nothing is to be hashed. */
  constructor(
    pieces: AsyncIterable<Buffer>,
    private readonly hash: RunningHash | null,
  ) {
    void this.fill(pieces)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const next = this.line[0]
      if (next) {
        const block = await next
        void this.line.shift()
        this.wakeFiller()
        try {
          yield block
        } finally {
          give(block)
        }
      } else if (this.failure) throw this.failure.error
      else if (this.hasEnded) return
      else await new Promise<void>((resolve) => (this.wakeTaker = resolve))
    }
  }

  /** Gives all memory back. Whoever took blocks has ended; the body must be ended by whoever began it. */
  stop(): void {
    this.isStopped = true
    this.wakeFiller()
    for (const block of this.line.splice(0)) void block.then(give, lose)
  }

  private async fill(pieces: AsyncIterable<Buffer>): Promise<void> {
    let block: Buffer | null = null
    let filled = 0
    try {
      for await (const piece of pieces) {
        for (let from = 0; from < piece.length && !this.isStopped;) {
          block ??= take()
          const copied = piece.copy(block, filled, from)
          from += copied
          filled += copied
          if (filled < blockBytes) continue
          this.hand(block, filled)
          block = null
          filled = 0
          await this.room()
        }
        if (this.isStopped) return
      }
    } catch (error) {
      this.failure = { error }
    } finally {
      if (block && !this.isStopped) this.hand(block, filled)
      else if (block) give(block)
      this.hasEnded = true
      this.wakeTaker()
    }
  }

  private hand(block: Buffer, filled: number): void {
    const bytes = block.subarray(0, filled)
    const ready = this.hash ? this.hash.add(bytes) : Promise.resolve(bytes)
    // Thrown where it is taken.
    ready.catch(() => {})
    this.line.push(ready)
    this.wakeTaker()
  }

  private async room(): Promise<void> {
    while (!this.isStopped && this.line.length >= (inUse > generousUntil ? 1 : mostOnTheWay))
      await new Promise<void>((resolve) => (this.wakeFiller = resolve))
  }
}

/** Memory that a thread which died had at that moment does not come back. */
function lose(): void {
  inUse -= 1
}
