import { DelayedError, UnrecoverableError, Worker } from 'bullmq'
import type { Job as BullJob } from 'bullmq'
import { setTimeout as sleep } from 'node:timers/promises'
import { JobFailed } from '../../ports.ts'
import type { Job, JobContext, JobRunner } from '../../ports.ts'
import { tagOf } from './bullmq-queue.ts'
import type { BullmqOptions } from './bullmq-queue.ts'
import { Turns } from './bullmq-turns.ts'
import { JobData, jobKinds } from './job-schema.ts'
import { closeRedis, connectRedis, within } from '../redis/redis-connection.ts'

export interface BullmqRunnerOptions extends BullmqOptions {
  /** How many items one process prepares at once. */
  readonly concurrency: number
  /** After this time `close` aborts the signal of running jobs. */
  readonly graceMs?: number
}

type Handlers = Parameters<JobRunner['run']>[0]

/** A worker that was killed is noticed when its lock ends: its jobs run again within lock + check = 20 s. */
const lockMs = 15_000
const stalledCheckMs = 5_000
/** A job that ends its process each time is taken up once more, and once more, and no more: three tries in all. */
const mostStalls = 2
/** How long jobs may take to heed their signal. */
const heedMs = 10_000
/** How long Redis may take to answer when we stop, and to let go of connections. */
const askMs = 1_000

const backoff = { first: 1_000, most: 30_000 }

/** Runs jobs from BullMQ, a worker for each kind: a long bundle holds up no removal. */
export function bullmqRunner({
  url,
  prefix,
  concurrency,
  graceMs = 15_000,
  log,
}: BullmqRunnerOptions): JobRunner {
  const connection = connectRedis(url, 'patient')
  const turns = new Turns(connection, tagOf(prefix))
  const stop = new AbortController()
  let workers: Worker[] = []
  let closing: Promise<void> | undefined

  const concurrencyOf: { readonly [K in Job['kind']]: number } = {
    prepare: concurrency,
    'prepare-slow': 1,
    playable: 1,
    bundle: 1,
    card: 2,
    remove: 4,
    sweep: 1,
    backup: 1,
  }

  async function runJob(handlers: Handlers, job: BullJob, token: string | undefined): Promise<void> {
    const parsed = JobData.safeParse(job.data)
    if (!parsed.success || parsed.data.kind !== job.name) throw new UnrecoverableError('That is no job')
    const context: JobContext = {
      // Once more ending its process, and BullMQ gives it up without asking us.
      lastTry: job.attemptsMade + 1 >= (job.opts.attempts ?? 1) || job.stalledCounter >= mostStalls,
      signal: stop.signal,
    }
    try {
      await handle(handlers, parsed.data, context)
    } catch (error) {
      // We ended it ourselves: that is no try. Another process, or this one after its restart, takes it up.
      if (stop.signal.aborted && !(error instanceof JobFailed)) {
        await job.moveToDelayed(Date.now() + 100, token)
        throw new DelayedError()
      }
      // BullMQ keeps an error's text in Redis, and a tool's may name what a file holds: only our log hears it.
      const told =
        error instanceof JobFailed ? new UnrecoverableError('It can never succeed') : new Error('It failed')
      told.cause = error
      throw told
    } finally {
      // What is not noted here counts against its owner for an hour, and no longer.
      await turns
        .leave(parsed.data)
        .catch((error: unknown) => log.warn({ error, kind: parsed.data.kind }, 'a turn was not given back'))
    }
  }

  function startWorker(kind: Job['kind'], handlers: Handlers): Worker {
    const worker = new Worker(kind, (job, token) => runJob(handlers, job, token), {
      connection,
      prefix: tagOf(prefix),
      concurrency: concurrencyOf[kind],
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      maxStalledCount: mostStalls,
      settings: {
        backoffStrategy: (made) => Math.min(backoff.first * 2 ** Math.min(made - 1, 10), backoff.most),
      },
    })
    worker.on('error', (error) => log.warn({ error, kind }, 'a worker lost Redis'))
    worker.on('failed', (job, error) => {
      const tries = job?.attemptsMade
      log.warn({ error, kind, job: job?.id, tries }, 'a job failed')
    })
    worker.on('stalled', (job) => log.warn({ kind, job }, 'a job was left by its worker'))
    return worker
  }

  return {
    async run(handlers) {
      workers = jobKinds.map((kind) => startWorker(kind, handlers))
      await Promise.all(workers.map((worker) => worker.waitUntilReady()))
    },

    close() {
      closing ??= close()
      return closing
    },
  }

  /** Without Redis no job can end well: it is broken off at once, and another worker finds it left. */
  async function isRedisThere(): Promise<boolean> {
    if (connection.status !== 'ready') return false
    return within(askMs, connection.ping()).then(
      () => true,
      () => false,
    )
  }

  async function close(): Promise<void> {
    const isThere = await isRedisThere()
    const ended = Promise.all(workers.map((worker) => worker.close()))
    const timers = new AbortController()
    const wait = (ms: number) =>
      sleep(ms, 'late' as const, { signal: timers.signal }).catch(() => 'over' as const)
    if ((await Promise.race([ended, wait(isThere ? graceMs : 0)])) === 'late') {
      stop.abort(new Error('The worker is stopping'))
      if ((await Promise.race([ended, wait(isThere ? heedMs : askMs)])) === 'late') {
        // Without a connection their locks end soon, and others take the jobs up.
        log.error({}, 'jobs did not end in time and are left')
        await Promise.race([Promise.all(workers.map((worker) => worker.disconnect())), wait(askMs)])
      }
    }
    timers.abort()
    await closeRedis(connection)
  }
}

/** One case for each kind, so that each handler gets its own kind of job. */
async function handle(handlers: Handlers, job: Job, context: JobContext): Promise<void> {
  switch (job.kind) {
    case 'prepare':
      return await handlers.prepare(job, context)
    case 'prepare-slow':
      return await handlers['prepare-slow'](job, context)
    case 'playable':
      return await handlers.playable(job, context)
    case 'bundle':
      return await handlers.bundle(job, context)
    case 'card':
      return await handlers.card(job, context)
    case 'remove':
      return await handlers.remove(job, context)
    case 'sweep':
      return await handlers.sweep(job, context)
    case 'backup':
      return await handlers.backup(job, context)
    default:
      throw new TypeError(`There is no such kind of job: ${String(job satisfies never)}`)
  }
}
