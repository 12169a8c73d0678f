import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { crc32 } from 'node:zlib'

/** What `hash-threads` asks of a thread. `memory` comes with the question and goes back with the answer. */
export interface HashQuestion {
  readonly id: number
  readonly hash: number
  readonly what: 'add' | 'end' | 'forget'
  readonly memory?: ArrayBuffer
  readonly length?: number
}

/** One answer for each question but `forget`. */
export interface HashAnswer {
  readonly id: number
  readonly memory?: ArrayBuffer
  readonly hashes?: { readonly crc32: number; readonly sha256: string }
}

/** Both hashes of bytes in their order. */
export class HashPair {
  private readonly sha256: Hash = createHash('sha256')
  private crc = 0

  add(bytes: Uint8Array): void {
    this.sha256.update(bytes)
    this.crc = crc32(bytes, this.crc)
  }

  end(): { crc32: number; sha256: string } {
    return { crc32: this.crc, sha256: this.sha256.digest('hex') }
  }
}

const running = new Map<number, HashPair>()

parentPort?.on('message', ({ id, hash, what, memory, length }: HashQuestion) => {
  const pair = running.get(hash) ?? new HashPair()
  if (what === 'add' && memory) {
    running.set(hash, pair)
    pair.add(new Uint8Array(memory, 0, length))
    answer({ id, memory })
  } else {
    running.delete(hash)
    if (what === 'end') answer({ id, hashes: pair.end() })
  }
})

function answer(message: HashAnswer): void {
  parentPort?.postMessage(message, message.memory ? [message.memory] : [])
}
