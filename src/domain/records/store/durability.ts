import type { Store } from '../../../ports.ts'

/**
 * Call this before anything is created that a sender relies on: nobody may be told “shared” while the store may lose
 * it. Stopping, deleting and restricting do not call it: they work at any time, and the bucket keeps the tombstone.
 * Throws StoreUnavailable.
 */
export const expectLasting = (store: Pick<Store, 'check'>): Promise<void> => store.check()
