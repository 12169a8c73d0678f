import type { Ports, Store } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { changeOwner, remove, set, type Changing } from '../records/store/change.ts'
import { Refused } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { networksOf } from '../records/limits/network.ts'
import type { KnownOwner } from './owner.ts'
import { linkSchema, ownerSchema } from '../records/records.ts'
import { seal, unseal } from '../records/seal.ts'
import { hashToken, randomOwnerKey } from '../records/tokens.ts'
import { countTry, type TryLimit } from '../records/limits/tries.ts'
import { noteActs, writeTombstones } from '../records/instance/tombstones.ts'
import { atOnce, wakeSweep } from '../records/store/deletion-schedule.ts'

/** Owner keys that one address may try: 256 bits are not guessed, but asking costs. */
const keysTried: TryLimit = { most: 30, windowSeconds: 60 }

/** Counts a try to enter an owner key. Throws Refused('too-many-requests'). */
export const countOwnerKey = (store: Pick<Store, 'hit'>, address: string): Promise<void> =>
  countTry(store, networksOf(address), keys.ownerKeysTried, keysTried)

/** Throws Refused('unauthorized') when `owner`'s key was rotated meanwhile: what it seals could not be opened. */
export async function expectKey(changing: Changing, owner: KnownOwner): Promise<void> {
  const record = await changing.record(ownerSchema, keys.owner(owner.id))
  if (record?.keyHash !== hashToken(owner.key))
    throw new Refused('unauthorized', 'This owner key is no longer valid.')
}

/**
 * Gives an owner a new key and shuts the old one out, in one transaction with all the secrets that are sealed under
 * it. A crash before it leaves the old key, one after it the new: whoever calls must have it to keep, so a call
 * whose answer was lost has lost the key too, and the caller's cookie is set by the same answer.
 */
export async function rotateKey(
  ports: Pick<Ports, 'store' | 'bucket' | 'clock' | 'log'>,
  owner: KnownOwner,
): Promise<KnownOwner> {
  const { store, clock, log } = ports
  const next: KnownOwner = { id: owner.id, key: randomOwnerKey() }
  const keyHash = hashToken(next.key)
  // Opens nothing before the record says so: see findOwner.
  await store.commit({ writes: [{ kind: 'set', key: keys.ownerByKey(keyHash), value: owner.id }] })
  await changeOwner(store, owner.id, async (changing) => {
    await expectKey(changing, owner)
    const record = await changing.record(ownerSchema, keys.owner(owner.id))
    const [members] = await changing.read([ranks(keys.links(owner.id))])
    const links = await changing.records(
      linkSchema,
      members.map(({ member }) => keys.link(owner.id, member)),
    )
    for (const link of links) {
      const secret = link && unseal(owner.key, link.sealedSecret)
      const label = link && unseal(owner.key, link.sealedLabel)
      if (link)
        changing.write(
          set(keys.link(owner.id, link.id), {
            ...link,
            ...(secret === null ? {} : { sealedSecret: seal(next.key, secret) }),
            ...(label === null ? {} : { sealedLabel: seal(next.key, label) }),
          }),
        )
    }
    changing.write(
      set(keys.owner(owner.id), { id: owner.id, keyHash, createdAt: record?.createdAt ?? clock.now() }),
      ...noteActs(owner.id, [{ kind: 'key', id: keyHash, at: clock.now() }]),
    )
  })
  try {
    await store.commit({ writes: [remove(keys.ownerByKey(hashToken(owner.key)))] })
  } catch (error) {
    // It opens nothing any more, and the new key must reach its owner now or never.
    log.warn({ err: error }, 'could not remove the entry of an old owner key')
  }
  try {
    await writeTombstones(ports, owner.id)
  } catch (error) {
    // The new key must reach its owner now or never; the outbox holds the note for the sweep.
    log.warn({ err: error }, 'could not write a tombstone; the sweep will retry')
    await wakeSweep(store, owner.id, atOnce).catch(() => {})
  }
  return next
}
