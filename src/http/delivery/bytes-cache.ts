import type { Readable } from 'node:stream'
import { LRUCache } from 'lru-cache'

/** Larger objects are streamed. */
const mostBytes = 256 * 1024
const mostBytesInAll = 32 * 1024 * 1024
/** All is forgotten that often, in milliseconds: what was deleted leaves this memory within the minute, too. */
const keepMs = 30_000

/** A cache of small objects' bytes. Callers have passed the gate already. */
export interface BytesCache {
  /** The object's bytes, from memory or from `open`; null where they are too many, or there are none. */
  take(
    object: { readonly key: string; readonly sha256: string; readonly size: number },
    open: () => Promise<Readable | Buffer | null>,
  ): Promise<Buffer | null>
}

export function createBytesCache(): BytesCache {
  const kept = new LRUCache<string, Buffer>({
    maxSize: mostBytesInAll,
    sizeCalculation: ({ length }) => Math.max(1, length),
  })
  /** Asked for at this moment: nobody asks the bucket for the same a second time meanwhile. */
  const coming = new Map<string, Promise<Buffer | null>>()
  setInterval(() => kept.clear(), keepMs).unref()

  async function read(open: () => Promise<Readable | Buffer | null>, size: number): Promise<Buffer | null> {
    const body = await open()
    if (body === null || Buffer.isBuffer(body)) return body
    const chunks: Buffer[] = []
    let length = 0
    const pieces: AsyncIterable<Buffer> = body
    for await (const chunk of pieces) {
      length += chunk.length
      if (length > size) break
      chunks.push(chunk)
    }
    if (length !== size) throw new Error(`an object has ${length} bytes, not ${size}`)
    return Buffer.concat(chunks)
  }

  return {
    async take({ key, sha256, size }, open) {
      if (size > mostBytes) return null
      const name = `${key} ${sha256}`
      const found = kept.get(name)
      if (found) return found
      const running = coming.get(name)
      if (running) return running
      const reading = read(open, size).finally(() => coming.delete(name))
      coming.set(name, reading)
      const bytes = await reading
      if (bytes) kept.set(name, bytes)
      return bytes
    },
  }
}
