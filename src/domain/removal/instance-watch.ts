import { BucketUnavailable, type Bucket, type Ports } from '../../ports.ts'
import {
  apartSentences,
  compareIdentities,
  readStoreIdentity,
  type Instance,
  type InstanceState,
} from '../records/instance/instance.ts'
import { noteReunion } from './orphans.ts'

/** How often the store is asked who it is, in milliseconds. */
const lookEveryMs = 1_000
/** How long an answer of the bucket counts, in milliseconds: before bytes are deleted, and otherwise. */
const freshMs = 5_000
const staleMs = 30_000

type WatchPorts = Pick<Ports, 'store' | 'bucket' | 'clock' | 'log'>

/**
 * Looks again and again whether store and bucket belong together, also while the process runs: the store may be emptied
 * or exchanged at any time. Says it in the log whenever that changes.
 */
export function watchInstance({ store, bucket, clock, log }: WatchPorts): Instance {
  let state: InstanceState = { kind: 'unknown' }
  let wasApart = false
  let comparedAt = -Infinity
  /** The highest generation that the store was seen to have. */
  let newest = 0
  let looking: { readonly promise: Promise<InstanceState>; readonly maxAgeMs: number } | null = null

  /** The store is asked each time; the bucket only after `maxAgeMs`, or when the store has something new to say. */
  async function look(maxAgeMs: number): Promise<InstanceState> {
    const isRecent = performance.now() - comparedAt < maxAgeMs
    if (state.kind === 'together' && isRecent) {
      const { id, generation = 0 } = (await readStoreIdentity(store)) ?? {}
      const isSetBack = generation < newest
      newest = Math.max(newest, generation)
      if (id === state.id && !isSetBack) return state
    }
    const found = await compareIdentities(store, bucket)
    comparedAt = performance.now()
    return found
  }

  async function lookAndTell(maxAgeMs: number): Promise<InstanceState> {
    try {
      const found = await look(maxAgeMs)
      if (found.kind === 'together' && wasApart) await noteReunion(store, clock.now())
      tell(found)
      state = found
    } catch (error) {
      log.debug({ err: error }, 'store and bucket cannot be compared')
      // Those that were apart stay so until the opposite is seen.
      if (state.kind === 'together') state = { kind: 'unknown' }
      return { kind: 'unknown' }
    }
    return state
  }

  function tell(found: InstanceState): void {
    if (found.kind === 'apart' && (state.kind !== 'apart' || state.reason !== found.reason))
      log.error(
        { reason: found.reason },
        `Nothing is served and nothing is deleted: ${apartSentences[found.reason]}`,
      )
    if (found.kind === 'together' && wasApart) log.info({}, 'store and bucket belong together again')
    wasApart = found.kind === 'apart'
  }

  async function check(maxAgeMs = freshMs): Promise<InstanceState> {
    if (looking && looking.maxAgeMs <= maxAgeMs) {
      // One that is under way may have asked the store before the caller did something: the next one is the caller's.
      await looking.promise
    }
    if (looking && looking.maxAgeMs <= maxAgeMs) return looking.promise
    const begun = { promise: lookAndTell(maxAgeMs), maxAgeMs }
    looking = begun
    try {
      return await begun.promise
    } finally {
      if (looking === begun) looking = null
    }
  }

  let running: Promise<unknown> = Promise.resolve()
  let isBusy = false
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    running = check(state.kind === 'together' ? staleMs : 0).finally(() => {
      isBusy = false
    })
  }, lookEveryMs)
  timer.unref()

  return {
    state: () => state,
    check: () => check(),
    async close() {
      clearInterval(timer)
      await running
    },
  }
}

/** A bucket that deletes nothing unless it was seen directly before that it belongs to the store. */
export function guardRemovals(bucket: Bucket, instance: Instance): Bucket {
  const guard = async (): Promise<void> => {
    const state = await instance.check()
    if (state.kind === 'together') return
    throw new BucketUnavailable('Nothing is deleted: it is not certain that store and bucket belong together')
  }
  return {
    ...bucket,
    async removeAll(prefix) {
      await guard()
      await bucket.removeAll(prefix)
    },
    async sweepUnfinished(olderThanMs, prefix) {
      await guard()
      return bucket.sweepUnfinished(olderThanMs, prefix)
    },
  }
}
