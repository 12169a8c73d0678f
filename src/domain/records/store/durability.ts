import type { Store } from '../../../ports.ts'

/**
 * Whatever makes something that a sender relies on asks this first: nobody may be told “shared” of what the store may lose
 * or drop. What stops, deletes or restricts does not ask: it works at any time, and the bucket keeps its tombstone.
 * Throws StoreUnavailable.
 */
export const expectLasting = (store: Pick<Store, 'check'>): Promise<void> => store.check()
