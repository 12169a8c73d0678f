import { fittingName } from '../../media/names/fitting-name.ts'
import type { Facts, FirstLook } from '../../media/types.ts'
import type { Clock, Store } from '../../ports.ts'
import { ranks, size } from '../../ports.ts'
import { changeOwner, rank, type Changing } from '../records/store/change.ts'
import { notFound } from '../records/errors.ts'
import { itemWrites } from './item-writes.ts'
import { keys } from '../records/keys.ts'
import { itemSchema, type Album, type Item } from '../records/records.ts'
import { itemsOrStandIns } from '../records/stand-ins.ts'

/** Facts of which nothing is known. */
export const unknownFacts: Facts = {
  width: null,
  height: null,
  orientation: 1,
  capturedAt: null,
  camera: null,
  lens: null,
  exposureTime: null,
  aperture: null,
  iso: null,
  focalLength: null,
  duration: null,
  frameRate: null,
  codec: null,
  coordinates: null,
  contentIdentifier: null,
  animated: false,
  embeddedMotion: false,
}

/** The record of a file that came in, before anything but its bytes and type is known. */
export function newItem(clock: Clock, owner: string, { firstLook, ...received }: Received): Item {
  return {
    createdAt: clock.now(),
    ...received,
    // Programs open a file by its name, whatever it contains: a picture may also be a page.
    name: fittingName(received.name, received.type),
    owner,
    state: 'uploaded',
    reason: null,
    isPrivate: false,
    motion: null,
    facts: firstLook && { ...unknownFacts, ...firstLook },
    place: null,
    thumbhash: null,
    color: null,
    damaged: false,
    renditions: {},
    copies: {},
    troubles: {},
  }
}

/**
 * The position of an item in an album that is ordered by date: the capture date as wall time, so that a day's
 * pictures stay together whatever the zone; the upload's time where there is none.
 */
export function orderOf(item: Item): number {
  const local = item.facts?.capturedAt?.local
  const captured = local ? Date.parse(`${local}Z`) : NaN
  return Number.isNaN(captured) ? item.createdAt : captured
}

/** Records items that came in and puts them into `album`. The album's record must be written by the caller. */
export function writeItems(changing: Changing, album: Album, items: readonly Item[], from: number): void {
  items.forEach((item, index) => {
    const order = album.order === 'hand' ? from + index : orderOf(item)
    changing.write(
      ...itemWrites(item),
      rank(keys.items(item.owner), item.id, item.createdAt),
      rank(keys.albumItems(item.owner, album.id), item.id, order),
      rank(keys.itemAlbums(item.owner, item.id), album.id, 0),
    )
  })
}

/** An owner's item. Throws Refused('unknown'), also for another owner's. */
export async function ownItem(store: Store, owner: string, id: string): Promise<Item> {
  const [item] = await itemsOrStandIns(store, owner, [id])
  if (!item) throw notFound('item')
  return item
}

const readAtOnce = 500

/**
 * The items of an album in its order; `to` is inclusive, -1 is the last. One whose record cannot be read stands there as
 * failed.
 */
export async function itemsOf(store: Store, album: Album, from = 0, to = -1): Promise<Item[]> {
  const [ids] = await store.read([ranks(keys.albumItems(album.owner, album.id), from, to)])
  const items: Item[] = []
  // In pieces: the texts of a large album all at once would take a hundred megabytes, and keep others waiting.
  for (let at = 0; at < ids.length; at += readAtOnce) {
    const part = ids.slice(at, at + readAtOnce).map(({ member }) => member)
    items.push(...(await itemsOrStandIns(store, album.owner, part)))
  }
  return items
}

/** An owner's items, newest first: `limit` of them from `from`, and how many there are. */
export async function listItems(
  store: Store,
  owner: string,
  page: { from: number; limit: number },
): Promise<{ items: Item[]; total: number }> {
  const [ids, total] = await store.read([
    ranks(keys.items(owner), page.from, page.from + page.limit - 1, true),
    size(keys.items(owner)),
  ])
  const items = await itemsOrStandIns(
    store,
    owner,
    ids.map(({ member }) => member),
  )
  return { items, total }
}

/** For each of an owner's items, the albums that contain it. */
export async function albumsOfItems(
  store: Store,
  owner: string,
  items: readonly Pick<Item, 'id'>[],
): Promise<string[][]> {
  const memberships = await store.read(items.map(({ id }) => ranks(keys.itemAlbums(owner, id))))
  return memberships.map((ranked) => ranked.map(({ member }) => member))
}

/**
 * Changes one item's record by `change`, which runs again when another writer was quicker. Returns the new
 * record, or null when the item is gone.
 */
export async function updateItem(
  store: Store,
  owner: string,
  id: string,
  change: (item: Item) => Item,
): Promise<Item | null> {
  return changeOwner(
    store,
    owner,
    async (changing) => {
      const item = await changing.record(itemSchema, keys.item(owner, id))
      if (!item) return null
      const changed = change(item)
      changing.write(...itemWrites(changed))
      return changed
    },
    { structure: false },
  )
}

/** The ids of an album's items, in its order. */
export async function itemIdsOf(store: Store, album: Pick<Album, 'owner' | 'id'>): Promise<string[]> {
  const [ids] = await store.read([ranks(keys.albumItems(album.owner, album.id))])
  return ids.map(({ member }) => member)
}

/** A file that came in: its bytes are in the bucket, its item is not recorded yet. */
export interface Received extends Pick<Item, 'id' | 'name' | 'folder' | 'type' | 'original'> {
  /** What the first bytes told, to order the item before it is prepared. */
  readonly firstLook: FirstLook | null
  /** When sending began, if before now. Items without a capture date are ordered by it. */
  readonly createdAt?: number
}
