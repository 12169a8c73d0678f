import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { ByteRange, OpenEntry } from '../../../src/media/zip/entry-source.ts'
import type { ZipEntry } from '../../../src/media/zip/plan.ts'

export const captured = { local: '2026-05-01T18:30:00', offset: '+02:00' }

/** Content that differs from place to place, so that a shifted byte shows. */
export function content(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let state = seed | 1
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1103515245) + 12345) | 0
    bytes[index] = state >>> 16
  }
  return bytes
}

export function entryOf(
  name: string,
  bytes: Buffer,
  modifiedAt: ZipEntry['modifiedAt'] = captured,
): ZipEntry {
  return {
    key: `items/${name}/original`,
    name,
    size: bytes.length,
    crc32: crc32(bytes),
    modifiedAt,
    etag: createHash('sha256').update(bytes).digest('hex'),
  }
}

/** A bucket in memory that remembers what was asked of it. */
export class MemoryBucket {
  readonly objects = new Map<string, Buffer>()
  readonly asked: { key: string; range: ByteRange | undefined }[] = []
  readonly bodies: Readable[] = []

  /** `chunk`: bytes of each piece. `delayMs`: before an open answers. */
  constructor(readonly options: { chunk?: number; delayMs?: number } = {}) {}

  add(name: string, bytes: Buffer, modifiedAt?: ZipEntry['modifiedAt']): ZipEntry {
    const entry = entryOf(name, bytes, modifiedAt)
    this.objects.set(entry.key, bytes)
    return entry
  }

  readonly open = async (key: string, range?: ByteRange): Promise<OpenEntry | null> => {
    this.asked.push({ key, range })
    if (this.options.delayMs !== undefined) await wait(this.options.delayMs)
    const bytes = this.objects.get(key)
    if (!bytes) return null
    const body = chunked(range ? bytes.subarray(range.start, range.end + 1) : bytes, this.options.chunk)
    this.bodies.push(body)
    return { body, size: bytes.length }
  }
}

/** A byte stream that gives `bytes` in pieces, one at each read, as a file or a socket does. */
export function chunked(bytes: Buffer, chunk = 64 * 1024): Readable {
  let at = 0
  return new Readable({
    highWaterMark: chunk,
    read() {
      setImmediate(() => {
        if (this.destroyed) return
        this.push(at < bytes.length ? bytes.subarray(at, (at += chunk)) : null)
      })
    },
  })
}

export async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('not bytes')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
