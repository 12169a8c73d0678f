import type { Key, Ports } from '../../ports.ts'
import { scores, value } from '../../ports.ts'
import { lostAfterMs } from '../records/store/deletion-schedule.ts'
import { closeLeftEntrances } from '../gate/slug-claims.ts'
import { keys } from '../records/keys.ts'
import { recount } from './recount.ts'
import { queueUnmade } from '../records/store/unmade-jobs.ts'
import { abandonUpload, deadAfterMs } from '../records/limits/reservation.ts'

/** At most so many of each kind in one sweep; the next one goes on. */
const batch = 1000
/** So many failures with uploads tell that the bucket is away. */
const patience = 10

/**
 * Finds what was left behind: owners with something due, items, bundles and cards that the queue lost, uploads whose process
 * died. Queues what each needs. Every process may run it; twice does no harm. `agreed`: the time that deletions go by.
 */
export async function sweep(
  ports: Pick<Ports, 'store' | 'bucket' | 'queue' | 'clock' | 'log'>,
  agreed: number = ports.clock.now(),
): Promise<void> {
  const { store, queue, clock } = ports
  const now = clock.now()
  const [due, lost, still, unmade, dead] = await store.read([
    scores(keys.due, 0, agreed, batch),
    scores(keys.unprepared, 0, now - lostAfterMs, batch),
    scores(keys.unplayable, 0, now - lostAfterMs, batch),
    scores(keys.unmade, 0, now - lostAfterMs, batch),
    scores(keys.uploads, 0, agreed - deadAfterMs, batch),
  ])
  for (const { member: owner } of due) await queue.add({ kind: 'remove', owner })
  for (const { member } of lost) await queueAgain(ports, 'prepare', keys.unprepared, member)
  for (const { member } of still) await queueAgain(ports, 'playable', keys.unplayable, member)
  for (const { member } of unmade) await queueUnmade(ports, member)
  await closeLeftEntrances(ports)
  const failures: unknown[] = []
  for (const { member } of dead) {
    const [owner = '', id = ''] = member.split('/')
    // One whose bytes cannot be deleted yet does not keep the others from going.
    await abandonUpload(ports, { owner, id }).catch((error: unknown) => failures.push(error))
    if (failures.length === patience) break
  }
  await recount(ports)
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
