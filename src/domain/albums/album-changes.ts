import type { Ports } from '../../ports.ts'
import { ranks, score, size } from '../../ports.ts'
import { checkAlbumSize, expectAlbum, newAlbum, ownAlbum, writeAlbum, type AlbumWish } from './album.ts'
import { enqueueBundles } from '../preparing/bundle.ts'
import { changeOwner, rank, set, unrank, type Changing } from '../records/store/change.ts'
import { atOnce, queueRemoval, wakeSweep } from '../records/store/deletion-schedule.ts'
import { deleteUnreached } from '../removal/removal.ts'
import { Refused, notFound } from '../records/errors.ts'
import { announceNarrowed } from '../gate/access-changes.ts'
import { orderOf } from '../items/item.ts'
import { keys } from '../records/keys.ts'
import { expectLasting } from '../records/store/durability.ts'
import { linkState } from '../gate/authorize.ts'
import { albumSchema, linkSchema, type Album, type Item, type Link } from '../records/records.ts'
import { itemsOrStandIns, linksOrStandIns } from '../records/stand-ins.ts'
import { noteMissingItemCopies, enqueueCopies } from '../preparing/copy-requests.ts'
import { makeLasting, noteActs } from '../records/instance/tombstones.ts'

type AlbumPorts = Pick<Ports, 'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log' | 'limits'>

/** An owner's album as a change reads it. Throws Refused('unknown'). */
export async function albumToChange(changing: Changing, owner: string, id: string): Promise<Album> {
  const album = await changing.record(albumSchema, keys.album(owner, id))
  if (!album) throw notFound('album')
  return album
}

/**
 * An owner's items as a change reads them; one whose record cannot be read may be moved and deleted, too. Throws
 * Refused('unknown') unless all are there.
 */
export async function itemsToChange(
  changing: Changing,
  owner: string,
  ids: readonly string[],
): Promise<Item[]> {
  const items = await itemsOrStandIns(changing, owner, ids)
  if (items.length < ids.length) throw notFound('item')
  return items
}

/** What of an album is to change; what is absent stays. */
export interface AlbumEdit extends Partial<AlbumWish> {
  readonly order?: Album['order']
  /** The items by hand, all of them; the order is then `hand`. */
  readonly items?: readonly string[]
  /** An item of the album, or null. */
  readonly cover?: string | null
}

/** Changes an album. Throws Refused: `unknown`, `bad-request` when `items` are not exactly the album's. */
export async function editAlbum(
  ports: AlbumPorts,
  owner: string,
  id: string,
  edit: { readonly [K in keyof AlbumEdit]: AlbumEdit[K] | undefined },
): Promise<Album> {
  await expectLasting(ports.store)
  const album = await changeOwner(ports.store, owner, async (changing) => {
    const found = await albumToChange(changing, owner, id)
    const [members] = await changing.read([ranks(keys.albumItems(owner, id))])
    const there = members.map(({ member }) => member)
    if (edit.cover && !there.includes(edit.cover)) throw notFound('item')
    const order = edit.items ? 'hand' : (edit.order ?? found.order)
    if (edit.items) rankByHand(changing, found, checkOrder(there, edit.items))
    else if (order !== found.order && order === 'hand') rankByHand(changing, found, there)
    else if (order !== found.order) await rankByDate(changing, found, there)
    const next: Album = {
      ...found,
      title: edit.title ?? found.title,
      // Words that the owner wrote are for everybody.
      titleWithoutPlace: edit.title === undefined ? found.titleWithoutPlace : null,
      isTitleDate: edit.title === undefined && found.isTitleDate,
      description: edit.description ?? found.description,
      sender: edit.sender ?? found.sender,
      cover: edit.cover === undefined ? found.cover : edit.cover,
      order,
      version: found.version + 1,
    }
    changing.write(set(keys.album(owner, id), next))
    return next
  })
  await enqueueBundles(ports, owner, [id])
  return album
}

function checkOrder(there: readonly string[], wanted: readonly string[]): readonly string[] {
  const known = new Set(there)
  if (wanted.length !== there.length || new Set(wanted).size !== there.length)
    throw new Refused('bad-request', 'Name every item of the album once.', { limit: there.length })
  if (!wanted.every((item) => known.has(item))) throw notFound('item')
  return wanted
}

function rankByHand(changing: Changing, { owner, id }: Album, items: readonly string[]): void {
  changing.write(...items.map((item, index) => rank(keys.albumItems(owner, id), item, index)))
}

async function rankByDate(changing: Changing, { owner, id }: Album, ids: readonly string[]): Promise<void> {
  const items = await itemsToChange(changing, owner, ids)
  changing.write(...items.map((item) => rank(keys.albumItems(owner, id), item.id, orderOf(item))))
}

/** Writes items that are there already into an album that has `there` others. */
function writeMembers(changing: Changing, album: Album, items: readonly Item[], there: number): void {
  items.forEach((item, index) => {
    changing.write(
      rank(
        keys.albumItems(album.owner, album.id),
        item.id,
        album.order === 'hand' ? there + index : orderOf(item),
      ),
      rank(keys.itemAlbums(album.owner, item.id), album.id, 0),
    )
  })
}

/**
 * Makes an album of items that are there already; its first link has a day to come. Throws Refused (`unknown`,
 * `too-many-items`).
 */
export async function makeAlbumOf(
  ports: AlbumPorts,
  owner: string,
  input: {
    readonly kind: Album['kind']
    readonly wish: AlbumWish & Partial<Pick<Album, 'titleWithoutPlace' | 'isTitleDate'>>
    readonly items: readonly string[]
  },
): Promise<Album> {
  const album: Album = { ...newAlbum(ports.clock.now(), owner, input.wish), kind: input.kind }
  const ids = [...new Set(input.items)]
  checkAlbumSize(ports.limits.maxAlbumItems, 0, ids.length)
  await expectAlbum(ports.store, album)
  await changeOwner(ports.store, owner, async (changing) => {
    writeAlbum(changing, album)
    writeMembers(changing, album, await itemsToChange(changing, owner, ids), 0)
  })
  return album
}

/**
 * Puts items that the owner has already into an album too; those that stand in it stay where they are. Throws
 * Refused (`unknown`, `too-many-items`).
 */
export async function putItems(
  ports: AlbumPorts,
  owner: string,
  id: string,
  wanted: readonly string[],
): Promise<Album> {
  await expectLasting(ports.store)
  const waiting = await noteMissingItemCopies(ports, owner, id, wanted)
  const album = await changeOwner(ports.store, owner, async (changing) => {
    const found = await albumToChange(changing, owner, id)
    const [members] = await changing.read([ranks(keys.albumItems(owner, id))])
    const there = new Set(members.map(({ member }) => member))
    const fresh = [...new Set(wanted)].filter((item) => !there.has(item))
    checkAlbumSize(ports.limits.maxAlbumItems, there.size, fresh.length)
    const items = await itemsToChange(changing, owner, fresh)
    if (items.length === 0) return found
    writeMembers(changing, found, items, there.size)
    const next = { ...found, version: found.version + 1 }
    changing.write(set(keys.album(owner, id), next))
    return next
  })
  await enqueueCopies(ports, waiting)
  await enqueueBundles(ports, owner, [id])
  return album
}

/**
 * Deletes an album. Its links end with it at once, but for those that open others too: they only lose it. Items that
 * no other album holds are deleted. Throws Refused('unknown').
 */
export async function deleteAlbum(ports: AlbumPorts, owner: string, id: string): Promise<void> {
  const { store, clock } = ports
  await ownAlbum(store, owner, id)
  const now = clock.now()
  await wakeSweep(store, owner, atOnce)
  const narrowed = await changeOwner(store, owner, async (changing) => {
    const [there, members] = await changing.read([
      score(keys.albums(owner), id),
      ranks(keys.albumLinks(owner, id)),
    ])
    if (there === null) throw notFound('album')
    const ids = members.map(({ member }) => member)
    const read = await changing.records(
      linkSchema,
      ids.map((link) => keys.link(owner, link)),
    )
    for (const link of read) if (link) detach(changing, link, id, now)
    const unread = ids.filter((_, at) => read[at] === null)
    const standIns = await linksOrStandIns(changing, owner, unread)
    for (const link of standIns)
      // What cannot be read is written again only where it ends.
      if (link.albums.some((other) => other !== id))
        changing.write(unrank(keys.albumLinks(owner, id), link.id))
      else detach(changing, { ...link, stoppedAt: link.stoppedAt ?? now }, id, now)
    changing.write(
      rank(keys.ownerDue(owner), `album/${id}`, atOnce),
      ...noteActs(owner, [{ kind: 'album', id, at: now }]),
    )
    return [...read.filter((link) => link !== null), ...standIns]
  })
  announceNarrowed(ports, narrowed)
  // Judged by no clock: whatever another album may still hold stays, until that one's end is agreed upon.
  await deleteUnreached(store, owner, id, atOnce)
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'The album is deleted')
}

function detach(changing: Changing, link: Link, album: string, now: number): void {
  const { owner, id } = link
  const albums = link.albums.filter((other) => other !== album)
  const isOver = albums.length === 0
  const stoppedAt = isOver && linkState(link, now) === 'open' ? now : link.stoppedAt
  const dueAt = isOver ? atOnce : link.dueAt
  changing.write(
    set(keys.link(owner, id), { ...link, albums, stoppedAt, dueAt }),
    unrank(keys.albumLinks(owner, album), id),
    ...(isOver && !link.isReaped ? [rank(keys.ownerDue(owner), `link/${id}`, dueAt)] : []),
  )
}

/** How many items an album has, private and failed ones too. */
export async function countItems({ store }: Pick<Ports, 'store'>, { owner, id }: Album): Promise<number> {
  const [count] = await store.read([size(keys.albumItems(owner, id))])
  return count
}
