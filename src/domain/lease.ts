import type { Expectation, Key, Store } from '../ports.ts'
import { Refused } from './errors.ts'
import { randomToken } from './tokens.ts'

/** After so long without its holder a lease is free again, in milliseconds. */
const leaseMs = 15_000
const renewEveryMs = 4_000

/** The right to be the only one who writes. */
export interface Lease {
  /** Put it into every commit: a holder who slept through the lease's end then writes nothing. */
  readonly holds: Expectation
  /** Aborted once the lease is known to be lost. */
  readonly lost: AbortSignal
}

/** Does `work` while nobody else holds `key`, in any process. Throws Refused('conflict') when somebody does. */
export async function withLease<T>(store: Store, key: Key, work: (lease: Lease) => Promise<T>): Promise<T> {
  const holds = { key, value: randomToken() }
  const take = { kind: 'set', ...holds, expiresInMs: leaseMs } as const
  const outcome = await store.commit({ expect: [{ key, value: null }], writes: [take] })
  if (outcome !== 'done')
    throw new Refused('conflict', 'Another connection is writing to this upload.', { retryAfterSeconds: 2 })
  const lost = new AbortController()
  const renew = async (): Promise<void> => {
    const renewed = await store.commit({ expect: [holds], writes: [take] })
    if (renewed !== 'done') lost.abort(new Refused('conflict', 'Another connection took this upload over.'))
  }
  // A store that is away for a moment may be back before the lease ends; if not, the commits will tell.
  const timer = setInterval(() => void renew().catch(() => {}), renewEveryMs)
  try {
    return await work({ holds, lost: lost.signal })
  } finally {
    clearInterval(timer)
    // What was done counts, whatever becomes of this: the lease ends by itself.
    await store.commit({ expect: [holds], writes: [{ kind: 'remove', key }] }).catch(() => {})
  }
}
