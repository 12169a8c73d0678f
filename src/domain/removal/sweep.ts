import type { Ports } from '../../ports.ts'
import { scores } from '../../ports.ts'
import { requeueLost } from '../records/store/outbox.ts'
import { closeLeftEntrances } from '../gate/slug-claims.ts'
import { keys } from '../records/keys.ts'
import { recount } from './recount.ts'
import { abandonUpload, deadAfterMs } from '../records/limits/reservation.ts'

/** At most this many of each kind in one sweep; the next sweep continues. */
const batch = 1000
/** This many failed uploads show that the bucket is away. */
const patience = 10

/**
 * Finds what was left behind: owners with something due, items, bundles and cards that the queue lost, uploads whose process
 * died. Queues what each needs. Every process may run it; twice does no harm. `agreed`: the time that deletions go by.
 */
export async function sweep(
  ports: Pick<Ports, 'store' | 'bucket' | 'queue' | 'clock' | 'log'>,
  agreed: number = ports.clock.now(),
): Promise<void> {
  const { store, queue } = ports
  const [due, dead] = await store.read([
    scores(keys.due, 0, agreed, batch),
    scores(keys.uploads, 0, agreed - deadAfterMs, batch),
  ])
  for (const { member: owner } of due) await queue.add({ kind: 'remove', owner })
  await requeueLost(ports, batch)
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
