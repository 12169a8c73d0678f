import type { JobRunner } from '../src/ports.ts'
import { bundle } from './bundle.ts'
import { card } from './card.ts'
import type { WorkerContext } from './context.ts'
import { playable } from './playable.ts'
import { prepare } from './prepare.ts'
import { remove } from './remove.ts'
import { sweep, sweepEveryMs } from './sweep.ts'

export interface Worker {
  /** Takes no more jobs, and waits for those that run; those that take minutes are broken off and left to another worker. */
  stop(): Promise<void>
}

/** Runs jobs in this process until it is stopped. */
export async function startWorker(deps: WorkerContext & { runner: JobRunner }): Promise<Worker> {
  const { runner, ...context } = deps
  const { ports } = context
  await runner.run({
    prepare: (job, run) => prepare(context, job, run),
    playable: (job, run) => playable(context, job, run),
    bundle: (job, run) => bundle(context, job, run),
    card: (job) => card(context, job),
    remove: (job) => remove(context, job),
    sweep: () => sweep(context),
  })
  await ports.queue.schedule({ kind: 'sweep' }, sweepEveryMs)
  return {
    stop: () => runner.close(),
  }
}
