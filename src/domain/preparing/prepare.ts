import type { Ports, Store } from '../../ports.ts'
import { ranks, value } from '../../ports.ts'
import { enqueueBundles } from './bundle.ts'
import { changeOwner, rank, set } from '../records/store/change.ts'
import { done, enqueue, note, toPrepare } from '../records/store/outbox.ts'
import { slowText, waitingText } from '../items/failure.ts'
import { expectCheck } from '../records/first-check.ts'
import { itemWrites } from '../items/item-writes.ts'
import { orderOf, updateItem } from '../items/item.ts'
import { keys, objects } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { albumSchema, itemSchema, linkSchema, type CopyPolicy, type Item } from '../records/records.ts'
import { asSlow, countRun, isSlow } from './trouble.ts'

/** What the sender's page hears about an item, over the owner's channel. */
export interface ItemNews {
  readonly item: string
  readonly name: string
  readonly state: Item['state']
  readonly reason: string | null
  /** How far a video is on its way to play in every browser, 0 to 1; only while that is under way. */
  readonly converted?: number
}

export const ownerChannel = (owner: string): string => `owner:${owner}`

/**
 * Notes that items wait to be prepared, before they are recorded: whatever crashes after this, the sweep finds
 * them. A note without an item costs the sweep one look.
 */
export async function notePreparing(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  items: readonly Item[],
): Promise<void> {
  await Promise.all([
    note({ store, clock }, items.map(toPrepare)),
    ...items.map(({ owner, id }) =>
      store.commit({ writes: [{ kind: 'set', key: keys.prefixOwner(objects.ofItem(id)), value: owner }] }),
    ),
  ])
}

/**
 * Queues recorded items and tells the owner's pages. A failing queue loses nothing: the upload is
 * safe and the sweep queues it again: it is logged, not thrown.
 */
export async function enqueuePreparing(
  ports: Pick<Ports, 'queue' | 'events' | 'log'>,
  items: readonly Item[],
): Promise<void> {
  for (const item of items) {
    await enqueue(ports, [toPrepare(item)])
    await tellOwner(ports, item)
  }
}

/** Tells the owner's open pages where an item stands. Best effort: they can ask for the truth at any time. */
export async function tellOwner(
  { events, log }: Pick<Ports, 'events' | 'log'>,
  item: Item,
  progress: Pick<ItemNews, 'converted'> = {},
): Promise<void> {
  const { id, name, state, reason } = item
  const news: ItemNews = { item: id, name, state, reason, ...progress }
  try {
    await events.publish(ownerChannel(item.owner), JSON.stringify(news))
  } catch (error) {
    log.warn({ err: error, item: item.id }, 'news not published')
  }
}

/**
 * Begins to prepare an item and counts the run. Returns its record, or null if it is gone or has failed.
 * One that is `ready` stays so: it may only lack a copy for a new link.
 */
export async function beginPreparing(
  ports: Pick<Ports, 'store' | 'events' | 'clock' | 'log'>,
  owner: string,
  id: string,
): Promise<Item | null> {
  const item = await updateItem(ports.store, owner, id, (found) => {
    if (found.state === 'failed') return found
    const counted = countRun(found, 'prepare')
    if (found.state === 'ready') return counted
    return { ...counted, state: 'preparing', reason: isSlow(found, 'prepare') ? slowText : null }
  })
  if (!item || item.state === 'failed') return null
  if (isSlow(item, 'prepare')) await note(ports, [toPrepare(item)], slowLostAfterMs)
  if (item.state === 'preparing') await tellOwner(ports, item)
  return item
}

/** How long the sweep leaves a slow item alone, in milliseconds: it may wait, and then run, for minutes. */
const slowLostAfterMs = 15 * 60_000

/** Leaves an item that takes long to the jobs that nothing else waits behind. That is no failure of its file. */
export async function prepareSlowly(
  ports: Pick<Ports, 'store' | 'queue' | 'events' | 'clock' | 'log'>,
  { owner, id }: Pick<Item, 'owner' | 'id'>,
): Promise<void> {
  const item = await updateItem(ports.store, owner, id, (found) => {
    if (found.state === 'failed') return found
    const slow = asSlow(found, 'prepare')
    return found.state === 'ready' ? slow : { ...slow, state: 'preparing', reason: slowText }
  })
  if (!item || item.state === 'failed') return
  await note(ports, [toPrepare(item)], slowLostAfterMs)
  await ports.queue.add({ kind: 'prepare-slow', owner, item: id })
  if (item.state === 'preparing') await tellOwner(ports, item)
}

/** The copies that an item must have: for the default policy always, for others where a link asks for them. */
export async function wantedCopies(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { owner, id }: Pick<Item, 'owner' | 'id'>,
): Promise<CopyPolicy[]> {
  const [albums] = await store.read([ranks(keys.itemAlbums(owner, id))])
  const members = await store.read(albums.map(({ member }) => ranks(keys.albumLinks(owner, member))))
  const links = new Set(members.flatMap((ranked) => ranked.map(({ member }) => member)))
  const linkKeys = [...links].map((link) => keys.link(owner, link))
  const now = clock.now()
  const asksForNone = (await readRecordsThere(store, linkSchema, linkKeys)).some(
    ({ metadata, dueAt }) => metadata === 'none' && now < dueAt,
  )
  return asksForNone ? ['no-location', 'none'] : ['no-location']
}

/**
 * Records what preparing an item came to, and what follows from it in its albums: its place by date, and a new
 * version, since visitors see something else. Returns the new record, or null when the item is gone: whatever
 * was written for it must then go too.
 */
export async function recordPrepared(
  ports: Pick<Ports, 'store' | 'events' | 'log'>,
  owner: string,
  id: string,
  change: (item: Item) => Item,
): Promise<Item | null> {
  const item = await recordInAlbums(ports.store, owner, id, change)
  if (item) await tellOwner(ports, item)
  return item
}

async function recordInAlbums(
  store: Store,
  owner: string,
  id: string,
  change: (item: Item) => Item,
): Promise<Item | null> {
  return changeOwner(
    store,
    owner,
    async (changing) => {
      const [version, memberships] = await changing.read([
        value(keys.version(owner)),
        ranks(keys.itemAlbums(owner, id)),
      ])
      // Nobody may take the item out of an album meanwhile, or it would be ranked in again. Nothing that
      // belongs to something changes here, so that the version itself stays and items do not wait for each other.
      changing.expect(keys.version(owner), version)
      const found = await changing.record(itemSchema, keys.item(owner, id))
      if (!found) return null
      const item = change(found)
      changing.write(...itemWrites(item))
      const albums = await changing.records(
        albumSchema,
        memberships.map(({ member }) => keys.album(owner, member)),
      )
      for (const album of albums) {
        if (!album) continue
        changing.write(set(keys.album(owner, album.id), { ...album, version: album.version + 1 }))
        if (album.order === 'date')
          changing.write(rank(keys.albumItems(owner, album.id), item.id, orderOf(item)))
      }
      return item
    },
    { structure: false },
  )
}

/** Deletes what was written for an item after it had been removed, by a job that was at it. */
export async function removeIfGone(
  { store, bucket }: Pick<Ports, 'store' | 'bucket'>,
  { owner, id }: Pick<Item, 'owner' | 'id'>,
): Promise<void> {
  const [record] = await store.read([value(keys.item(owner, id))])
  if (record === null) await bucket.removeAll(`${objects.ofItem(id)}/`)
}

/** Notes that an item needs no more preparing, which is also true of one that is gone. */
export async function markPrepared(
  ports: Pick<Ports, 'store' | 'queue' | 'log' | 'clock'>,
  owner: string,
  item: string,
): Promise<void> {
  await expectCheck(ports, objects.ofItem(item))
  await done(ports, toPrepare({ owner, id: item }))
  await askForBundlesOf(ports, owner, item)
}

/** Lets an item wait for its next try, which the sweep sees to. Its albums do not wait for it meanwhile. */
export async function markWaiting(
  ports: Pick<Ports, 'store' | 'queue' | 'events' | 'clock' | 'log'>,
  { owner, id }: Pick<Item, 'owner' | 'id'>,
  waitMs: number,
): Promise<void> {
  const item = await updateItem(ports.store, owner, id, (found) =>
    found.state === 'preparing' ? { ...found, state: 'waiting', reason: waitingText } : found,
  )
  if (!item) return
  await note(ports, [toPrepare({ owner, id })], waitMs)
  if (item.state === 'waiting') await tellOwner(ports, item)
  await askForBundlesOf(ports, owner, id)
}

async function askForBundlesOf(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'log'>,
  owner: string,
  item: string,
): Promise<void> {
  const [albums] = await ports.store.read([ranks(keys.itemAlbums(owner, item))])
  await enqueueBundles(
    ports,
    owner,
    albums.map(({ member }) => member),
  )
}
