import type { Ports, Store } from '../ports.ts'
import { value } from '../ports.ts'
import { remove } from './change.ts'
import { Refused } from './errors.ts'
import { keys } from './keys.ts'
import { linkState } from './link.ts'
import { readRecord } from './read-records.ts'
import { entranceSchema, linkSchema, parseRecord, recordText, type Entrance, type Link } from './records.ts'

/** What a secret leads to, and which secret. */
type Way = Pick<Link, 'owner' | 'id' | 'secretHash'>

/**
 * Makes the secret lead to the link, before the link is recorded: until then, and if that never comes to be, the
 * gate finds no link behind it. The secret of a link that has ended may be taken anew by the same owner; by others
 * only once its mark is gone, or they could show their own pictures to its recipients. Throws
 * Refused('secret-taken').
 */
export async function openEntrance(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  link: Way,
): Promise<void> {
  const key = keys.entrance(link.secretHash)
  const way: Entrance = { owner: link.owner, link: link.id }
  const [there] = await store.read([value(key)])
  const entrance = parseRecord(entranceSchema, key, there)
  if (entrance?.owner === way.owner && entrance.link === way.link) return
  if (there !== null && !(await isLeft(store, clock.now(), link, entrance))) throw secretTaken()
  const outcome = await store.commit({
    expect: [{ key, value: there }],
    writes: [{ kind: 'set', key, value: recordText(way) }],
  })
  if (outcome !== 'done') throw secretTaken()
}

const secretTaken = () => new Refused('secret-taken', 'This name is taken. Choose another.')

/** Whether an entrance leads to an ended link of the same owner, or to one that goes by another secret by now. */
async function isLeft(store: Store, now: number, way: Way, entrance: Entrance | null): Promise<boolean> {
  const { owner, id, secretHash } = way
  // Where it leads cannot be read: it was this link's where the link's own record says so.
  if (entrance === null)
    return (await readRecord(store, linkSchema, keys.link(owner, id)))?.secretHash === secretHash
  if (entrance.owner !== owner) return false
  const link = await readRecord(store, linkSchema, keys.link(owner, entrance.link))
  return link !== null && (link.secretHash !== secretHash || linkState(link, now) !== 'open')
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
