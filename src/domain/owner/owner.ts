import type { Clock, Store } from '../../ports.ts'
import { fields, size, value } from '../../ports.ts'
import { wakeSweep } from '../records/store/deletion-schedule.ts'
import { Refused, notFound } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { countOf, ownerSchema, parseRecord, recordText, type Owner } from '../records/records.ts'
import { hashToken, ownerKeyPattern, randomOwnerKey, randomToken } from '../records/tokens.ts'

/** An owner together with the key that was shown: what seals and unseals the owner's secrets. */
export interface KnownOwner {
  readonly id: string
  readonly key: string
}

/** Finds the owner of a key; null when there is none. */
export async function findOwner(store: Store, key: string): Promise<KnownOwner | null> {
  if (!ownerKeyPattern.test(key)) return null
  const [id] = await store.read([value(keys.ownerByKey(hashToken(key)))])
  if (id === null) return null
  // The record rules: after a rotation an old entry that was left behind opens nothing.
  const [raw] = await store.read([value(keys.owner(id))])
  const owner = parseRecord(ownerSchema, keys.owner(id), raw)
  if (owner) return owner.keyHash === hashToken(key) ? { id, key } : null
  if (raw === null) return null
  // A record that cannot be read must not keep its owner from stopping links. Who was let in by this entry alone may have
  // been shut out by a rotation only if both this record broke and the entry could not be removed then.
  const outcome = await store.commit({
    expect: [{ key: keys.owner(id), value: raw }],
    writes: [
      { kind: 'set', key: keys.owner(id), value: ownerText({ id, keyHash: hashToken(key), createdAt: 0 }) },
    ],
  })
  return outcome === 'done' ? { id, key } : null
}

const ownerText = (owner: Owner): string => recordText(owner)

/** A new owner that is not stored yet: `keepOwner` does that once there is something to own. */
export const newOwner = (): KnownOwner => ({ id: randomToken(), key: randomOwnerKey() })

/** How soon it is looked whether a new owner has anything, in milliseconds. */
const leftAfterMs = 3_600_000

/** Stores a new owner. Throws Refused(`conflict`) where one of this id is kept already. */
export async function keepOwner(ports: { store: Store; clock: Clock }, owner: KnownOwner): Promise<void> {
  const keyHash = hashToken(owner.key)
  const record: Owner = { id: owner.id, keyHash, createdAt: ports.clock.now() }
  // One whose share does not come to be is forgotten then.
  await wakeSweep(ports.store, owner.id, ports.clock.now() + leftAfterMs)
  const outcome = await ports.store.commit({
    expect: [{ key: keys.owner(owner.id), value: null }],
    writes: [{ kind: 'set', key: keys.owner(owner.id), value: ownerText(record) }],
  })
  if (outcome !== 'done') throw new Refused('conflict', 'This owner exists already.')
  await ports.store.commit({ writes: [{ kind: 'set', key: keys.ownerByKey(keyHash), value: owner.id }] })
}

/** What an owner has: bytes that count against the quota, and how many records. Throws Refused('unknown'). */
export async function ownerFigures(
  store: Store,
  owner: string,
): Promise<{ createdAt: number; bytes: number; items: number; albums: number; links: number }> {
  const [raw, usage, items, albums, links] = await store.read([
    value(keys.owner(owner)),
    fields(keys.usage(owner)),
    size(keys.items(owner)),
    size(keys.albums(owner)),
    size(keys.links(owner)),
  ])
  const record = parseRecord(ownerSchema, keys.owner(owner), raw)
  if (!record) throw notFound('owner')
  return { createdAt: record.createdAt, bytes: countOf(usage['bytes']), items, albums, links }
}
