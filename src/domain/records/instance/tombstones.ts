import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { BucketFull, members, type Bucket, type Ports, type Write } from '../../../ports.ts'
import { rank, unrank } from '../store/change.ts'
import { atOnce, wakeSweep } from '../store/deletion-schedule.ts'
import { Refused } from '../errors.ts'
import { growGeneration } from './instance.ts'
import { keys, objects } from '../keys.ts'
import { randomToken } from '../tokens.ts'

/**
 * What a sender ended or restricted is noted in the bucket before the answer: a store that is brought back from an older
 * snapshot must not undo it. See docs/decisions/0023-backup-and-restore.md. Holds ids, and of a new owner key the hash.
 */
const actSchema = z.object({
  /**
   * `stop`: a link. `narrow`: a link that shows less than before, or to fewer. `item`, `album`: deleted. `out`: an item,
   * from an album. `private`: an item. `key`: the hash of the owner's new key.
   */
  kind: z.enum(['stop', 'narrow', 'item', 'album', 'out', 'private', 'key']),
  id: z.string(),
  /** The album of `out`. */
  from: z.string().optional(),
  /** Milliseconds since 1970. */
  at: z.number(),
})
export type Act = z.infer<typeof actSchema>

const tombstoneSchema = z.object({ owner: z.string(), acts: z.array(actSchema) })

type TombstonePorts = Pick<Ports, 'store' | 'bucket' | 'disk' | 'log'>

/** How long the bucket may take for a tombstone before its caller hears that it is not written yet, in milliseconds. */
const patienceMs = 5_000

/** The writes that note `acts`; they belong into the commit that does them. `writeTombstones` carries the notes to the bucket. */
export const noteActs = (owner: string, acts: readonly Act[]): Write[] =>
  // One entry for each act: an act can be repeated while its note is being written.
  acts.map((act) => rank(keys.tombstones(owner), JSON.stringify({ ...act, n: randomToken() }), act.at))

/** Writes an owner's noted acts to the bucket, even on a full disk. Throws the bucket's errors; the sweep retries what is left. */
export async function writeTombstones(
  { store, bucket, disk }: Pick<Ports, 'store' | 'bucket' | 'disk'>,
  owner: string,
): Promise<void> {
  const [pending] = await store.read([members(keys.tombstones(owner))])
  if (pending.length === 0) return
  const acts = pending.map((member) => actSchema.parse(JSON.parse(member)))
  const put = () => putJson(bucket, objects.tombstone(randomToken()), { owner, acts })
  await put().catch(async (error: unknown) => {
    if (!(error instanceof BucketFull) || !(await disk?.releaseBallast())) throw error
    await put()
  })
  // A store that is set back to before the act is known by it, and nothing is served from it.
  await growGeneration(store, bucket)
  await store.commit({ writes: pending.map((member) => unrank(keys.tombstones(owner), member)) })
}

/**
 * Carries what was just done to the bucket, before it is answered. `done` says what holds already. Throws
 * Refused('not-noted') where the bucket does not take it: it is done all the same, and tried again.
 */
export async function makeLasting(ports: TombstonePorts, owner: string, done: string): Promise<void> {
  try {
    await writeTombstones(ports, owner)
  } catch (error) {
    ports.log.warn({ err: error }, 'could not write a tombstone; the sweep will retry')
    await wakeSweep(ports.store, owner, atOnce).catch(() => {})
    throw new Refused(
      'not-noted',
      `${done}, but the note that keeps it so after a loss of the store could not be written yet. It is tried again.`,
      { retryAfterSeconds: 30 },
    )
  }
}

export async function putJson(bucket: Bucket, key: string, thing: object): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(thing))
  async function* body() {
    yield await Promise.resolve(bytes)
  }
  const signal = AbortSignal.timeout(patienceMs)
  await bucket.put(key, body(), { mime: 'application/json', size: bytes.length, signal })
}

/** All acts that the bucket knows of, by owner, oldest first. */
export async function readTombstones(bucket: Bucket): Promise<Map<string, Act[]>> {
  const found = new Map<string, Act[]>()
  for await (const { key } of bucket.list(objects.tombstones)) {
    const opened = await bucket.open(key)
    if (!opened) continue
    const { owner, acts } = tombstoneSchema.parse(JSON.parse(await text(opened.body)))
    found.set(owner, [...(found.get(owner) ?? []), ...acts])
  }
  for (const acts of found.values()) acts.sort((one, other) => one.at - other.at)
  return found
}
