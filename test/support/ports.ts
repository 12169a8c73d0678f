import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { folderResumable } from '../../src/adapters/folder/folder-resumable.ts'
import { redisEvents } from '../../src/adapters/redis/redis-events.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import type { Instance } from '../../src/domain/records/instance/instance.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { quickFacts } from '../../src/media/facts/quick-facts.ts'
import { sniff } from '../../src/media/formats/sniff.ts'
import type { Clock, Job, Limits, Log, Ports } from '../../src/ports.ts'
import { resumableWithHashes, withHashes } from './buckets.ts'

/** A clock that stands still until a test moves it. */
export interface MovableClock extends Clock {
  move(ms: number): void
}

export function movableClock(start = Date.now()): MovableClock {
  let now = start
  return { now: () => now, move: (ms) => void (now += ms) }
}

export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Store and bucket belong together. */
export const oneInstance: Instance = {
  state: () => ({ kind: 'together', id: 'test' }),
  check: () => Promise.resolve({ kind: 'together', id: 'test' }),
  close: () => Promise.resolve(),
}

export const testLimits: Limits = {
  maxFileBytes: 50 * 1024 ** 2,
  maxAlbumItems: 1000,
  maxOwnerBytes: 1024 ** 3,
  maxInstanceBytes: 1024 ** 4,
  linkDaysDefault: 30,
  linkDaysMax: 30,
}

export interface TestPorts extends Ports {
  readonly clock: MovableClock
  /** What was queued, for tests that run the jobs themselves. */
  readonly queued: Job[]
  /** Prefix of this test's keys in the shared Redis. */
  readonly prefix: string
  /** Folder of the bucket. */
  readonly directory: string
  close(): Promise<void>
}

/** Ports on the real Redis and a real folder; the test itself runs what is queued. */
export async function openTestPorts(limits: Partial<Limits> = {}): Promise<TestPorts> {
  const url = inject('redisUrl')
  const prefix = `test-${randomToken()}:`
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bucket-'))
  const store = redisStore({ url, prefix })
  const events = redisEvents({ url, prefix })
  const bucket = withHashes(folderBucket(directory))
  const queued: Job[] = []
  return {
    store,
    events,
    bucket,
    resumable: resumableWithHashes(folderResumable(directory), bucket),
    queued,
    prefix,
    directory,
    clock: movableClock(),
    queue: {
      add: (job) => Promise.resolve(void queued.push(job)),
      groupOwner: () => Promise.resolve(),
      schedule: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    passwords: {
      hash: (password) => Promise.resolve(`not a real hash of ${password.length}`),
      verify: () => Promise.resolve(false),
    },
    instance: oneInstance,
    sniff,
    firstLook: quickFacts,
    limits: { ...testLimits, ...limits },
    log: quietLog,
    async close() {
      await Promise.all([store.close(), events.close(), bucket.close()])
      await rm(directory, { recursive: true, force: true })
    },
  }
}
