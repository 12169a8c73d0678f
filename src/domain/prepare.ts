import type { Ports } from '../ports.ts'
import { keys, objects } from './keys.ts'
import type { Item } from './records.ts'

/** What the sender's page hears about an item, over the owner's channel. */
export interface ItemNews {
  readonly item: string
  readonly name: string
  readonly state: Item['state']
  readonly reason: string | null
}

export const ownerChannel = (owner: string): string => `owner:${owner}`

/**
 * Notes that items wait to be prepared, before they are recorded: whatever crashes after this, the sweep finds
 * them. A note without an item costs the sweep one look.
 */
export async function askToPrepare(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  items: readonly Item[],
): Promise<void> {
  if (items.length === 0) return
  const now = clock.now()
  await Promise.all([
    store.commit({
      writes: items.map(
        ({ owner, id }) =>
          ({ kind: 'rank', key: keys.unprepared, member: `${owner}/${id}`, score: now }) as const,
      ),
    }),
    ...items.map(({ owner, id }) =>
      store.commit({ writes: [{ kind: 'set', key: keys.prefixOwner(objects.ofItem(id)), value: owner }] }),
    ),
  ])
}

/**
 * Queues recorded items and tells the owner's pages. A queue that fails here loses nothing, for the upload is
 * safe and the sweep queues it again: it is logged, not thrown.
 */
export async function announce(
  ports: Pick<Ports, 'queue' | 'events' | 'log'>,
  items: readonly Item[],
): Promise<void> {
  for (const item of items) {
    try {
      await ports.queue.add({ kind: 'prepare', owner: item.owner, item: item.id })
    } catch (error) {
      ports.log.warn({ err: error, item: item.id }, 'not queued; the sweep will')
    }
    await tellOwner(ports, item)
  }
}

/** Tells the owner's open pages where an item stands. Best effort: they can ask for the truth at any time. */
export async function tellOwner({ events, log }: Pick<Ports, 'events' | 'log'>, item: Item): Promise<void> {
  const news: ItemNews = { item: item.id, name: item.name, state: item.state, reason: item.reason }
  try {
    await events.publish(ownerChannel(item.owner), JSON.stringify(news))
  } catch (error) {
    log.warn({ err: error, item: item.id }, 'news not published')
  }
}

/** Notes that an item needs no more preparing. */
export async function isPrepared(
  { store }: Pick<Ports, 'store'>,
  owner: string,
  item: string,
): Promise<void> {
  await store.commit({ writes: [{ kind: 'unrank', key: keys.unprepared, member: `${owner}/${item}` }] })
}
