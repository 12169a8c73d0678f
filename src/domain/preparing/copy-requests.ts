import type { MetadataPolicy } from '../../media/types.ts'
import type { Ports } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { itemsOf } from '../items/item.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { albumSchema, itemSchema, linkSchema, type CopyPolicy, type Item } from '../records/records.ts'

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
): Promise<Item[]> {
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
): Promise<Item[]> {
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

async function noteWaiting({ store, clock }: Pick<Ports, 'store' | 'clock'>, items: Item[]): Promise<Item[]> {
  if (items.length > 0)
    await store.commit({
      writes: items.map(({ owner, id }) => ({
        kind: 'rank',
        key: keys.unprepared,
        member: `${owner}/${id}`,
        score: clock.now(),
      })),
    })
  return items
}

/** Queues items that wait for a copy. A queue that fails loses nothing: the sweep queues them again. */
export async function enqueueCopies(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  items: readonly Item[],
): Promise<void> {
  try {
    for (const { owner, id } of items) await queue.add({ kind: 'prepare', owner, item: id })
  } catch (error) {
    log.warn({ err: error }, 'copies not queued; the sweep will')
  }
}
