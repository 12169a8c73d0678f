import type { Bucket, Entry, Ports, Store } from '../../ports.ts'
import { fields, ranks, value, type Answer, type Query } from '../../ports.ts'
import { isOwnerRecord, readStoreIdentity } from '../records/instance/instance.ts'
import { keys, objects } from '../records/keys.ts'
import { sealSnapshot } from './snapshot.ts'
import { putJson } from '../records/instance/tombstones.ts'
import { randomToken } from '../records/tokens.ts'

const hour = 3_600_000

/** A snapshot lives so long, in milliseconds: what was deleted lives on in it no longer than that. */
export const snapshotLifeMs = 24 * hour
/** Clocks of processes and of the bucket may differ by so much. */
const clocksMs = hour

/**
 * What no snapshot holds: visitors' sessions, uploads under way with their leases, and what is made of the records anew.
 * What stands under no owner (counters of rates, sessions of senders, indexes) is left out or made again, too.
 */
const leftOut = /^\{[^}]*\}:(?:link:[^:]*:session:|upload:|catalog$|outlines$)/

/** So many keys are read at once. */
const readAtOnce = 200
/** An owner whose records do not hold still is read so often; the last try counts as it is. */
const tries = 5

const ownerOf = (key: string): string | null => /^\{([^}]+)\}:/.exec(key)?.[1] ?? null

/**
 * All records as lines: `["begin", owner]`, then `[key, kind, what is there]` for each key, then `["end", owner]`. Each owner's
 * are of one moment, which is as far as consistency goes: nothing ever changes two owners together. Where an owner's
 * records change meanwhile, they come again from `begin` on; the last one that has its `end` counts.
 */
export async function* snapshotLines(store: Store): AsyncGenerator<string> {
  const byOwner = new Map<string, Map<string, Entry['kind']>>()
  const known = new Set<string>()
  for await (const { key, kind } of store.entries()) {
    const owner = ownerOf(key)
    if (owner === null || leftOut.test(key)) continue
    if (isOwnerRecord(key)) known.add(owner)
    const found = byOwner.get(owner) ?? new Map<string, Entry['kind']>()
    byOwner.set(owner, found.set(key, kind))
  }
  for (const [owner, found] of byOwner) if (known.has(owner)) yield* ownerLines(store, owner, found)
}

async function* ownerLines(
  store: Store,
  owner: string,
  found: ReadonlyMap<string, Entry['kind']>,
): AsyncGenerator<string> {
  for (let attempt = 1; ; attempt++) {
    const [before] = await store.read([value(keys.version(owner))])
    // What has come since the keys were listed stands in the indexes.
    const all = new Map([...found, ...(await indexedKeys(store, owner))])
    yield JSON.stringify(['begin', owner])
    const list = [...all]
    for (let from = 0; from < list.length; from += readAtOnce) {
      const part = list.slice(from, from + readAtOnce)
      const answers = await store.read(part.map(([key, kind]) => queryOf(key, kind)))
      for (const [at, [key, kind]] of part.entries()) {
        const answer = answers[at]
        if (answer !== undefined && !isAbsent(answer)) yield JSON.stringify([key, kind, answer])
      }
    }
    const [after] = await store.read([value(keys.version(owner))])
    if (before === after || attempt === tries) {
      yield JSON.stringify(['end', owner])
      return
    }
  }
}

function queryOf(key: string, kind: Entry['kind']): Query {
  if (kind === 'value') return value(key)
  return kind === 'fields' ? fields(key) : ranks(key)
}

const isAbsent = (answer: Answer<Query>): boolean => answer === null

async function indexedKeys(store: Store, owner: string): Promise<[string, Entry['kind']][]> {
  const [items, albums, links] = await store.read([
    ranks(keys.items(owner)),
    ranks(keys.albums(owner)),
    ranks(keys.links(owner)),
  ])
  return [
    ...items.flatMap(({ member: id }): [string, Entry['kind']][] => [
      [keys.item(owner, id), 'value'],
      [keys.itemAlbums(owner, id), 'ranks'],
    ]),
    ...albums.flatMap(({ member: id }): [string, Entry['kind']][] => [
      [keys.album(owner, id), 'value'],
      [keys.albumItems(owner, id), 'ranks'],
      [keys.albumLinks(owner, id), 'ranks'],
    ]),
    ...links.map(({ member: id }): [string, Entry['kind']] => [keys.link(owner, id), 'value']),
  ]
}

/** The bytes of a snapshot of all records, encrypted under `key`. Throws where store and bucket are not of one instance. */
export async function* makeSnapshot(
  ports: Pick<Ports, 'store' | 'clock' | 'instance'>,
  key: Buffer,
): AsyncGenerator<Buffer> {
  const began = ports.clock.now()
  const identity = await readStoreIdentity(ports.store)
  if ((await ports.instance.check()).kind !== 'together' || !identity)
    throw new Error('No snapshot is made: store and bucket are not of one instance')
  yield* sealSnapshot(key, { instance: identity.id, began }, snapshotLines(ports.store))
  // A store that was emptied meanwhile makes no snapshot that is taken for a whole one.
  if ((await ports.instance.check()).kind !== 'together')
    throw new Error('The snapshot was not finished: store and bucket are not of one instance any more')
}

export interface Snapshot {
  readonly key: string
  /** Milliseconds since 1970. */
  readonly began: number
}

/** The snapshots in the bucket, newest first. */
export async function listSnapshots(bucket: Bucket): Promise<Snapshot[]> {
  const found: Snapshot[] = []
  for await (const { key } of bucket.list(objects.backups)) {
    const began = Number(/^backups\/(\d+)-/.exec(key)?.[1])
    if (!Number.isNaN(began)) found.push({ key, began })
  }
  return found.sort((one, other) => other.began - one.began)
}

/** Puts a snapshot of all records into the bucket. Returns its key. */
export async function backup(
  ports: Pick<Ports, 'store' | 'bucket' | 'clock' | 'instance'>,
  key: Buffer,
): Promise<string> {
  const name = objects.backup(ports.clock.now(), randomToken())
  await ports.bucket.put(name, makeSnapshot(ports, key), { mime: 'application/octet-stream' })
  return name
}

/**
 * Deletes snapshots whose day is over, also where no newer one came to be, and tombstones that no snapshot is older than.
 * `agreed`: the time that deletions go by.
 */
export async function pruneBackups({ bucket }: Pick<Ports, 'bucket'>, agreed: number): Promise<void> {
  const snapshots = await listSnapshots(bucket)
  const old = snapshots.filter(({ began }) => agreed - began >= snapshotLifeMs)
  for (const { key } of old) await bucket.removeAll(key)
  const oldest = snapshots.filter((snapshot) => !old.includes(snapshot)).at(-1)
  const horizon = Math.min(oldest?.began ?? Infinity, agreed - snapshotLifeMs) - clocksMs
  const needless: string[] = []
  for await (const { key, modifiedAt } of bucket.list(objects.tombstones))
    if (modifiedAt < horizon) needless.push(key)
  if (needless.length === 0) return
  // Before the first one goes: a snapshot from before that moment would undo what they say.
  await putJson(bucket, objects.horizon, { since: horizon })
  for (const key of needless) await bucket.removeAll(key)
}
