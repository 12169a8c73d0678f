import type { Ports } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { albumToChange, itemsToChange } from './album-changes.ts'
import { enqueueBundles } from '../preparing/bundle.ts'
import { changeOwner, rank, set, unrank, type Changing } from '../records/store/change.ts'
import { atOnce, queueRemoval, wakeSweep } from '../records/store/deletion-schedule.ts'
import { countedBytes, dropItem } from '../removal/removal.ts'
import { notFound } from '../records/errors.ts'
import { announceShownLess } from '../gate/access-changes.ts'
import { itemWrites } from '../items/item-writes.ts'
import { keys } from '../records/keys.ts'
import { expectLasting } from '../records/store/durability.ts'
import { albumSchema, type Album } from '../records/records.ts'
import { isStandIn } from '../records/stand-ins.ts'
import { makeLasting, noteActs, type Act } from '../records/instance/tombstones.ts'

type ItemPorts = Pick<Ports, 'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log'>

/**
 * An album that visitors see less of from now on: neither its card nor its bundles may be shown any more, for they
 * may hold what was taken away. New ones are made.
 */
const withoutPictures = (album: Album): Album => ({
  ...album,
  version: album.version + 1,
  card: null,
  bundles: {},
})

/** The albums that hold any of `items`, by item and all of them once. */
async function albumsHolding(
  changing: Changing,
  owner: string,
  items: readonly string[],
): Promise<{ albums: Album[]; byItem: string[][] }> {
  const memberships = await changing.read(items.map((item) => ranks(keys.itemAlbums(owner, item))))
  const byItem = memberships.map((ranked) => ranked.map(({ member }) => member))
  const albums = await changing.records(
    albumSchema,
    [...new Set(byItem.flat())].map((album) => keys.album(owner, album)),
  )
  return { albums: albums.flatMap((album) => album ?? []), byItem }
}

/** Marks items private, so that no link shows them, or takes the mark away. Throws Refused('unknown') when one is not the owner's. */
export async function markPrivate(
  ports: ItemPorts,
  owner: string,
  ids: readonly string[],
  isPrivate: boolean,
): Promise<void> {
  if (!isPrivate) await expectLasting(ports.store)
  const changed = await changeOwner(ports.store, owner, async (changing) => {
    const items = await itemsToChange(changing, owner, [...new Set(ids)])
    const marked = items.filter((item) => item.isPrivate !== isPrivate && !isStandIn(item))
    const { albums } = await albumsHolding(
      changing,
      owner,
      marked.map(({ id }) => id),
    )
    changing.write(
      ...marked.flatMap((item) => itemWrites({ ...item, isPrivate })),
      ...(isPrivate
        ? noteActs(
            owner,
            marked.map(({ id }) => ({ kind: 'private', id, at: ports.clock.now() })),
          )
        : []),
      ...albums.map((album) => set(keys.album(owner, album.id), withoutPictures(album))),
    )
    return albums.map(({ id }) => id)
  })
  if (isPrivate) void announceShownLess(ports, owner, changed)
  await enqueueBundles(ports, owner, changed)
  await makeLasting(ports, owner, 'It is marked')
}

/**
 * Takes items out of an album. One that no other album holds is deleted. Throws Refused('unknown') when the album is
 * not the owner's, or an item not in it.
 */
export async function removeItems(
  ports: ItemPorts,
  owner: string,
  album: string,
  ids: readonly string[],
): Promise<void> {
  await wakeSweep(ports.store, owner, atOnce)
  await changeOwner(ports.store, owner, async (changing) => {
    const found = await albumToChange(changing, owner, album)
    const [members] = await changing.read([ranks(keys.albumItems(owner, album))])
    const left = new Set(members.map(({ member }) => member))
    const gone = [...new Set(ids)]
    for (const id of gone) if (!left.delete(id)) throw notFound('item')
    const items = await itemsToChange(changing, owner, gone)
    const { byItem } = await albumsHolding(changing, owner, gone)
    items.forEach((item, index) => {
      const isElsewhere = byItem[index]?.some((other) => other !== album) === true
      const act: Act = isElsewhere
        ? { kind: 'out', id: item.id, from: album, at: ports.clock.now() }
        : { kind: 'item', id: item.id, at: ports.clock.now() }
      changing.write(unrank(keys.albumItems(owner, album), item.id), ...noteActs(owner, [act]))
      if (isElsewhere) changing.write(unrank(keys.itemAlbums(owner, item.id), album))
      else dropItem(changing, item, countedBytes(item))
    })
    // By hand an item's place is its number: the next one that comes must stand behind the last.
    if (found.order === 'hand')
      [...left].forEach((id, index) => changing.write(rank(keys.albumItems(owner, album), id, index)))
    changing.write(
      set(keys.album(owner, album), { ...withoutPictures(found), cover: coverLeft(found, gone) }),
    )
  })
  void announceShownLess(ports, owner, [album])
  await enqueueBundles(ports, owner, [album])
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'It is taken out')
}

const coverLeft = ({ cover }: Album, gone: readonly string[]): string | null =>
  cover !== null && gone.includes(cover) ? null : cover

/** Deletes items from every album. Throws Refused('unknown') when one is not the owner's. */
export async function deleteItems(ports: ItemPorts, owner: string, ids: readonly string[]): Promise<void> {
  await wakeSweep(ports.store, owner, atOnce)
  const changed = await changeOwner(ports.store, owner, async (changing) => {
    const gone = [...new Set(ids)]
    const items = await itemsToChange(changing, owner, gone)
    const { albums, byItem } = await albumsHolding(changing, owner, gone)
    items.forEach((item, index) => {
      for (const album of byItem[index] ?? []) changing.write(unrank(keys.albumItems(owner, album), item.id))
      dropItem(changing, item, countedBytes(item))
    })
    changing.write(
      ...noteActs(
        owner,
        gone.map((id) => ({ kind: 'item', id, at: ports.clock.now() })),
      ),
      ...albums.map((album) =>
        set(keys.album(owner, album.id), { ...withoutPictures(album), cover: coverLeft(album, gone) }),
      ),
    )
    return albums.map(({ id }) => id)
  })
  void announceShownLess(ports, owner, changed)
  await enqueueBundles(ports, owner, changed)
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'It is deleted')
}
