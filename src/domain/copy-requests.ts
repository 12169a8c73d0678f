import type { MetadataPolicy } from '../media/types.ts'
import type { Ports } from '../ports.ts'
import { ranks, value } from '../ports.ts'
import { itemsOf } from './item.ts'
import { keys } from './keys.ts'
import { albumSchema, itemSchema, linkSchema, parseRecord, type CopyPolicy, type Item } from './records.ts'

/** The copy for the default policy comes with preparing itself; others only for links that were there when it began. */
const lacks = (item: Item, policy: CopyPolicy): boolean =>
  (item.state === 'ready' || (policy !== 'no-location' && item.state !== 'failed')) &&
  (item.copies[policy] === undefined || (item.motion !== null && item.motion.copies[policy] === undefined))

/**
 * Finds the items of `albums` that have no copy for a policy yet, and notes that they wait for one: before the link
 * that wants it is recorded, so that a crash loses none. `queueCopies` follows once the link is there: where an item
 * is being prepared at that moment, the job runs once more after it.
 */
export async function expectCopies(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  albums: readonly string[],
  policy: MetadataPolicy,
): Promise<Item[]> {
  if (policy === 'everything') return []
  const raw = await store.read(albums.map((album) => value(keys.album(owner, album))))
  const items = new Map<string, Item>()
  for (const album of raw.flatMap((text) => parseRecord(albumSchema, text) ?? []))
    for (const item of await itemsOf(store, album)) if (lacks(item, policy)) items.set(item.id, item)
  return noteWaiting({ store, clock }, [...items.values()])
}

/** The same for items that come into an album: the copies that its links want of them. */
export async function expectItemCopies(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  album: string,
  wanted: readonly string[],
): Promise<Item[]> {
  const [members] = await store.read([ranks(keys.albumLinks(owner, album))])
  const rawLinks = await store.read(members.map(({ member }) => value(keys.link(owner, member))))
  const asksForNone = rawLinks.some((text) => {
    const link = parseRecord(linkSchema, text)
    return link?.metadata === 'none' && clock.now() < link.dueAt
  })
  if (!asksForNone) return []
  const raw = await store.read([...new Set(wanted)].map((id) => value(keys.item(owner, id))))
  const items = raw.flatMap((text) => parseRecord(itemSchema, text) ?? [])
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
export async function queueCopies(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  items: readonly Item[],
): Promise<void> {
  try {
    for (const { owner, id } of items) await queue.add({ kind: 'prepare', owner, item: id })
  } catch (error) {
    log.warn({ err: error }, 'copies not queued; the sweep will')
  }
}
