import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerContext } from '../workers/context.ts'
import { openWorkFolder } from '../workers/work-folder.ts'
import { backupKey } from './adapters/backup-key.ts'
import { findRunningRedis } from './adapters/redis/running-redis.ts'
import { argon2Passwords } from './adapters/argon2-passwords.ts'
import { bullmqQueue } from './adapters/queue/bullmq-queue.ts'
import { bullmqRunner } from './adapters/queue/bullmq-runner.ts'
import { dataDisk } from './adapters/data-disk.ts'
import { startEmbeddedRedis, type EmbeddedRedis } from './adapters/redis/embedded-redis.ts'
import { folderBucket } from './adapters/folder/folder-bucket.ts'
import { folderResumable } from './adapters/folder/folder-resumable.ts'
import {
  hashedBucket,
  hashedResumable,
  type PlainBucket,
  type PlainResumable,
} from './adapters/hashing/hashed-bucket.ts'
import { hashThreads } from './adapters/hashing/hash-threads.ts'
import { pinoLog } from './adapters/pino-log.ts'
import { redisEvents } from './adapters/redis/redis-events.ts'
import { redisStore } from './adapters/redis/redis-store.ts'
import type { Config } from './config.ts'
import { inTime } from './in-time.ts'
import { agreedTime, believeClock, type AgreedTime } from './domain/records/instance/agreed-time.ts'
import { hasRecords } from './domain/records/instance/instance.ts'
import { guardRemovals, watchInstance } from './domain/removal/instance-watch.ts'
import { takeNameSalt } from './domain/records/instance/name-salt.ts'
import { checkSchema, noteSchema } from './domain/records/schema.ts'
import { onUnreadable } from './domain/records/unreadable.ts'
import { quickFacts } from './media/facts/quick-facts.ts'
import { sniff } from './media/formats/sniff.ts'
import type { MediaLimits, MediaTools } from './media/types.ts'
import { StoreRefusesUs, StoreUnavailable } from './ports.ts'
import type { Clock, Disk, JobRunner, Limits, Log, Ports, Store } from './ports.ts'

/** All that the service uses from outside. */
export interface Deps {
  readonly ports: Ports
  /** What a worker needs besides; null where none was asked for. */
  readonly worker: WorkerDeps | null
  /** The key of snapshots. */
  readonly backupKey: () => Promise<Buffer>
  /** Closes all of it, Redis last. What uses it must have ended. */
  close(): Promise<void>
}

export interface WorkerDeps extends WorkerContext {
  readonly runner: JobRunner
}

export interface DepsOptions {
  readonly log: Log
  readonly hasWorker: boolean
  /** A command that may run beside the service: it takes the embedded Redis that is running already. */
  readonly isCommand?: boolean
  /** For tests: another time. */
  readonly clock?: Clock
  /** For tests: what keeps theirs apart in a Redis that they share. */
  readonly prefix?: string
}

/** After so long jobs that take minutes are left to another worker; the rest then has 10 s more. */
const jobGraceMs = 5_000
/** Tools may prepare a small file for so long before it is left to the slow jobs; a photo of 12 MP takes under 2 s. */
const quickMs = 6_000

/** What closing may take, in milliseconds: all that uses Redis together, then a Redis of our own, which syncs its file. */
const closeMs = { users: 5_000, ownRedis: 12_000 }

/** Without Redis some clients wait for it for ever. What cannot be closed in time ends with the process. */
async function closeInTime(closing: Promise<unknown>, ms: number, log: Log): Promise<void> {
  await inTime(closing, ms, () => new Error(`not closed within ${ms / 1000} s`)).catch((error: unknown) =>
    log.warn({ err: error }, 'not everything was closed in order'),
  )
}

/** How long a service that starts waits for Redis, and how often it asks, in milliseconds. */
const startWaitMs = 20_000
const askEveryMs = 500

/** Throws StoreTooNew, or StoreUnavailable where the store gives no answer for so long. */
async function untilStoreAnswers(store: Store, waitMs: number): Promise<void> {
  for (const deadline = Date.now() + waitMs; ; await sleep(askEveryMs))
    try {
      return await checkSchema(store)
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || error instanceof StoreRefusesUs || Date.now() >= deadline)
        throw error
    }
}

export const openLog = (config: Config): Log => pinoLog(config.LOG_LEVEL)

/**
 * Builds every adapter from the settings; the only place that does. Without REDIS_URL it starts a Redis of its own in
 * DATA_DIR. Throws when something that must be there at the start is not; what was opened is closed again then.
 */
export async function openDeps(config: Config, options: DepsOptions): Promise<Deps> {
  const closers: (() => Promise<void>)[] = []
  const opened = <T>(thing: T, close: (thing: T) => Promise<void>): T => {
    closers.unshift(() => close(thing))
    return thing
  }
  let ownRedis: EmbeddedRedis | null = null
  const close = async (): Promise<void> => {
    // One that cannot be closed keeps none of the others open, Redis least of all.
    await Promise.all(
      closers.splice(0).map((closeNext) => closeInTime(closeNext(), closeMs.users, options.log)),
    )
    if (ownRedis) await closeInTime(ownRedis.stop(), closeMs.ownRedis, options.log)
    ownRedis = null
  }
  try {
    const disk = await openDisk(config, options, opened)
    const running = options.isCommand ? await findRunningRedis(path.join(config.DATA_DIR, 'redis')) : null
    ownRedis = config.REDIS_URL || running ? null : await startOwnRedis(config, options.log, disk)
    const url = config.REDIS_URL ?? running ?? ownRedis?.url ?? ''
    const { log, prefix } = options
    const redis = { url, ...(prefix === undefined ? {} : { prefix }) }
    const jobs = { url, log, ...(prefix === undefined ? {} : { prefix: `{${prefix}}` }) }
    const store = opened(redisStore({ ...redis, isDurable: config.REDIS_IS_DURABLE }), (store) =>
      store.close(),
    )
    await untilStoreAnswers(store, options.isCommand ? 0 : startWaitMs)
    const { bucket, resumable } = await openBuckets(config, opened)
    const clock = options.clock ?? { now: () => Date.now() }
    const instance = opened(watchInstance({ store, bucket, clock, log }), (watch) => watch.close())
    await instance.check()
    // Nothing is written to a store that may be another instance's.
    if (instance.state().kind !== 'apart') {
      await noteSchema(store)
      await takeNameSalt(store)
    }
    const stopTelling = onUnreadable((unreadable) => log.error(unreadable, 'a record cannot be read'))
    opened(stopTelling, (stop) => Promise.resolve(stop()))
    const ports: Ports = {
      store,
      events: opened(redisEvents(redis), (events) => events.close()),
      bucket: guardRemovals(bucket, instance),
      resumable,
      ...(disk && { disk }),
      instance,
      queue: opened(bullmqQueue(jobs), (queue) => queue.close()),
      clock,
      passwords: argon2Passwords(),
      sniff,
      firstLook: quickFacts,
      limits: limitsOf(config),
      log,
    }
    async function keyOfBackups(): Promise<Buffer> {
      return backupKey(config, log)
    }

    async function openTime(): Promise<AgreedTime> {
      // A test that moves its clock means it.
      if (options.clock) return { now: () => Promise.resolve(clock.now()) }
      const witnesses = [() => store.time(), () => bucket.time()]
      const time = agreedTime({ store, clock, elapsed: () => performance.now(), witnesses, log })
      if (!(await hasRecords(store).catch(() => true))) await believeClock(store, clock)
      return time
    }

    return { ports, worker: options.hasWorker ? await openWorker() : null, backupKey: keyOfBackups, close }

    async function openWorker(): Promise<WorkerDeps> {
      // On the bucket's disk where that is a folder: what is made there then moves instead of being copied.
      const work = await openWorkFolder(path.join(config.DATA_DIR, 'work'))
      const workDirectory = work.path
      const tools: MediaTools[] = []
      opened(work, async () => {
        await Promise.all(tools.map((tool) => tool.close()))
        await work.remove()
      })
      // Tools and places are large: a web process does not load them.
      const { openMediaTools } = await import('./media/open-media-tools.ts')
      const { openPlaces } = await import('./media/place/place.ts')
      const limits = mediaLimitsOf(config)
      const directory = path.join(workDirectory, 'media')
      const media = await openMediaTools({
        limits,
        processes: config.WORKER_CONCURRENCY,
        exiftoolDeadlineMs: quickMs,
        directory,
      })
      tools.push(media)
      const slowMedia = await openMediaTools({ limits, processes: 1, directory })
      tools.push(slowMedia)
      const concurrency = config.WORKER_CONCURRENCY
      const runner = bullmqRunner({ ...jobs, concurrency, graceMs: jobGraceMs })
      opened(runner, (running) => running.close())
      const time = await openTime()
      const { find: findPlace } = await openPlaces()
      return {
        ...{ ports, time, backupKey: keyOfBackups, runner, media, slowMedia, quickMs },
        findPlace,
        workDirectory,
        makesBundles: config.makesBundles,
      }
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Undefined where nothing of ours lies on this machine. */
async function openDisk(
  config: Config,
  { log, isCommand = false }: DepsOptions,
  opened: <T>(thing: T, close: (thing: T) => Promise<void>) => T,
): Promise<Disk | undefined> {
  if (config.s3 && config.REDIS_URL !== undefined) return undefined
  const { DATA_DIR: directory, MIN_FREE_BYTES: minFreeBytes } = config
  const disk = await dataDisk({ directory, minFreeBytes, keepsBallast: !isCommand, log })
  return opened(disk, () => disk.close())
}

async function startOwnRedis(config: Config, log: Log, disk: Disk | undefined): Promise<EmbeddedRedis> {
  try {
    return await startEmbeddedRedis({
      directory: path.join(config.DATA_DIR, 'redis'),
      log,
      ...(disk && { disk }),
    })
  } catch (error) {
    throw new StoreUnavailable(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function openBuckets(
  { s3, DATA_DIR }: Config,
  opened: <T>(thing: T, close: (thing: T) => Promise<void>) => T,
): Promise<Pick<Ports, 'bucket' | 'resumable'>> {
  const hashing = opened(hashThreads(), (threads) => threads.close())
  const open = (plain: PlainBucket, resumable: PlainResumable) => {
    const bucket = hashedBucket(plain, hashing)
    return {
      bucket: opened(bucket, () => bucket.close()),
      resumable: opened(hashedResumable(resumable, bucket, hashing), () => resumable.close()),
    }
  }
  const folder = path.join(DATA_DIR, 'bucket')
  if (!s3) return open(folderBucket(folder), folderResumable(folder))
  // The SDK is large: only those load it who use it.
  const { s3Bucket } = await import('./adapters/s3/s3-bucket.ts')
  const { s3Resumable } = await import('./adapters/s3/s3-resumable.ts')
  return open(s3Bucket(s3), s3Resumable(s3))
}

const limitsOf = (config: Config): Limits => ({
  maxFileBytes: config.MAX_FILE_BYTES,
  maxAlbumItems: config.MAX_ALBUM_ITEMS,
  maxOwnerBytes: config.MAX_OWNER_BYTES,
  maxInstanceBytes: config.MAX_INSTANCE_BYTES,
  linkDaysDefault: config.LINK_DAYS_DEFAULT,
  linkDaysMax: config.LINK_DAYS_MAX,
  addressSharesPerHour: config.MAX_ADDRESS_SHARES_PER_HOUR,
  addressBytesPerDay: config.MAX_ADDRESS_BYTES_PER_DAY,
  minFreeBytes: config.MIN_FREE_BYTES,
})

const mediaLimitsOf = (config: Config): MediaLimits => ({
  maxPixels: config.MAX_PIXELS,
  maxVideoSeconds: config.MAX_VIDEO_HOURS * 3600,
  maxPlayableMinutes: config.MAX_PLAYABLE_MINUTES,
})
