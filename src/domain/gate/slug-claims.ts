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

/** What a secret leads to, and which secret. */
type Way = Pick<Link, 'owner' | 'id' | 'secretHash'>

/** How long an entrance that leads to no link keeps its secret from others, in milliseconds: its link may be about to come. */
const openingMs = 60_000
/** How long a link may take to be recorded once its entrance was opened, in milliseconds. */
const claimMs = 10 * 60_000

/**
 * Makes the secret lead to the link, before the link is recorded: until then, and if that never comes to be, the
 * gate finds no link behind it. The link's own commit must `expectClaim`, and `settleEntrance` follows.
 *
 * An entrance behind which no link was recorded (the store failed in between, or the process died) may be taken anew by
 * the same owner at once, by others after a minute, and the sweep closes it. The secret of a link that has ended may be taken
 * anew by the same owner; by others only once its mark is gone, or they could show their own pictures to its
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

/** Lets the link be recorded only while its entrance is its own. Throws Refused('secret-taken'). */
export async function expectClaim(changing: Changing, { owner, id, secretHash }: Way): Promise<void> {
  const key = keys.linkClaim(owner, id)
  const [claim] = await changing.read([value(key)])
  if (claim !== secretHash) throw secretTaken()
  changing.expect(key, claim)
  changing.write(remove(key))
}

/** The link is recorded: nothing is left to be closed. Best effort, for the sweep finds that out as well. */
export async function settleEntrance({ store, log }: Pick<Ports, 'store' | 'log'>, link: Way): Promise<void> {
  try {
    await store.commit({ writes: [unrank(keys.opening, memberOf(link))] })
  } catch (error) {
    log.warn({ err: error, link: link.id }, 'an entrance stays noted as opening; the sweep will see to it')
  }
}

/** Closes entrances that were opened a while ago for links that were never recorded. */
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

/** Keeps a link that may be about to be recorded from it. Answers false when it has changed meanwhile. */
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

/** Whether nobody needs an entrance any more, so that `way` may have it. */
async function isLeft(store: Store, now: number, way: Way, entrance: Entrance | null): Promise<boolean> {
  const { owner, id, secretHash } = way
  // Where it leads cannot be read: it was this link's where the link's own record says so.
  if (entrance === null)
    return (await readRecord(store, linkSchema, keys.link(owner, id)))?.secretHash === secretHash
  const key = keys.link(entrance.owner, entrance.link)
  const [raw] = await store.read([value(key)])
  const link = parseRecord(linkSchema, key, raw)
  if (raw !== null && link === null) return false
  const isOwn = entrance.owner === owner
  if (link?.secretHash === secretHash) return isOwn && linkState(link, now) !== 'open'
  // No link goes by it. One may be about to: then that one is refused, and not both recorded.
  const isOld = Math.abs(now - entrance.openedAt) >= openingMs
  return (isOwn || isOld) && giveUpClaim(store, entrance, raw)
}

/** Takes a secret's way to a link away, unless it leads to another one by now. */
export async function closeEntrance(
  { store }: Pick<Ports, 'store'>,
  { owner, id, secretHash }: Way,
): Promise<void> {
  const key = keys.entrance(secretHash)
  const [there] = await store.read([value(key)])
  if (there === null) return
  const entrance = parseRecord(entranceSchema, key, there)
  // One that cannot be read was this link's, whose secret it is.
  if (entrance && (entrance.owner !== owner || entrance.link !== id)) return
  await store.commit({ expect: [{ key, value: there }], writes: [remove(key)] })
}
