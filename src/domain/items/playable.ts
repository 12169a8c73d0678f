import type { Ports } from '../../ports.ts'
import { score } from '../../ports.ts'
import { rank } from '../records/store/change.ts'
import { lostAfterMs } from '../records/store/deletion-schedule.ts'
import { keys } from '../records/keys.ts'
import type { Item } from '../records/records.ts'

/** Whether something of an item moves, so that it may need a rendition that browsers play. */
export const isMoving = (item: Item): boolean =>
  item.type.kind === 'video' || item.motion !== null || item.facts?.embeddedMotion === true

/** Whether something of a photo moves and does not play yet. */
export const awaitsMotion = (item: Item): boolean =>
  item.type.kind === 'photo' && isMoving(item) && !item.renditions.motion

/** Notes that a moving item may need a rendition that plays: before it is recorded as ready, as `askToPrepare` does. */
export async function notePlayable(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { owner, id }: Item,
): Promise<void> {
  await store.commit({ writes: [rank(keys.unplayable, `${owner}/${id}`, clock.now())] })
}

/** Whether it is still noted: a job that runs a second time finds that the first has dealt with it. */
export async function mayNeedPlayable(
  { store }: Pick<Ports, 'store'>,
  owner: string,
  item: string,
): Promise<boolean> {
  const [noted] = await store.read([score(keys.unplayable, `${owner}/${item}`)])
  return noted !== null
}

/** Queues what `expectPlayable` noted. */
export async function enqueuePlayable(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  { owner, id }: Item,
): Promise<void> {
  try {
    await queue.add({ kind: 'playable', owner, item: id })
  } catch (error) {
    log.warn({ err: error, item: id }, 'conversion not queued; the sweep will')
  }
}

/** Lets a conversion wait for its next try, which the sweep sees to. */
export async function retryPlayableLater(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { owner, id }: Item,
  waitMs: number,
): Promise<void> {
  const at = clock.now() + waitMs - lostAfterMs
  await store.commit({ writes: [rank(keys.unplayable, `${owner}/${id}`, at)] })
}

/** Notes that nothing more is to be done for an item to play. */
export async function markPlayable(
  { store }: Pick<Ports, 'store'>,
  owner: string,
  item: string,
): Promise<void> {
  await store.commit({ writes: [{ kind: 'unrank', key: keys.unplayable, member: `${owner}/${item}` }] })
}
