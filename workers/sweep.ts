import { sweep as sweepDue, sweepOrphans } from '../src/domain/sweep.ts'
import type { WorkerContext } from './context.ts'

const daySeconds = 24 * 3600

/** How often the sweep runs, in milliseconds: what is due is then gone within a minute. */
export const sweepEveryMs = 30_000

/** Finds what was left behind; once a day also in the bucket, whose listing takes long. */
export async function sweep({ ports }: Pick<WorkerContext, 'ports'>): Promise<void> {
  await sweepDue(ports)
  const { allowed } = await ports.store.hit('sweep-orphans', 1, daySeconds)
  if (!allowed) return
  const removed = await sweepOrphans(ports)
  if (removed > 0) ports.log.info({ removed }, 'bytes that no record knew were deleted')
}
