import type { Key, Ports } from '../ports.ts'
import { scores, value } from '../ports.ts'
import { keys, objects } from './keys.ts'
import { resumableLifeMs } from './resumable-record.ts'
import { abandonUpload, deadAfterMs } from './upload.ts'

const minute = 60_000
const hour = 60 * minute

/** An item that has waited this long to be prepared is queued again: the queue may have lost it. */
const lostAfter = minute
/** Orphans younger than this are left alone: their record may be about to come. */
const orphanAfter = 24 * hour
/** Longer than a resumable upload may take; those that a record knows are ended by it, long before. */
const unfinishedAfter = resumableLifeMs + hour
/** At most so many of each kind in one sweep; the next one goes on. */
const batch = 1000
/** So many failures with uploads tell that the bucket is away. */
const patience = 10

/**
 * Finds what was left behind: owners with something due, items that the queue lost, uploads whose process died,
 * bytes that no record knows. Every process may run it; twice does no harm.
 */
export async function sweep(
  ports: Pick<Ports, 'store' | 'bucket' | 'queue' | 'clock' | 'log'>,
): Promise<void> {
  const { store, queue, clock } = ports
  const now = clock.now()
  const [due, lost, still, dead] = await store.read([
    scores(keys.due, 0, now, batch),
    scores(keys.unprepared, 0, now - lostAfter, batch),
    scores(keys.unplayable, 0, now - lostAfter, batch),
    scores(keys.uploads, 0, now - deadAfterMs, batch),
  ])
  for (const { member: owner } of due) await queue.add({ kind: 'remove', owner })
  for (const { member } of lost) await queueAgain(ports, 'prepare', keys.unprepared, member)
  for (const { member } of still) await queueAgain(ports, 'playable', keys.unplayable, member)
  const failures: unknown[] = []
  for (const { member } of dead) {
    const [owner = '', id = ''] = member.split('/')
    // One whose bytes cannot be deleted yet does not keep the others from going.
    await abandonUpload(ports, { owner, id }).catch((error: unknown) => failures.push(error))
    if (failures.length === patience) break
  }
  if (failures.length > 0) throw new AggregateError(failures, 'dead uploads could not be ended')
}

async function queueAgain(
  { store, queue }: Pick<Ports, 'store' | 'queue'>,
  kind: 'prepare' | 'playable',
  noted: Key,
  member: string,
): Promise<void> {
  const [owner = '', item = ''] = member.split('/')
  const [record] = await store.read([value(keys.item(owner, item))])
  if (record === null) await store.commit({ writes: [{ kind: 'unrank', key: noted, member }] })
  else await queue.add({ kind, owner, item })
}

/**
 * Deletes objects that no record knows, and unfinished ones: what a process left that was killed between two
 * steps. It lists the whole bucket, so it runs seldom. Answers how many prefixes it deleted.
 */
export async function sweepOrphans({
  store,
  bucket,
  clock,
}: Pick<Ports, 'store' | 'bucket' | 'clock'>): Promise<number> {
  for (const root of objects.roots) await bucket.sweepUnfinished(unfinishedAfter, root)
  const known = new Map<string, boolean>()
  for (const root of ['items/', 'albums/']) {
    for await (const { key, modifiedAt } of bucket.list(root)) {
      const prefix = key.split('/', 2).join('/')
      if (known.has(prefix) || clock.now() - modifiedAt < orphanAfter) continue
      const [owner] = await store.read([value(keys.prefixOwner(prefix))])
      known.set(prefix, owner !== null)
    }
  }
  const orphans = [...known].filter(([, isKnown]) => !isKnown).map(([prefix]) => prefix)
  for (const prefix of orphans) await bucket.removeAll(`${prefix}/`)
  return orphans.length
}
