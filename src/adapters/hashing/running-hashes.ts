import type { StoredFacts } from '../../ports.ts'
import type { Hashing, RunningHash } from './hash-threads.ts'

/** So many files may be half hashed at once; of one that is forgotten the object is read again at its end. */
const mostChains = 1000

/** Hashes a file from its beginning, block by block. */
export class HashChain implements RunningHash {
  /** Bytes that were added so far. */
  offset = 0
  private readonly hash: RunningHash

  constructor(hashing: Hashing) {
    this.hash = hashing.begin()
  }

  add(bytes: Buffer): Promise<Buffer> {
    this.offset += bytes.length
    return this.hash.add(bytes)
  }

  end = () => this.hash.end()
  forget = () => this.hash.forget()

  /** The facts of all that came; nothing may be added afterwards. */
  async facts(): Promise<StoredFacts> {
    return { size: this.offset, ...(await this.end()) }
  }
}

/**
 * The hashes of files that come in over several connections. They live in this process alone: where a file went on
 * in another one, or after a restart, there is none for it.
 */
export class RunningHashes {
  private readonly chains = new Map<string, HashChain>()

  constructor(private readonly hashing: Hashing) {}

  /** The chain of `id`, taken out, if it stands at `offset` exactly; a new one at the beginning; else null. */
  take(id: string, offset: number): HashChain | null {
    const chain = this.chains.get(id)
    this.chains.delete(id)
    if (chain?.offset === offset) return chain
    chain?.forget()
    return offset === 0 ? new HashChain(this.hashing) : null
  }

  keep(id: string, chain: HashChain): void {
    this.chains.set(id, chain)
    const [oldest] = this.chains
    if (this.chains.size <= mostChains || oldest === undefined) return
    this.chains.delete(oldest[0])
    oldest[1].forget()
  }
}
