import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { StoredObject } from './records.ts'

/** So many files may be half hashed at once; of one that is forgotten the object is read again at its end. */
const mostChains = 1000

/** Hashes a file from its beginning, piece by piece. */
export class HashChain {
  private readonly sha256 = createHash('sha256')
  private crc = 0
  offset = 0

  update(bytes: Buffer): void {
    this.sha256.update(bytes)
    this.crc = crc32(bytes, this.crc)
    this.offset += bytes.length
  }

  /** The hashes of all that came; nothing may be added afterwards. */
  facts(): StoredObject {
    return { size: this.offset, crc32: this.crc, sha256: this.sha256.digest('hex') }
  }
}

/**
 * The hashes of files that come in over several connections. They live in this process alone: where a file went on
 * in another one, or after a restart, there is none for it.
 */
export class RunningHashes {
  private readonly chains = new Map<string, HashChain>()

  /** The chain of `id`, taken out, if it stands at `offset` exactly; a new one at the beginning; else null. */
  take(id: string, offset: number): HashChain | null {
    const chain = this.chains.get(id)
    this.chains.delete(id)
    if (chain?.offset === offset) return chain
    return offset === 0 ? new HashChain() : null
  }

  keep(id: string, chain: HashChain): void {
    this.chains.set(id, chain)
    const [oldest] = this.chains.keys()
    if (this.chains.size > mostChains && oldest !== undefined) this.chains.delete(oldest)
  }
}
