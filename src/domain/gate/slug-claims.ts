import type { Ports, Store } from '../../ports.ts'
import { scores, value } from '../../ports.ts'
import { remove, unrank, type Changing } from '../records/store/change.ts'
import { Refused } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { expectLasting } from '../records/store/durability.ts'
import { linkState } from './authorize.ts'
import { readRecord } from '../records/read-records.ts'
import {
  entranceSchema,
  linkSchema,
  parseRecord,
  recordText,
  type Entrance,
  type Link,
} from '../records/records.ts'

/** A link and the hash of its secret. */
type Way = Pick<Link, 'owner' | 'id' | 'secretHash'>

/** How long an entrance without a link reserves its secret, in milliseconds: the link may be about to be recorded. */
const openingMs = 60_000
/** How long recording a link may take after its entrance was opened, in milliseconds. */
const claimMs = 10 * 60_000

/**
 * Makes the secret lead to the link before the link is recorded. Until it is recorded, the
 * gate finds no link there. The link's commit must call `expectClaim`; call `settleEntrance` afterwards.
 *
 * An entrance whose link was never recorded (the store failed, or the process died) can be claimed again by
 * the same owner at once and by others after a minute; the sweep closes it. The secret of an ended link can be claimed
 * again by its owner at once. Others can claim it only when its mark is gone, or they could show their own pictures to its
 * recipients. Throws Refused('secret-taken').
 */
export async function openEntrance(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  link: Way,
): Promise<void> {
  await expectLasting(store)
  const key = keys.entrance(link.secretHash)
  const now = clock.now()
  const claim = { key: keys.linkClaim(link.owner, link.id), value: link.secretHash }
  await Promise.all([
    store.commit({ writes: [{ kind: 'rank', key: keys.opening, member: memberOf(link), score: now }] }),
    store.commit({ writes: [{ kind: 'set', ...claim, expiresInMs: claimMs }] }),
  ])
  const [there] = await store.read([value(key)])
  const entrance = parseRecord(entranceSchema, key, there)
  if (entrance?.owner === link.owner && entrance.link === link.id) return
  if (there !== null && !(await isLeft(store, now, link, entrance))) throw secretTaken()
  const way: Entrance = { owner: link.owner, link: link.id, openedAt: now }
  const outcome = await store.commit({
    expect: [{ key, value: there }],
    writes: [{ kind: 'set', key, value: recordText(way) }],
  })
  if (outcome !== 'done') throw secretTaken()
}

const secretTaken = () => new Refused('secret-taken', 'This name is taken. Choose another.')

const memberOf = ({ owner, id, secretHash }: Way): string => `${owner}/${id}/${secretHash}`

/** Makes the commit fail if the entrance no longer belongs to this link. Throws Refused('secret-taken'). */
export async function expectClaim(changing: Changing, { owner, id, secretHash }: Way): Promise<void> {
  const key = keys.linkClaim(owner, id)
  const [claim] = await changing.read([value(key)])
  if (claim !== secretHash) throw secretTaken()
  changing.expect(key, claim)
  changing.write(remove(key))
}

/** Takes the note away that the entrance is being opened. Best effort: the sweep does it otherwise. */
export async function settleEntrance({ store, log }: Pick<Ports, 'store' | 'log'>, link: Way): Promise<void> {
  try {
    await store.commit({ writes: [unrank(keys.opening, memberOf(link))] })
  } catch (error) {
    log.warn({ err: error, link: link.id }, 'an entrance stays noted as opening; the sweep will see to it')
  }
}

/** Closes entrances that were opened some time ago for links that were never recorded. */
export async function closeLeftEntrances({ store, clock }: Pick<Ports, 'store' | 'clock'>): Promise<void> {
  const [opening] = await store.read([scores(keys.opening, 0, clock.now() - claimMs, 1000)])
  for (const { member } of opening) {
    const [owner = '', id = '', secretHash = ''] = member.split('/')
    const key = keys.link(owner, id)
    const [raw] = await store.read([value(key)])
    const isUsed =
      raw !== null && (parseRecord(linkSchema, key, raw)?.secretHash ?? secretHash) === secretHash
    if (!isUsed && (await giveUpClaim(store, { owner, link: id }, raw)))
      await closeEntrance({ store }, { owner, id, secretHash })
    await store.commit({ writes: [unrank(keys.opening, member)] })
  }
}

/** Prevents a link that may be about to be recorded from being recorded. Returns false if its record changed meanwhile. */
async function giveUpClaim(
  store: Store,
  { owner, link }: Pick<Entrance, 'owner' | 'link'>,
  record: string | null,
): Promise<boolean> {
  const outcome = await store.commit({
    expect: [{ key: keys.link(owner, link), value: record }],
    writes: [remove(keys.linkClaim(owner, link))],
  })
  return outcome === 'done'
}

/** Whether `way` may take over an entrance because nobody needs it any more. */
async function isLeft(store: Store, now: number, way: Way, entrance: Entrance | null): Promise<boolean> {
  const { owner, id, secretHash } = way
  // The entrance cannot be read. It belonged to this link if the link's record says so.
  if (entrance === null)
    return (await readRecord(store, linkSchema, keys.link(owner, id)))?.secretHash === secretHash
  const key = keys.link(entrance.owner, entrance.link)
  const [raw] = await store.read([value(key)])
  const link = parseRecord(linkSchema, key, raw)
  if (raw !== null && link === null) return false
  const isOwn = entrance.owner === owner
  if (link?.secretHash === secretHash) return isOwn && linkState(link, now) !== 'open'
  // No link uses it. If one is about to be recorded, that one is refused, so never both are.
  const isOld = Math.abs(now - entrance.openedAt) >= openingMs
  return (isOwn || isOld) && giveUpClaim(store, entrance, raw)
}

/** Removes the entrance of a secret, unless it leads to another link by now. */
export async function closeEntrance(
  { store }: Pick<Ports, 'store'>,
  { owner, id, secretHash }: Way,
): Promise<void> {
  const key = keys.entrance(secretHash)
  const [there] = await store.read([value(key)])
  if (there === null) return
  const entrance = parseRecord(entranceSchema, key, there)
  // An entrance that cannot be read belonged to the link that has this secret.
  if (entrance && (entrance.owner !== owner || entrance.link !== id)) return
  await store.commit({ expect: [{ key, value: there }], writes: [remove(key)] })
}
