import type { Ports, Store } from '../../../ports.ts'
import { keys } from '../keys.ts'

const hour = 3_600_000

/**
 * How long an expired link can still be renewed, and a stopped one that was kept: half an hour less than a day,
 * so that the bytes are gone within 24 hours.
 */
export const graceMs = 23.5 * hour

/** Due whatever the clock says: a person asked for it. */
export const atOnce = 0

/** How long an album lives that never had a link. */
export const freshMs = 24 * hour

/** How long an ended link leaves its mark, so that its page can say that it has ended. */
export const markMs = 30 * 24 * hour

/** Work on an item that was asked for this long ago is queued again by the sweep: the queue may have lost it. */
export const lostAfterMs = 60_000

/**
 * Sees to it that the sweep looks at `owner` at `at`. Call it before the change that makes something due: a
 * crash in between then costs one look too many, never one too few.
 */
export async function wakeSweep(store: Store, owner: string, at: number): Promise<void> {
  await store.commit({ writes: [{ kind: 'rank', key: keys.due, member: owner, score: at, onlyLower: true }] })
}

/** Queues the removal of what is due for `owner`. Best effort: the sweep removes what is left. */
export async function queueRemoval(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  owner: string,
): Promise<void> {
  try {
    await queue.add({ kind: 'remove', owner })
  } catch (error) {
    log.warn({ err: error }, 'removal not queued; the sweep will')
  }
}
