import type { Job, Key, Ports, Store } from '../../../ports.ts'
import { score, scores, value } from '../../../ports.ts'
import { keys } from '../keys.ts'
import { rank, unrank } from './change.ts'
import { lostAfterMs } from './deletion-schedule.ts'

// Work for the queue is noted in the store before anything is recorded that makes it necessary. Whatever crashes after that,
// and whatever the queue loses, the sweep finds the note and queues the work again.

/** Jobs that are noted. */
export type Work = Extract<Job, { kind: 'prepare' | 'playable' | 'bundle' | 'card' }>

interface ItemName {
  readonly owner: string
  readonly id: string
}
export const toPrepare = ({ owner, id }: ItemName): Work => ({ kind: 'prepare', owner, item: id })
export const toPlay = ({ owner, id }: ItemName): Work => ({ kind: 'playable', owner, item: id })
/** What is made of whole albums. */
export const toBundle = (owner: string, album: string): Work[] => [
  { kind: 'bundle', owner, album },
  { kind: 'card', owner, album },
]

const listOf = { prepare: keys.unprepared, playable: keys.unplayable, bundle: keys.unmade, card: keys.unmade }

const memberOf = (work: Work): string =>
  'item' in work ? `${work.owner}/${work.item}` : `${work.kind}/${work.owner}/${work.album}`

/** The record without which there is nothing to do. */
const recordOf = (work: Work): Key =>
  'item' in work ? keys.item(work.owner, work.item) : keys.album(work.owner, work.album)

/** Notes work; `waitMs`: the sweep shall queue it after so long, and not a minute after it was lost. */
export async function note(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  work: readonly Work[],
  waitMs = lostAfterMs,
): Promise<void> {
  if (work.length === 0) return
  const at = clock.now() + waitMs - lostAfterMs
  await store.commit({ writes: work.map((one) => rank(listOf[one.kind], memberOf(one), at)) })
}

/** Queues work that was noted. What the queue does not take is logged, not thrown: the sweep queues it. */
export async function enqueue(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  work: readonly Work[],
  options?: { readonly delayMs: number },
): Promise<void> {
  for (const one of work) {
    try {
      await queue.add(one, options)
    } catch (error) {
      log.warn({ err: error, ...one }, 'not queued; the sweep will')
    }
  }
}

/** Takes the note away. */
export async function done({ store }: Pick<Ports, 'store'>, work: Work): Promise<void> {
  await store.commit({ writes: [unrank(listOf[work.kind], memberOf(work))] })
}

const notedAt = async (store: Store, work: Work): Promise<number | null> =>
  (await store.read([score(listOf[work.kind], memberOf(work))]))[0]

/** Whether it is still noted: a job that runs a second time finds that the first has dealt with it. */
export const isNoted = async ({ store }: Pick<Ports, 'store'>, work: Work): Promise<boolean> =>
  (await notedAt(store, work)) !== null

/**
 * Runs the work and removes its note if that succeeds. A note that was renewed meanwhile stays: something has changed
 * since.
 */
export async function doneAfter(
  { store }: Pick<Ports, 'store'>,
  work: Work,
  run: () => Promise<void>,
): Promise<void> {
  const before = await notedAt(store, work)
  await run()
  if (before !== null && (await notedAt(store, work)) === before) await done({ store }, work)
}

/** The work that is noted as `member` in the list of `kind`; null if the member has an unknown form. */
function parse(kind: Work['kind'], member: string): Work | null {
  const [first = '', second = '', third = ''] = member.split('/')
  if (kind === 'prepare' || kind === 'playable') return { kind, owner: first, item: second }
  return first === 'bundle' || first === 'card' ? { kind: first, owner: second, album: third } : null
}

/** How long the sweep waits before it queues the same album again, in milliseconds: each time it has several tries. */
const albumAgainMs = 10 * 60_000

/** Queues work that was noted over a minute ago, at most `most` of each list. Forgets notes whose record is gone. Throws the queue's errors. */
export async function requeueLost(
  { store, queue, clock }: Pick<Ports, 'store' | 'queue' | 'clock'>,
  most: number,
): Promise<void> {
  for (const kind of ['prepare', 'playable', 'bundle'] as const) {
    const [lost] = await store.read([scores(listOf[kind], 0, clock.now() - lostAfterMs, most)])
    for (const { member } of lost) {
      const work = parse(kind, member)
      const [record] = work ? await store.read([value(recordOf(work))]) : [null]
      if (work === null || record === null) {
        await store.commit({ writes: [unrank(listOf[kind], member)] })
        continue
      }
      await queue.add(work)
      if ('album' in work) await note({ store, clock }, [work], albumAgainMs)
    }
  }
}
