import type { Ports, Store } from '../../ports.ts'
import { checkAlbumSize, expectAlbum, newAlbum, writeAlbum } from '../albums/album.ts'
import { readCatalog, type CatalogEntry } from '../items/library-index.ts'
import { changeOwner, rank, type Changing } from '../records/store/change.ts'
import { notFound } from '../records/errors.ts'
import { orderOf } from '../items/item.ts'
import { keys } from '../records/keys.ts'
import { inOrder, wallTime, type Group, type GroupKind } from './group.ts'
import { moments } from './moments.ts'
import { folders, months, regions } from './trees.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { itemSchema, type Album, type Item } from '../records/records.ts'

export { groupKinds, type Group, type GroupKind, type GroupTitle } from './group.ts'

/** Groups a library by one kind. 10,000 items take some 50 ms. */
export function groupLibrary(entries: readonly CatalogEntry[], kind: GroupKind): Group[] {
  const timed = inOrder(entries)
  const ordered = timed.map(({ entry }) => entry)
  switch (kind) {
    case 'moment':
      return moments(timed)
    case 'month':
      return months(timed)
    case 'region':
      return regions(ordered)
    case 'folder':
      return folders(ordered)
  }
}

/** The group of that key, wherever it stands; null where there is none. */
export function findGroup(groups: readonly Group[], key: string): Group | null {
  for (const group of groups) {
    const found = group.key === key ? group : findGroup(group.children, key)
    if (found) return found
  }
  return null
}

/** One page of an owner's library: `limit` groups from `from` (with all that stands below them), and how many there are. */
export async function readLibrary(
  store: Store,
  owner: string,
  kind: GroupKind,
  page: { from: number; limit: number },
): Promise<{ groups: Group[]; total: number; items: number }> {
  const entries = await readCatalog(store, owner)
  const groups = groupLibrary(entries, kind)
  return {
    groups: groups.slice(page.from, page.from + page.limit),
    total: groups.length,
    items: entries.length,
  }
}

/** One group of an owner's library. Throws Refused('unknown') where there is none of that key. */
export async function readGroup(store: Store, owner: string, kind: GroupKind, key: string): Promise<Group> {
  const group = findGroup(groupLibrary(await readCatalog(store, owner), kind), key)
  if (!group) throw notFound('group')
  return group
}

/** The records of items by their ids, in that order; those that are gone are left out. */
export async function readItems(store: Store, owner: string, ids: readonly string[]): Promise<Item[]> {
  return readRecordsThere(
    store,
    itemSchema,
    ids.map((id) => keys.item(owner, id)),
  )
}

/**
 * Makes an album of its kind from a group's items as they are at that moment; no byte is copied, for items stand in
 * any number of albums. Its first link has a day to come. `titleOf` puts the group's title into words,
 * for everybody and for those who are told no places.
 *
 * Throws Refused (`unknown` where the group is gone, `too-many-items`).
 */
export async function shareGroup(
  ports: Pick<Ports, 'store' | 'clock' | 'limits'>,
  owner: string,
  input: {
    kind: GroupKind
    key: string
    /** As visitors see it. */
    sender: string
    titleOf: (group: Group) => Pick<Album, 'title' | 'titleWithoutPlace' | 'isTitleDate'>
  },
): Promise<Album> {
  const { store, clock, limits } = ports
  const { kind, key, sender, titleOf } = input
  const blank = { ...newAlbum(clock.now(), owner, { title: '', description: '', sender }), kind }
  await expectAlbum(store, blank)
  // The owner's version guards what there is: an item that is deleted meanwhile makes this run anew.
  return changeOwner(store, owner, async (changing) => {
    const entries = await readCatalog(changing, owner)
    const group = findGroup(groupLibrary(entries, kind), key)
    if (!group) throw notFound('group')
    checkAlbumSize(limits.maxAlbumItems, 0, group.ids.length)
    const album: Album = { ...blank, ...titleOf(group) }
    writeAlbum(changing, album)
    changing.write(
      ...(await ordersOf(changing, owner, entries, group.ids)).flatMap(([id, order]) => [
        rank(keys.albumItems(owner, album.id), id, order),
        rank(keys.itemAlbums(owner, id), album.id, 0),
      ]),
    )
    return album
  })
}

/** Where items stand in an album by date. */
async function ordersOf(
  changing: Changing,
  owner: string,
  entries: readonly CatalogEntry[],
  ids: readonly string[],
): Promise<[id: string, order: number][]> {
  const times = new Map(entries.map((entry) => [entry.id, wallTime(entry)]))
  // What has no date may be getting one at this moment, which changes its record but not the owner's version.
  const undated = ids.filter((id) => times.get(id) === null)
  const items = await changing.records(
    itemSchema,
    undated.map((id) => keys.item(owner, id)),
  )
  for (const item of items) if (item) times.set(item.id, orderOf(item))
  return ids.flatMap((id): [string, number][] => {
    const at = times.get(id) ?? null
    return at === null ? [] : [[id, at]]
  })
}
