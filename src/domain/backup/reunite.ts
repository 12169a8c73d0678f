import { z } from 'zod'
import type { Ports } from '../../ports.ts'
import { value } from '../../ports.ts'
import {
  readBucketIdentity,
  readStoreIdentity,
  writeBucketIdentity,
  writeStoreIdentity,
} from '../records/instance/instance.ts'
import { keys } from '../records/keys.ts'
import { noteReunion } from '../removal/orphans.ts'
import { parseRecord } from '../records/records.ts'
import {
  allOwners,
  applyActs,
  bytesOfAll,
  fillStore,
  objectsByItem,
  rebuildOwner,
  setInstanceBytes,
  type Restored,
  type Source,
} from './restore.ts'
import { noteSchema } from '../records/schema.ts'
import { markAllUnchecked } from './integrity/scrub.ts'
import { readTombstones } from '../records/instance/tombstones.ts'
import { randomToken } from '../records/tokens.ts'

/**
 * Fills an empty store from a snapshot, and brings it up to what the bucket knows: stops and deletions since are done again,
 * items whose bytes are gone are dropped, bytes without a record wait in quarantine. The store counts as the bucket's only
 * when all of that is done; cut short before, it is done anew. `began`: when the snapshot was made.
 */
export async function restoreStore(
  ports: Ports,
  key: Buffer,
  source: Source,
  began: number,
): Promise<Restored> {
  const { store, bucket } = ports
  const bucketHas = await objectsByItem(bucket)
  const tombstones = await readTombstones(bucket)
  const owners = await fillStore(store, key, source)
  const sum = { owners: owners.length, items: 0, links: 0, dropped: 0, acts: 0 }
  for (const owner of owners) {
    const rebuilt = await rebuildOwner(ports, owner, bucketHas)
    sum.items += rebuilt.items
    sum.links += rebuilt.links
    sum.dropped += rebuilt.dropped
    sum.acts += await applyActs(ports, owner, tombstones.get(owner) ?? [], began)
  }
  await setInstanceBytes(store, await bytesOfAll(store, await allOwners(store)))
  // The clock that made the snapshot is the last one that is known.
  const note = JSON.stringify({ agreed: began, clock: began, doubtedMs: 0 })
  await store.commit({ writes: [{ kind: 'set', key: keys.clock, value: note }] })
  // A bucket that came back from somewhere, too, may hold other bytes than those that were stored.
  await markAllUnchecked(ports)
  await bringTogether(ports)
  return sum
}

const clockNote = z.object({ agreed: z.number() })

/**
 * Lets a store and a bucket belong together from now on that did not: what the bucket knows of stops and deletions is done in
 * the store, and bytes without a record wait in quarantine. Returns how many acts were done again.
 */
export async function adopt(ports: Ports): Promise<number> {
  const { store, bucket } = ports
  const [raw] = await store.read([value(keys.clock)])
  const began = parseRecord(clockNote, keys.clock, raw)?.agreed ?? -Infinity
  let acts = 0
  for (const [owner, done] of await readTombstones(bucket)) acts += await applyActs(ports, owner, done, began)
  await bringTogether(ports)
  return acts
}

/** The last step: until then nothing is served. The store's id counts where it has one; else the bucket's. */
async function bringTogether({ store, bucket, clock }: Ports): Promise<void> {
  await noteReunion(store, clock.now())
  await noteSchema(store)
  const [ours, read] = [await readStoreIdentity(store), await readBucketIdentity(bucket)]
  const theirs = read === 'unreadable' ? null : read
  const next = {
    id: ours?.id ?? theirs?.id ?? randomToken(),
    generation: Math.max(ours?.generation ?? 0, theirs?.generation ?? 0) + 1,
    isMade: true,
  }
  if (!(await writeStoreIdentity(store, ours, next)))
    throw new Error('the store has changed meanwhile: run the command again')
  await writeBucketIdentity(bucket, next)
}
