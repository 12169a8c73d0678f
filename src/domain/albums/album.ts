import type { Ports, Store, Write } from '../../ports.ts'
import { score, size } from '../../ports.ts'
import { changeOwner, rank, set, type Changing } from '../records/store/change.ts'
import { freshMs, wakeSweep } from '../records/store/deletion-schedule.ts'
import { Refused, notFound } from '../records/errors.ts'
import { newItem, writeItems } from '../items/item.ts'
import { keys, objects } from '../records/keys.ts'
import { expectLasting } from '../records/store/durability.ts'
import { enqueuePreparing, notePreparing } from '../preparing/prepare.ts'
import { readRecord } from '../records/read-records.ts'
import { albumSchema, type Album, type Item } from '../records/records.ts'
import { standInAlbum } from '../records/stand-ins.ts'
import { randomToken } from '../records/tokens.ts'
import type { Received } from '../items/item.ts'
import { closeUpload, settleUpload, type UploadName } from '../records/limits/reservation.ts'

/** What an owner says about an album. */
export type AlbumWish = Pick<Album, 'title' | 'description' | 'sender'>

export function newAlbum(now: number, owner: string, wish: AlbumWish): Album {
  return {
    id: randomToken(),
    owner,
    kind: 'manual',
    titleWithoutPlace: null,
    isTitleDate: false,
    ...wish,
    order: 'date',
    cover: null,
    createdAt: now,
    version: 1,
    bundles: {},
    card: null,
  }
}

/** What must stand before an album is recorded: its orphan mark, and a look at it after a day. */
export async function expectAlbum(store: Store, album: Album): Promise<void> {
  await expectLasting(store)
  await Promise.all([
    wakeSweep(store, album.owner, album.createdAt + freshMs),
    store.commit({
      writes: [{ kind: 'set', key: keys.prefixOwner(objects.ofAlbum(album.id)), value: album.owner }],
    }),
    // One that is never recorded leaves no mark then.
    store.commit({
      writes: [rank(keys.ownerDue(album.owner), `album/${album.id}`, album.createdAt + freshMs)],
    }),
  ])
}

/** Records a new album. One that has no link is looked at after a day. */
export function writeAlbum(changing: Changing, album: Album): void {
  changing.write(
    set(keys.album(album.owner, album.id), album),
    rank(keys.albums(album.owner), album.id, album.createdAt),
    rank(keys.ownerDue(album.owner), `album/${album.id}`, album.createdAt + freshMs),
  )
}

/** An owner's album. Throws Refused('unknown'), also for another owner's. */
export async function ownAlbum(store: Store, owner: string, id: string): Promise<Album> {
  const album = await readRecord(store, albumSchema, keys.album(owner, id))
  if (album) return album
  // One whose record cannot be read: its items are still there to be seen and deleted.
  const [createdAt] = await store.read([score(keys.albums(owner), id)])
  if (createdAt === null) throw notFound('album')
  return standInAlbum(owner, id, createdAt)
}

/** Makes an album without a link; its first link has a day to come. */
export async function createAlbum(
  ports: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  wish: AlbumWish,
): Promise<Album> {
  const album = newAlbum(ports.clock.now(), owner, wish)
  await expectAlbum(ports.store, album)
  await changeOwner(ports.store, owner, (changing) => Promise.resolve(writeAlbum(changing, album)))
  return album
}

/** Throws Refused('too-many-items') when an album of `there` items cannot take `more`. */
export function checkAlbumSize(limit: number, there: number, more: number): void {
  if (there + more > limit)
    throw new Refused('too-many-items', 'An album cannot hold that many items.', { limit })
}

/**
 * Puts files that came in into an album, as one step: after it all of them are there for good. Throws Refused
 * (`unknown`, `too-many-items`); the caller then abandons the upload.
 */
export async function addItems(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'events' | 'limits' | 'log'>,
  input: {
    owner: string
    album: string
    upload: UploadName
    received: readonly Received[]
    /** Written in the same step. */
    alsoWrite?: readonly Write[]
  },
): Promise<Item[]> {
  const { store, clock, limits } = ports
  await expectLasting(store)
  const items = input.received.map((received) => newItem(clock, input.owner, received))
  await notePreparing(ports, items)
  const by = await changeOwner(store, input.owner, async (changing) => {
    const album = await changing.record(albumSchema, keys.album(input.owner, input.album))
    if (!album) throw notFound('album')
    const [there] = await changing.read([size(keys.albumItems(input.owner, album.id))])
    checkAlbumSize(limits.maxAlbumItems, there, items.length)
    changing.write(set(keys.album(album.owner, album.id), { ...album, version: album.version + 1 }))
    writeItems(changing, album, items, there)
    changing.write(...(input.alsoWrite ?? []))
    return settleUpload(changing, input.upload, items)
  })
  await closeUpload(ports, input.upload, by)
  await enqueuePreparing(ports, items)
  return items
}

/** Changes one album's record by `change`; what visitors see has then changed too. Returns null when it is gone. */
export async function updateAlbum(
  store: Store,
  owner: string,
  id: string,
  change: (album: Album) => Album,
): Promise<Album | null> {
  return changeOwner(
    store,
    owner,
    async (changing) => {
      const album = await changing.record(albumSchema, keys.album(owner, id))
      if (!album) return null
      const changed = change(album)
      changing.write(set(keys.album(owner, id), changed))
      return changed
    },
    { structure: false },
  )
}
