import type { Expectation, Key, Store } from '../../../ports.ts'
import { Refused } from '../errors.ts'
import { randomToken } from '../tokens.ts'

/** After so long without its holder a lease is free again, in milliseconds. */
const leaseMs = 15_000
const renewEveryMs = 4_000

/** The right to be the only one who writes. */
export interface Lease {
  /** Put it into every commit: a holder who slept through the lease's end then writes nothing. */
  readonly holds: Expectation
  /**
   * Call it before each write outside the store. Throws Refused('conflict') once the lease is lost, or may be: a process
   * that was frozen does not know yet.
   */
  check(): void
}

const takenOver = () => new Refused('conflict', 'Another connection took this upload over.')

/**
 * Ends a lease, whoever holds it: from now on its holder can commit nothing. For a newer connection of the same client,
 * which knows that the older one is over, though its process may be frozen, dead, or waiting for bytes.
 */
export async function endLease(store: Store, key: Key): Promise<void> {
  await store.commit({ writes: [{ kind: 'remove', key }] })
}

/** Runs `work` while holding the lease on `key` across all processes. Throws Refused('conflict') if it is held already. */
export async function withLease<T>(store: Store, key: Key, work: (lease: Lease) => Promise<T>): Promise<T> {
  const holds = { key, value: randomToken() }
  const take = { kind: 'set', ...holds, expiresInMs: leaseMs } as const
  const outcome = await store.commit({ expect: [{ key, value: null }], writes: [take] })
  if (outcome !== 'done')
    throw new Refused('conflict', 'Another connection is writing to this upload.', { retryAfterSeconds: 2 })
  // Not the clock of the ports: a process that was frozen must notice, whatever its clock says.
  let heldUntil = performance.now() + leaseMs
  const renew = async (): Promise<void> => {
    const asked = performance.now()
    const renewed = await store.commit({ expect: [holds], writes: [take] })
    heldUntil = renewed === 'done' ? asked + leaseMs : 0
  }
  const check = (): void => {
    if (performance.now() >= heldUntil) throw takenOver()
  }
  // A store that is away for a moment may be back before the lease ends; if not, the commits will tell.
  const timer = setInterval(() => void renew().catch(() => {}), renewEveryMs)
  try {
    return await work({ holds, check })
  } finally {
    clearInterval(timer)
    // What was done counts, whatever becomes of this: the lease ends by itself.
    await store.commit({ expect: [holds], writes: [{ kind: 'remove', key }] }).catch(() => {})
  }
}
