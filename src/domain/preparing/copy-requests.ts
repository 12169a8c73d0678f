import type { MetadataPolicy } from '../../media/types.ts'
import type { Ports } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { itemsOf } from '../items/item.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { albumSchema, itemSchema, linkSchema, type CopyPolicy, type Item } from '../records/records.ts'
import { enqueue, note, toPrepare } from '../records/store/outbox.ts'

/** The copy for the default policy comes with preparing itself; others only for links that were there when it began. */
const lacks = (item: Item, policy: CopyPolicy): boolean =>
  (item.state === 'ready' || (policy !== 'no-location' && item.state !== 'failed')) &&
  (item.copies[policy] === undefined || (item.motion !== null && item.motion.copies[policy] === undefined))

/**
 * Finds the items of `albums` that have no copy for a policy yet, and notes that they wait for one: before the link
 * that wants it is recorded, so that a crash loses none. `queueCopies` follows once the link is there: where an item
 * is being prepared at that moment, the job runs once more after it.
 */
export async function noteMissingCopies(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  albums: readonly string[],
  policy: MetadataPolicy,
): Promise<readonly Item[]> {
  if (policy === 'everything') return []
  const items = new Map<string, Item>()
  const albumKeys = albums.map((album) => keys.album(owner, album))
  for (const album of await readRecordsThere(store, albumSchema, albumKeys))
    for (const item of await itemsOf(store, album)) if (lacks(item, policy)) items.set(item.id, item)
  return noteWaiting({ store, clock }, [...items.values()])
}

/** The same for items that come into an album: the copies that its links want of them. */
export async function noteMissingItemCopies(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  album: string,
  wanted: readonly string[],
): Promise<readonly Item[]> {
  const [members] = await store.read([ranks(keys.albumLinks(owner, album))])
  const linkKeys = members.map(({ member }) => keys.link(owner, member))
  const links = await readRecordsThere(store, linkSchema, linkKeys)
  const asksForNone = links.some(({ metadata, dueAt }) => metadata === 'none' && clock.now() < dueAt)
  if (!asksForNone) return []
  const itemKeys = [...new Set(wanted)].map((id) => keys.item(owner, id))
  const items = await readRecordsThere(store, itemSchema, itemKeys)
  return noteWaiting(
    { store, clock },
    items.filter((item) => lacks(item, 'none')),
  )
}

async function noteWaiting(
  ports: Pick<Ports, 'store' | 'clock'>,
  items: readonly Item[],
): Promise<readonly Item[]> {
  await note(ports, items.map(toPrepare))
  return items
}

/** Queues items that wait for a copy. */
export const enqueueCopies = (ports: Pick<Ports, 'queue' | 'log'>, items: readonly Item[]): Promise<void> =>
  enqueue(ports, items.map(toPrepare))
