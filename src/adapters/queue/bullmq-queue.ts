import { Queue as BullQueue } from 'bullmq'
import type { JobsOptions } from 'bullmq'
import { StoreUnavailable } from '../../ports.ts'
import type { Job, Log, Queue } from '../../ports.ts'
import { Turns } from './bullmq-turns.ts'
import { JobData, jobKinds, subjectOf } from './job-schema.ts'
import { closeRedis, connectRedis, unavailable, within } from '../redis/redis-connection.ts'

export interface BullmqOptions {
  /** As `connectRedis` takes it. */
  readonly url: string
  /** As `redisStore` takes it. */
  readonly prefix?: string
  readonly log: Log
}

/** The prefix as a hash tag: all keys of a queue must lie on one server of a Redis Cluster. */
export const tagOf = (prefix = 'mayfly:'): string => `{${prefix.replace(/[{}]|:$/g, '')}}`

const answerMs = 1_900
/** More than that waiting for Redis' answer means that it gives none. */
const mostUnanswered = 1_000
/** Jobs that are due later than this are jobs of their own; nearer ones are the one that waits already. */
const soonMs = 60_000
const scheduleCheckMs = 60_000

/** How often each kind is tried, and how long it waits in between (`waitBefore` in the runner). */
const attempts: { readonly [K in Job['kind']]: number } = {
  prepare: 3,
  'prepare-slow': 3,
  playable: 3,
  bundle: 5,
  card: 5,
  // Deletion is promised: until gone. The sweep finds it, should even this not do.
  remove: 1_000_000,
  sweep: 3,
  backup: 3,
}

/** The queue on BullMQ. Our records are the truth: what is lost here is found again by the sweep. */
export function bullmqQueue({ url, prefix, log }: BullmqOptions): Queue {
  // Patient: BullMQ gives up for good on a connection whose first commands fail. `bounded` sees to the time.
  const connection = connectRedis(url, 'patient')
  const queues = new Map(
    jobKinds.map((kind) => {
      // Nobody reads the stream of events; what stands in it would outlive what it is about.
      const streams = { events: { maxLen: 1 } }
      const queue = new BullQueue(kind, { connection, prefix: tagOf(prefix), streams })
      queue.on('error', (error) => log.warn({ error, kind }, 'the queue lost Redis'))
      return [kind, queue]
    }),
  )
  const turns = new Turns(connection, tagOf(prefix))
  const schedules: NodeJS.Timeout[] = []
  let unanswered = 0

  const queueOf = (job: Job): BullQueue => {
    const queue = queues.get(job.kind)
    if (queue === undefined) throw new TypeError('There is no such kind of job')
    return queue
  }

  /** Commands wait in memory until Redis answers: at most this many, and none while it is away. */
  async function bounded<Result>(work: () => Promise<Result>): Promise<Result> {
    if (unanswered >= mostUnanswered) throw new StoreUnavailable('Redis gives no answer to the queue')
    unanswered += 1
    const running = connected().then(work)
    running
      .catch(() => undefined)
      .finally(() => {
        unanswered -= 1
      })
    try {
      return await within(answerMs, running)
    } catch (error) {
      throw unavailable(error)
    }
  }

  async function connected(): Promise<void> {
    for (const deadline = Date.now() + answerMs; connection.status !== 'ready';) {
      if (Date.now() > deadline || connection.status === 'end') {
        throw new StoreUnavailable('The queue is not connected to Redis')
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function assertSchedule(job: Job, everyMs: number): Promise<void> {
    await bounded(async () => {
      const queue = queueOf(job)
      const id = `${job.kind}.${subjectOf(job)}`
      const known = await queue.getJobScheduler(id)
      // Made anew it would start over: with processes that restart often it would never be due.
      if (known?.every === everyMs) return
      await queue.upsertJobScheduler(
        id,
        { every: everyMs },
        { name: job.kind, data: job, opts: optionsOf(job) },
      )
    })
  }

  return {
    async add(job, { delayMs = 0 } = {}) {
      const data = JobData.parse(job)
      await bounded(async () => {
        const priority = await turns.join(data)
        await queueOf(data).add(data.kind, data, {
          ...optionsOf(data),
          ...(priority === null ? {} : { priority }),
          ...(delayMs > 0 ? { delay: Math.ceil(delayMs) } : {}),
          deduplication: {
            id: identityOf(data, delayMs),
            // The one that runs may have read what has changed since: one more runs after it.
            keepLastIfActive: true,
            // One that waits for a later moment or for its next try is due at once.
            reschedule: delayMs <= 0,
          },
        })
      })
    },

    async groupOwner(owner, network) {
      await bounded(() => turns.belong(owner, network))
    },

    async schedule(job, everyMs) {
      const data = JobData.parse(job)
      await assertSchedule(data, everyMs)
      // A Redis that was emptied has forgotten it.
      const check = setInterval(() => {
        assertSchedule(data, everyMs).catch((error: unknown) =>
          log.warn({ error, kind: data.kind }, 'a schedule could not be checked'),
        )
      }, scheduleCheckMs)
      check.unref()
      schedules.push(check)
    },

    async close() {
      for (const check of schedules) clearInterval(check)
      await Promise.all([...queues.values()].map((queue) => queue.close()))
      await closeRedis(connection)
    },
  }
}

function optionsOf(job: Job): JobsOptions {
  return {
    attempts: attempts[job.kind],
    backoff: { type: 'capped' },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 1,
  }
}

/** The same text for jobs of which only one should wait. */
function identityOf(job: Job, delayMs: number): string {
  const subject = `${job.kind}.${subjectOf(job)}`
  return delayMs <= soonMs ? subject : `${subject}.${Math.ceil((Date.now() + delayMs) / soonMs)}`
}
