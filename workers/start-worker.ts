import { rm } from 'node:fs/promises'
import type { MediaTools } from '../src/media/types.ts'
import type { JobRunner, Ports } from '../src/ports.ts'
import { bundle } from './bundle.ts'
import { card } from './card.ts'
import type { WorkerContext } from './context.ts'
import { playable } from './playable.ts'
import { prepare } from './prepare.ts'
import { remove } from './remove.ts'
import { sweep, sweepEveryMs } from './sweep.ts'
import { openWorkFolder } from './work-folder.ts'

export interface Worker {
  /** Takes no more jobs, breaks off those that take minutes, and waits for the rest. */
  stop(): Promise<void>
}

/** Runs jobs in this process until it is stopped. `workParent` is where its folder for passing files is made. */
export async function startWorker(deps: {
  ports: Ports
  runner: JobRunner
  media: MediaTools
  workParent: string
}): Promise<Worker> {
  const { ports, runner, media } = deps
  const stopping = new AbortController()
  const workDirectory = await openWorkFolder(deps.workParent)
  const context: WorkerContext = { ports, media, workDirectory, stopping: stopping.signal }
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
    async stop() {
      stopping.abort(new Error('the worker is stopping'))
      await runner.close()
      await rm(workDirectory, { recursive: true, force: true })
    },
  }
}
