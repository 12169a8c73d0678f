import { Readable } from 'node:stream'
import type { Body } from '../ports.ts'

/** A stream may fail while nobody reads it: without a listener that would end the process. Its reader hears of it. */
export function expectFailure(body: Body): void {
  if (body instanceof Readable) body.on('error', () => undefined)
}

/** Ends a stream that is not read to its end. */
export function endBody(body: Body, reason?: unknown): void {
  if (body instanceof Readable) body.destroy(reason === undefined ? undefined : errorOf(reason))
}

export const errorOf = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('It was ended', { cause: reason })

/** A body that may break off: its pieces end there, so that what came is kept, and `check` throws what broke it. */
export class BreakableBody {
  private broken: { readonly error: unknown } | null = null

  constructor(private readonly body: AsyncIterable<Buffer>) {}

  async *pieces(): AsyncGenerator<Buffer> {
    try {
      yield* this.body
    } catch (error) {
      this.broken = { error }
    }
  }

  check(): void {
    if (this.broken) throw this.broken.error
  }
}

/**
 * The bytes of a body, as pieces. Throws when there are more than `expected`, at once, or fewer at its end: a body that
 * was cut off must not count as whole.
 */
export async function* bytesOf(
  body: AsyncIterable<unknown>,
  expected: number | undefined,
): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of body) {
    const bytes = pieceOf(chunk)
    size += bytes.length
    if (expected !== undefined && size > expected) throw new Error(`More than ${expected} bytes came`)
    yield bytes
  }
  if (expected !== undefined && size !== expected) throw new Error(`${size} bytes came of ${expected}`)
}

function pieceOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new TypeError('A body is made of bytes')
}

/** A part of a body in one piece of memory; `last` when the body ended with it. */
export interface Part {
  readonly bytes: Buffer
  readonly last: boolean
}

/**
 * Cuts a body into parts of exactly `sizeOf(number)` bytes (from 1), the last one shorter, perhaps empty. Parts that
 * their user has put into `spare` are filled again: freed memory comes back late.
 */
export async function* partsOf(
  pieces: AsyncIterable<Buffer>,
  sizeOf: (number: number) => number,
  spare: Buffer[],
): AsyncGenerator<Part> {
  const partOf = (bytes: number): Buffer => {
    const used = spare.pop()
    return used?.length === bytes ? used : Buffer.allocUnsafeSlow(bytes)
  }
  let number = 1
  // Filled rather than gathered: a body in pieces of one byte would cost a hundred times its size.
  let part = partOf(sizeOf(number))
  let filled = 0
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const copied = piece.copy(part, filled, from)
      from += copied
      filled += copied
      if (filled === part.length) {
        yield { bytes: part, last: false }
        number += 1
        part = partOf(sizeOf(number))
        filled = 0
      }
    }
  }
  yield { bytes: part.subarray(0, filled), last: true }
}
