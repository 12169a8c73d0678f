import type { Store } from '../../ports.ts'
import { updateItem } from '../items/item.ts'
import type { Item, ItemWork, Trouble } from '../records/records.ts'

const none: Trouble = { unended: 0, failures: 0, faults: [], gaveUp: false, isSlow: false }

/** Work that ends its process is tried this many times in all. */
const mostUnended = 3

/** Milliseconds. */
const firstWait = 30_000
const longestWait = 3_600_000

export const troubleOf = (item: Item, work: ItemWork): Trouble => item.troubles[work] ?? none

/** The item without its troubles with `work`: the work succeeded, or begins again. */
export function withoutTrouble<T extends Item>(item: T, work: ItemWork): T {
  const troubles = { ...item.troubles }
  delete troubles[work]
  return { ...item, troubles }
}

const withTrouble = (item: Item, work: ItemWork, changed: Partial<Trouble>): Item => ({
  ...item,
  troubles: { ...item.troubles, [work]: { ...troubleOf(item, work), ...changed } },
})

/** Counts a run before it does anything: a run that kills its process could not count itself afterwards. */
export const countRun = (item: Item, work: ItemWork): Item =>
  withTrouble(item, work, { unended: troubleOf(item, work).unended + 1 })

/** Whether runs of `work` were begun that may have killed their process. To be asked before a run is counted. */
export const isSuspect = (item: Item, work: ItemWork): boolean => troubleOf(item, work).unended > 0

/** Whether the run that was counted last is one too many. */
export const hasKilledTooOften = (item: Item, work: ItemWork): boolean =>
  troubleOf(item, work).unended > mostUnended

/** Notes that a run ended in good order, with nothing left to do. */
export async function markRunEnded(store: Store, item: Item, work: ItemWork): Promise<void> {
  await updateItem(store, item.owner, item.id, (found) =>
    troubleOf(found, work).gaveUp ? found : withoutTrouble(found, work),
  )
}

/** The item, marked as one that takes long. The run that showed this ended in good order. */
export const asSlow = (item: Item, work: ItemWork): Item =>
  isSlow(item, work) ? item : withTrouble(item, work, { unended: 0, isSlow: true })

/** Whether `work` took longer than others are kept waiting for. */
export const isSlow = (item: Item, work: ItemWork): boolean => troubleOf(item, work).isSlow

/** Notes that `work` is not tried again by itself. */
export const markGivenUp = (store: Store, item: Item, work: ItemWork): Promise<Item | null> =>
  updateItem(store, item.owner, item.id, (found) => withTrouble(found, work, { unended: 0, gaveUp: true }))

/**
 * Notes that a run failed, with what the file seemed to be at fault for (null: nothing). Returns whether the same fault was
 * seen before, which makes it final, and how long to wait for the next try, in milliseconds; null when the item is gone.
 */
export async function noteFailure(
  store: Store,
  item: Item,
  work: ItemWork,
  fault: string | null,
): Promise<{ readonly isConfirmed: boolean; readonly waitMs: number } | null> {
  let isConfirmed = false
  const noted = await updateItem(store, item.owner, item.id, (found) => {
    const { faults, failures } = troubleOf(found, work)
    isConfirmed = fault !== null && faults.includes(fault)
    return withTrouble(found, work, {
      unended: 0,
      failures: failures + 1,
      faults: fault === null || isConfirmed ? faults : [...faults, fault],
    })
  })
  if (!noted) return null
  const { failures } = troubleOf(noted, work)
  // A round has a few tries, seconds apart.
  return { isConfirmed, waitMs: Math.min(firstWait * 2 ** Math.floor((failures - 1) / 3), longestWait) }
}
