import { removeDue } from '../src/domain/removal/removal.ts'
import type { Job } from '../src/ports.ts'
import type { WorkerContext } from './context.ts'

/** Deletes what is due for an owner. Retried, in the end by the sweep, until all of it is gone. */
export async function remove(
  { ports, time }: Pick<WorkerContext, 'ports' | 'time'>,
  { owner }: Extract<Job, { kind: 'remove' }>,
): Promise<void> {
  await removeDue(ports, owner, await time.now())
}
