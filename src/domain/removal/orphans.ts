import { z } from 'zod'
import type { Ports, Store } from '../../ports.ts'
import { ranks, score, value } from '../../ports.ts'
import { rank, set, unrank } from '../records/store/change.ts'
import { keys, objects } from '../records/keys.ts'
import { parseRecord } from '../records/records.ts'
import { resumableLifeMs } from '../records/resumable-record.ts'

const hour = 3_600_000
const day = 24 * hour

/** Orphans younger than this are left alone: their record may be about to come. */
const orphanAfter = day
/** How long bytes are kept whose records were lost with the store: the operator may find a better copy of it. */
const quarantineMs = 7 * day
/** Longer than a resumable upload may take; those that a record knows are ended by it, long before. */
const unfinishedAfter = resumableLifeMs + hour
/**
 * A sweep that would delete more than both stops: see docs/decisions/0022-orphans-and-quarantine.md. What a crash leaves is
 * a handful, whatever the size of the bucket.
 */
const mostShare = 0.05
const mostInSmallBucket = 3

const reunitedSchema = z.object({ at: z.number() })
const leftSchema = z.object({ at: z.number(), orphans: z.number(), prefixes: z.number() })
/** A sweep that stopped: `orphans` of all `prefixes` have no record. */
export type OrphansLeft = z.infer<typeof leftSchema>

type OrphanPorts = Pick<Ports, 'store' | 'bucket' | 'clock' | 'log'>

/** Notes that store and bucket have come together again: whatever has no record by now may have lost it. */
export async function noteReunion(store: Store, now: number): Promise<void> {
  await store.commit({ writes: [set(keys.reunited, { at: now })] })
}

interface Orphans {
  /** Bucket prefixes without a record, with the moment at which their oldest object was written. */
  readonly found: ReadonlyMap<string, number>
  /** How many prefixes there are in all. */
  readonly prefixes: number
}

/** Lists the whole bucket. Throws where the store becomes another one meanwhile. */
async function findOrphans({ store, bucket }: OrphanPorts, olderThan: number): Promise<Orphans> {
  const [instance] = await store.read([value(keys.instance)])
  const found = new Map<string, number>()
  const known = new Set<string>()
  const young = new Set<string>()
  for (const root of objects.shared)
    for await (const { key, modifiedAt } of bucket.list(root)) {
      const prefix = key.split('/', 2).join('/')
      const seen = found.get(prefix)
      if (seen !== undefined) found.set(prefix, Math.min(seen, modifiedAt))
      if (seen !== undefined || known.has(prefix)) continue
      if (modifiedAt > olderThan) {
        young.add(prefix)
        continue
      }
      // Who the store is comes in the same answer: an absence in another store proves nothing.
      const [owner, asked] = await store.read([value(keys.prefixOwner(prefix)), value(keys.instance)])
      if (identityOf(asked) !== identityOf(instance)) throw new Error('the store has become another one')
      if (owner === null) found.set(prefix, modifiedAt)
      else known.add(prefix)
    }
  const prefixes = new Set([...found.keys(), ...known, ...young]).size
  return { found, prefixes }
}

/** The generation may grow meanwhile; the id may not change. */
const identityOf = (raw: string | null): unknown => raw && (JSON.parse(raw) as { id: unknown }).id

/**
 * Deletes what no record knows, and unfinished objects: what a process left that was killed between two steps. What may
 * have lost its record with the store is kept for a week. Stops, and tells it, where it would delete much. It lists the
 * whole bucket, so it runs seldom. `agreed`: the time that deletions go by. Returns how many prefixes it deleted.
 */
export async function sweepOrphans(ports: OrphanPorts, agreed: number = ports.clock.now()): Promise<number> {
  const { store, bucket, clock, log } = ports
  // Buckets reckon by the machine's clock: so much it may be ahead.
  const doubt = clock.now() - agreed
  for (const root of objects.roots) await bucket.sweepUnfinished(unfinishedAfter + doubt, root)
  const { found, prefixes } = await findOrphans(ports, agreed - orphanAfter)
  const [raw] = await store.read([value(keys.reunited)])
  const reunitedAt = parseRecord(reunitedSchema, keys.reunited, raw)?.at ?? -Infinity
  const plain = [...found].filter(([, writtenAt]) => writtenAt > reunitedAt).map(([prefix]) => prefix)
  const lost = [...found].filter(([, writtenAt]) => writtenAt <= reunitedAt).map(([prefix]) => prefix)
  const released = await quarantine(store, lost, { now: clock.now(), agreed })
  const isTooMuch = plain.length > mostInSmallBucket && plain.length > prefixes * mostShare
  await noteLeft(store, isTooMuch ? { at: agreed, orphans: plain.length, prefixes } : null)
  if (isTooMuch)
    log.error(
      { orphans: plain.length, prefixes },
      'The sweep stopped: too much of the bucket has no record. Nothing was deleted. `mayfly orphans` lists it, `mayfly orphans ' +
        '--remove` deletes it',
    )
  const going = isTooMuch ? released : [...plain, ...released]
  for (const prefix of going) await removeOrphan(ports, prefix)
  return going.length
}

async function noteLeft(store: Store, left: OrphansLeft | null): Promise<void> {
  await store.commit({
    writes: [left ? set(keys.orphansLeft, left) : { kind: 'remove', key: keys.orphansLeft }],
  })
}

async function removeOrphan({ store, bucket }: OrphanPorts, prefix: string): Promise<void> {
  await bucket.removeAll(`${prefix}/`)
  await store.commit({ writes: [unrank(keys.quarantine, prefix)] })
}

/** Marks `lost` with the date where that is not done, lets go of what has a record again, and answers what has waited long enough. */
async function quarantine(
  store: Store,
  lost: readonly string[],
  { now, agreed }: { now: number; agreed: number },
): Promise<string[]> {
  const [marked] = await store.read([ranks(keys.quarantine)])
  const since = new Map(marked.map(({ member, score: at }) => [member, at]))
  const there = new Set(lost)
  for (const { member } of marked)
    if (!there.has(member)) await store.commit({ writes: [unrank(keys.quarantine, member)] })
  for (const prefix of lost)
    if (!since.has(prefix)) await store.commit({ writes: [rank(keys.quarantine, prefix, now)] })
  return lost.filter((prefix) => agreed - (since.get(prefix) ?? agreed) >= quarantineMs)
}

/** For operators: every prefix without a record that is a day old, and since when it is in quarantine (null: it is not). */
export async function listOrphans(
  ports: OrphanPorts,
  agreed: number = ports.clock.now(),
): Promise<{ prefix: string; since: number | null }[]> {
  const { found } = await findOrphans(ports, agreed - orphanAfter)
  const prefixes = [...found.keys()]
  const since = await ports.store.read(prefixes.map((prefix) => score(keys.quarantine, prefix)))
  return prefixes.map((prefix, at) => ({ prefix, since: since[at] ?? null }))
}

/** For operators: deletes every prefix without a record that is a day old, however many. Returns how many. */
export async function removeOrphans(ports: OrphanPorts): Promise<number> {
  const orphans = await listOrphans(ports)
  for (const { prefix } of orphans) await removeOrphan(ports, prefix)
  await noteLeft(ports.store, null)
  return orphans.length
}

/** For metrics: how many prefixes a stopped sweep left, and how many are in quarantine. */
export async function orphanFigures(store: Store): Promise<{ left: number; quarantined: number }> {
  const [raw, marked] = await store.read([value(keys.orphansLeft), ranks(keys.quarantine)])
  return { left: parseRecord(leftSchema, keys.orphansLeft, raw)?.orphans ?? 0, quarantined: marked.length }
}
