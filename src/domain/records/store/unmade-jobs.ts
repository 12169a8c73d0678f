import type { Ports, Store } from '../../../ports.ts'
import { score, value } from '../../../ports.ts'
import { rank, unrank } from './change.ts'
import { lostAfterMs } from './deletion-schedule.ts'
import { keys } from '../keys.ts'

/** What is made of a whole album, each by a job of its own. */
const kinds = ['bundle', 'card'] as const
type Kind = (typeof kinds)[number]

interface AlbumJob {
  readonly kind: Kind
  readonly owner: string
  readonly album: string
}

/** How long the sweep waits before it queues the same job again, in milliseconds: each time it has several tries. */
const againAfterMs = 10 * 60_000

const memberOf = ({ kind, owner, album }: AlbumJob): string => `${kind}/${owner}/${album}`

/** Notes that the bundles and the card of albums may have to be made: what the queue then loses, the sweep finds. */
export async function noteUnmade(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  albums: readonly string[],
): Promise<void> {
  if (albums.length === 0) return
  const now = clock.now()
  await store.commit({
    writes: albums.flatMap((album) =>
      kinds.map((kind) => rank(keys.unmade, memberOf({ kind, owner, album }), now)),
    ),
  })
}

/**
 * Does the work of a job, and takes its note away once that went well. A note that was made meanwhile stays: it is about
 * an album that has changed since.
 */
export async function clearNoteOnceMade(
  store: Store,
  job: AlbumJob,
  work: () => Promise<void>,
): Promise<void> {
  const member = memberOf(job)
  const notedAt = async (): Promise<number | null> => (await store.read([score(keys.unmade, member)]))[0]
  const before = await notedAt()
  await work()
  if (before !== null && (await notedAt()) === before)
    await store.commit({ writes: [unrank(keys.unmade, member)] })
}

/** Queues again what was noted; what cannot be made then is tried again later. Forgets albums that are gone. */
export async function queueUnmade(
  { store, queue, clock }: Pick<Ports, 'store' | 'queue' | 'clock'>,
  member: string,
): Promise<void> {
  const [kind = '', owner = '', album = ''] = member.split('/')
  const known = kinds.find((one) => one === kind)
  const [record] = await store.read([value(keys.album(owner, album))])
  if (known === undefined || record === null) {
    await store.commit({ writes: [unrank(keys.unmade, member)] })
    return
  }
  await queue.add({ kind: known, owner, album })
  await store.commit({ writes: [rank(keys.unmade, member, clock.now() + againAfterMs - lostAfterMs)] })
}
