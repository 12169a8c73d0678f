import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { Bucket, Store } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { keys, objects } from '../keys.ts'
import { randomToken } from '../tokens.ts'

/**
 * Who the store and the bucket are. Both hold the same id; an absent record proves that bytes may go only while they
 * do. The generation grows in both, in the store first: a store with a lower one than the bucket is an older copy.
 * See docs/decisions/0020-store-and-bucket-know-each-other.md.
 */
const storeIdentity = z.object({
  id: z.string(),
  generation: z.number().int().nonnegative(),
  /** False until the bucket is known to hold the id, too. */
  isMade: z.boolean(),
})
export type StoreIdentity = z.infer<typeof storeIdentity>

const bucketIdentity = z.object({ id: z.string(), generation: z.number().int().nonnegative() })
export type BucketIdentity = z.infer<typeof bucketIdentity>

/** Why store and bucket are not of one instance. */
export const apartReasons = [
  'store-empty',
  'store-older',
  'other-instance',
  'bucket-empty',
  'bucket-unreadable',
] as const
export type ApartReason = (typeof apartReasons)[number]

/** `unknown`: one of the two cannot be asked at the moment. */
export type InstanceState =
  | { readonly kind: 'together'; readonly id: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'apart'; readonly reason: ApartReason }

/** Whether the store and the bucket belong to each other. */
export interface Instance {
  /** What was found last. It is looked at every few seconds. */
  state(): InstanceState
  /** Looks now. Answers `unknown` where it cannot; never throws. */
  check(): Promise<InstanceState>
  close(): Promise<void>
}

/** For operators: what is wrong, and the commands that resolve it. */
export const apartSentences: { readonly [K in ApartReason]: string } = {
  'store-empty':
    'The store (REDIS_URL, or DATA_DIR/redis) is empty, but the bucket is not. If the store has lost its records, run `mayfly restore`. ' +
    'If REDIS_URL names another Redis than before, set it right. If this is a new instance beside another one, give it a bucket or an ' +
    'S3_PREFIX of its own. If all that the bucket holds may be forgotten, run `mayfly adopt --yes`.',
  'store-older':
    'The store (REDIS_URL, or DATA_DIR/redis) is an older copy of the one that the bucket belongs to. If a newer one is there, use it. ' +
    'Otherwise run `mayfly adopt --yes`: it applies the stops and deletions that the store does not know of and goes on with it.',
  'other-instance':
    'The store (REDIS_URL, or DATA_DIR/redis) and the bucket belong to two different instances. Set REDIS_URL, S3_BUCKET, S3_PREFIX or ' +
    'DATA_DIR right; if they are to belong together from now on, run `mayfly adopt --yes`.',
  'bucket-empty':
    'The bucket (DATA_DIR/bucket, or S3_BUCKET and S3_PREFIX) does not hold what the store has records of: it is another one than before, ' +
    'or it was emptied. Set it right; if its bytes are lost for good, run `mayfly adopt --yes`.',
  'bucket-unreadable':
    'What the bucket (DATA_DIR/bucket, or S3_BUCKET and S3_PREFIX) says of itself in the object `instance` cannot be read. Put that ' +
    'object back if you can; if the bucket is the right one, run `mayfly adopt --yes`, which writes it anew.',
}

/** What an owner's record is called: there is one for everybody who ever shared. */
export const isOwnerRecord = (key: string): boolean => /^\{[^}]+\}:owner$/.test(key)

/** Whether the store holds records. Rates, leases and sessions are not records. */
export async function hasRecords(store: Store): Promise<boolean> {
  for await (const { key } of store.entries()) if (isOwnerRecord(key)) return true
  return false
}

/** Whether the bucket holds anything of ours. Only our own folders are looked at: others may share the bucket. */
export async function isBucketEmpty(bucket: Bucket): Promise<boolean> {
  for (const root of objects.roots) for await (const entry of bucket.list(root)) return entry.key === ''
  return true
}

export async function readStoreIdentity(store: Store): Promise<StoreIdentity | null> {
  const [raw] = await store.read([value(keys.instance)])
  // One that cannot be read must not pass for none.
  return raw === null ? null : storeIdentity.parse(JSON.parse(raw))
}

/** Null where the bucket says nothing of itself, `unreadable` where what it says is damaged. */
export async function readBucketIdentity(bucket: Bucket): Promise<BucketIdentity | 'unreadable' | null> {
  const opened = await bucket.open(objects.instance)
  if (!opened) return null
  const said = await text(opened.body)
  try {
    return bucketIdentity.parse(JSON.parse(said))
  } catch {
    return 'unreadable'
  }
}

export async function writeBucketIdentity(bucket: Bucket, identity: BucketIdentity): Promise<void> {
  const bytes = Buffer.from(JSON.stringify({ id: identity.id, generation: identity.generation }))
  async function* body() {
    yield await Promise.resolve(bytes)
  }
  await bucket.put(objects.instance, body(), { mime: 'application/json', size: bytes.length })
}

/** What two identities that were read say of each other; null where one of them must be made first. */
function compare(
  ours: StoreIdentity | null,
  theirs: BucketIdentity | 'unreadable' | null,
): InstanceState | null {
  if (theirs === 'unreadable') return { kind: 'apart', reason: 'bucket-unreadable' }
  if (ours && theirs) {
    if (ours.id !== theirs.id) return { kind: 'apart', reason: 'other-instance' }
    if (ours.generation < theirs.generation) return { kind: 'apart', reason: 'store-older' }
    return ours.isMade ? { kind: 'together', id: ours.id } : null
  }
  if (theirs) return { kind: 'apart', reason: 'store-empty' }
  if (ours?.isMade) return { kind: 'apart', reason: 'bucket-empty' }
  return null
}

/**
 * Compares what store and bucket say. A new instance, and one of version 0.1.0, which had no ids, gets its id here: first
 * in the store, where only one process can be the first, then in the bucket. Whoever finds it half done goes on with it.
 */
export async function compareIdentities(store: Store, bucket: Bucket): Promise<InstanceState> {
  for (;;) {
    // The bucket first: a generation that grows meanwhile must not look like an older store.
    const theirs = await readBucketIdentity(bucket)
    const ours = await readStoreIdentity(store)
    const found = compare(ours, theirs)
    if (found) return found
    if (!ours) {
      if (!(await hasRecords(store)) && !(await isBucketEmpty(bucket)))
        return { kind: 'apart', reason: 'store-empty' }
      await writeStoreIdentity(store, null, { id: randomToken(), generation: 1, isMade: false })
    } else {
      if (!theirs) await writeBucketIdentity(bucket, ours)
      // Read again: another instance may have taken the bucket at the same moment.
      const read = await readBucketIdentity(bucket)
      if (read !== 'unreadable' && read?.id === ours.id)
        await writeStoreIdentity(store, ours, { ...ours, isMade: true })
    }
  }
}

/** Replaces the store's identity; answers whether it still was as it was `before`. */
export async function writeStoreIdentity(
  store: Store,
  before: StoreIdentity | null,
  next: StoreIdentity,
): Promise<boolean> {
  const outcome = await store.commit({
    expect: [{ key: keys.instance, value: before && JSON.stringify(before) }],
    writes: [{ kind: 'set', key: keys.instance, value: JSON.stringify(next) }],
  })
  return outcome === 'done'
}

/**
 * Lets the generation grow, so that a store that is set back to an earlier state is known by it: at intervals, and with
 * each stop or deletion, which must not be undone. The store first: what is cut off between the two leaves a bucket that is
 * behind, which says nothing. Nothing grows where the two are apart.
 */
export async function growGeneration(store: Store, bucket: Bucket): Promise<void> {
  for (;;) {
    const theirs = await readBucketIdentity(bucket)
    const ours = await readStoreIdentity(store)
    if (!ours?.isMade || compare(ours, theirs)?.kind !== 'together') return
    const next = { ...ours, generation: ours.generation + 1 }
    // Where another process was quicker, its growth may be older than what the caller has done: once more.
    if (!(await writeStoreIdentity(store, ours, next))) continue
    return writeBucketIdentity(bucket, next)
  }
}
