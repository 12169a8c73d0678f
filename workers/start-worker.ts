import { forgetOnDisk } from '../src/domain/records/store/forgetting.ts'
import type { Instance } from '../src/domain/records/instance/instance.ts'
import { hasRoomToPrepare } from '../src/domain/records/store/free-space.ts'
import { removeDue } from '../src/domain/removal/removal.ts'
import { BucketFull, BucketUnavailable, type JobContext, type JobRunner, type Ports } from '../src/ports.ts'
import { makeBackup } from './backup.ts'
import { bundle } from './bundle.ts'
import { card } from './card.ts'
import type { WorkerContext } from './context.ts'
import { playable } from './playable.ts'
import { prepare, prepareSlow } from './prepare.ts'
import { sweep, sweepEveryMs } from './sweep.ts'
import { withholding } from './withholding.ts'

export interface Worker {
  /** Takes no more jobs, and waits for those that run; those that take minutes are broken off and left to another worker. */
  stop(): Promise<void>
}

/**
 * Does no job while store and bucket are not of one instance: a file that is absent from the one bucket may be there in
 * the other. The job is tried again, and what is given up the sweep queues again.
 */
function whileTogether<J>(
  instance: Instance,
  work: (job: J, context: JobContext) => Promise<void>,
): (job: J, context: JobContext) => Promise<void> {
  return async (job, context) => {
    if (instance.state().kind === 'apart')
      throw new BucketUnavailable('No job is done: store and bucket are not of one instance')
    await work(job, context)
  }
}

/** Makes no files where the disk is nearly full: stops need the rest. As above, the job is tried again. */
function whileRoom<J>(
  ports: Ports,
  work: (job: J, context: JobContext) => Promise<void>,
): (job: J, context: JobContext) => Promise<void> {
  return whileTogether(ports.instance, async (job, context) => {
    if (!(await hasRoomToPrepare(ports))) throw new BucketFull('No files are made: the disk is nearly full')
    await work(job, context)
  })
}

/** Runs jobs in this process until it is stopped. */
export async function startWorker(deps: WorkerContext & { runner: JobRunner }): Promise<Worker> {
  const { runner, ...context } = deps
  const { ports } = context
  const { instance } = ports
  await runner.run({
    prepare: whileRoom(ports, (job, run) => withholding(ports, job.owner, prepare(context, job, run))),
    'prepare-slow': whileRoom(ports, (job, run) =>
      withholding(ports, job.owner, prepareSlow(context, job, run)),
    ),
    playable: whileRoom(ports, (job, run) => withholding(ports, job.owner, playable(context, job, run))),
    bundle: whileRoom(ports, (job, run) => withholding(ports, job.owner, bundle(context, job, run))),
    card: whileRoom(ports, (job) => withholding(ports, job.owner, card(context, job))),
    remove: whileTogether(instance, async ({ owner }) => removeDue(ports, owner, await context.time.now())),
    sweep: whileTogether(instance, () => sweep(context)),
    backup: whileRoom(ports, () => makeBackup(context)),
  })
  await forgetOnDisk(ports, { isAtStart: true }).catch((error: unknown) =>
    ports.log.warn({ err: error }, 'deleted data stays in the files of the store for now'),
  )
  await ports.queue.schedule({ kind: 'sweep' }, sweepEveryMs)
  return {
    stop: () => runner.close(),
  }
}
