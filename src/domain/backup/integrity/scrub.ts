import { z } from 'zod'
import type { Ports, Write } from '../../../ports.ts'
import { scores, value } from '../../../ports.ts'
import { rank, unrank } from '../../records/store/change.ts'
import { readOn, readingBegins, recordedUnder, withholdWrong } from './integrity.ts'
import { keys, objects } from '../../records/keys.ts'

const hour = 3_600_000

/** And again after each of these. */
const againMs = 7 * 24 * hour
/** Bytes that one run reads at most: 8 MB/s with a run each 30 seconds, 700 GB a day, and half a second of one disk. */
export const scrubBytes = 256 * 1024 ** 2
/** Prefixes that one run looks at, at most. */
const batch = 500
/** This many failed reads show that the bucket is away. */
const patience = 10
const writesAtOnce = 500

/** Where a run that had read its share stopped: inside one object. */
const progressSchema = z.object({
  key: z.string(),
  sha256: z.string(),
  offset: z.number().int().nonnegative(),
  crc32: z.number().int().nonnegative(),
})
type Progress = z.infer<typeof progressSchema>

type Scrubbing = Pick<Ports, 'store' | 'bucket' | 'events' | 'queue' | 'log' | 'clock'>

/**
 * Reads what is due to be read, and withholds what is not as it was stored. Each run goes on where the last one stopped,
 * whichever process that was. What has been read is kept as one sorted set: `items/<item>` and `albums/<album>` by the
 * moment at which they are to be read next. Throws when the store or the bucket cannot be asked; nothing is withheld then.
 */
export async function scrub(ports: Scrubbing, most = scrubBytes): Promise<void> {
  const { store, clock } = ports
  await registerOnce(ports)
  const now = clock.now()
  const [due, raw] = await store.read([scores(keys.unchecked, 0, now, batch), value(keys.scrub)])
  const progress = raw === null ? null : progressSchema.parse(JSON.parse(raw))
  let left = most
  let failures = 0
  for (const { member: prefix } of due) {
    let stopped: Stopped
    try {
      stopped = await scrubPrefix(ports, prefix, progress, left)
    } catch (error) {
      // A bad place on the disk must not keep all others from being read.
      failures += 1
      if (failures === patience) throw error
      ports.log.warn({ err: error, prefix }, 'cannot read stored bytes; will retry in an hour')
      await store.commit({ writes: [rank(keys.unchecked, prefix, now + hour)] })
      continue
    }
    left -= stopped.read
    if (stopped.progress !== null) return keepProgress(ports, stopped.progress)
    await store.commit({
      writes: [stopped.isGone ? unrank(keys.unchecked, prefix) : rank(keys.unchecked, prefix, now + againMs)],
    })
  }
  if (raw !== null) await store.commit({ writes: [{ kind: 'remove', key: keys.scrub }] })
}

interface Stopped {
  /** Bytes. */
  readonly read: number
  /** Where to go on in the next run; null where all was read. */
  readonly progress: Progress | null
  readonly isGone: boolean
}

async function scrubPrefix(
  ports: Scrubbing,
  prefix: string,
  progress: Progress | null,
  most: number,
): Promise<Stopped> {
  const found = await recordedUnder(ports, prefix)
  if (found === null) return { read: 0, progress: null, isGone: true }
  let read = 0
  const from = found.objects.findIndex(
    ({ key, stored }) => key === progress?.key && stored.sha256 === progress.sha256,
  )
  for (const [at, object] of found.objects.entries()) {
    if (at < from) continue
    const { key, stored } = object
    const begins = at === from && progress ? progress : readingBegins
    if (read >= most)
      return { read, progress: { key, sha256: stored.sha256, ...readingBegins }, isGone: false }
    const outcome = await readOn(ports.bucket, object, begins, most - read)
    if (typeof outcome !== 'string')
      return { read: most, progress: { key, sha256: stored.sha256, ...outcome }, isGone: false }
    read += stored.size - begins.offset
    if (outcome !== 'right') await withholdWrong(ports, found.owner, object)
  }
  return { read, progress: null, isGone: false }
}

async function keepProgress({ store }: Pick<Ports, 'store'>, progress: Progress): Promise<void> {
  await store.commit({ writes: [{ kind: 'set', key: keys.scrub, value: JSON.stringify(progress) }] })
}

/**
 * Has all that the bucket holds read again, as soon as may be: after a restore, and for what was stored before there was a
 * scrub. Lists the whole bucket. Safe to do twice.
 */
export async function markAllUnchecked({
  store,
  bucket,
  clock,
}: Pick<Ports, 'store' | 'bucket' | 'clock'>): Promise<void> {
  const now = clock.now()
  let writes: Write[] = []
  let last = ''
  for (const root of objects.recordedRoots)
    for await (const { key } of bucket.list(root)) {
      const prefix = key.split('/', 2).join('/')
      if (prefix === last) continue
      last = prefix
      writes.push(rank(keys.unchecked, prefix, now))
      if (writes.length < writesAtOnce) continue
      await store.commit({ writes })
      writes = []
    }
  if (writes.length > 0) await store.commit({ writes })
}

async function registerOnce(ports: Scrubbing): Promise<void> {
  const [fields] = await ports.store.read([{ kind: 'fields', key: keys.integrity }])
  if (fields['registered'] === '1') return
  await markAllUnchecked(ports)
  await ports.store.commit({
    writes: [{ kind: 'setField', key: keys.integrity, field: 'registered', value: '1' }],
  })
}
