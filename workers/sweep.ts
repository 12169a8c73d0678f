import { forgetOnDisk } from '../src/domain/records/store/forgetting.ts'
import { keys } from '../src/domain/records/keys.ts'
import { growGeneration } from '../src/domain/records/instance/instance.ts'
import { sweepOrphans } from '../src/domain/removal/orphans.ts'
import { scrub } from '../src/domain/backup/integrity/scrub.ts'
import { sweep as sweepDue } from '../src/domain/removal/sweep.ts'
import type { WorkerContext } from './context.ts'

const hourSeconds = 3600
const daySeconds = 24 * hourSeconds
const generationSeconds = 10 * 60

/** How often the sweep runs, in milliseconds: what is due is then gone within a minute. */
export const sweepEveryMs = 30_000

/** Finds what was left behind; once a day also in the bucket, whose listing takes long. */
export async function sweep({ ports, time }: Pick<WorkerContext, 'ports' | 'time'>): Promise<void> {
  const { store, bucket, queue, log } = ports
  const agreed = await time.now()
  await sweepDue(ports, agreed)
  await forgetOnDisk(ports, { isAtStart: false })
  if ((await store.hit(keys.generationTurn, 1, generationSeconds)).allowed)
    await growGeneration(store, bucket)
  if ((await store.hit(keys.backupTurn, 1, hourSeconds)).allowed) await queue.add({ kind: 'backup' })
  await scrub(ports).catch((error: unknown) =>
    log.warn({ err: error }, 'stored bytes could not be checked; the next sweep goes on'),
  )
  if (!(await store.hit(keys.orphansTurn, 1, daySeconds)).allowed) return
  const removed = await sweepOrphans(ports, agreed)
  if (removed > 0) log.info({ removed }, 'bytes that no record knew were deleted')
}
