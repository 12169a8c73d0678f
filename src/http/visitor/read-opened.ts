import type { Store } from '../../ports.ts'
import { notFound } from '../../domain/records/errors.ts'
import { albumsOf, type Access } from '../../domain/gate/authorize.ts'
import { readSummaries, wholeItems } from '../../domain/items/album-summaries.ts'
import type { Album, Item } from '../../domain/records/records.ts'
import { itemsPerPage, type Opened } from './share-view.ts'

/** The summaries of everything that a link opens. */
export async function openAlbums(store: Store, access: Access): Promise<Opened> {
  return openSummaries(store, access, await albumsOf(store, access))
}

/** The same where its albums were read already. */
export async function openSummaries(
  store: Store,
  { link }: Access,
  albums: readonly Album[],
): Promise<Opened> {
  return { link, albums: (await readSummaries(store, albums, link.metadata)).albums }
}

/** What a link opens, the chosen part of it, and the full records of the items on one page of that part. */
export interface OpenedPage {
  readonly all: Opened
  readonly chosen: Opened
  readonly items: readonly Item[]
}

/**
 * Everything behind a link, `albums`, with the whole records of one page's items: those that `idsOn` names of what was
 * chosen, all or one album. Throws Refused('unknown') for an album that the link does not open.
 */
export async function openPage(
  store: Store,
  { link }: Access,
  albums: readonly Album[],
  { album, page }: { readonly album: string | undefined; readonly page: number },
  idsOn: (chosen: Opened) => readonly string[],
): Promise<OpenedPage> {
  // Nearly always the right ones: only where something before them is not shown, others follow.
  const ahead = { album, from: (page - 1) * itemsPerPage, count: itemsPerPage }
  const { albums: opened, records } = await readSummaries(store, albums, link.metadata, ahead)
  const all = { link, albums: opened }
  const chosen = chooseAlbum(all, album)
  return { all, chosen, items: await wholeItems(store, link.owner, idsOn(chosen), records) }
}

/** One of the albums that a link opens, or all without one. Throws Refused('unknown') for an album that it does not. */
export function chooseAlbum(opened: Opened, album: string | undefined): Opened {
  if (album === undefined) return opened
  const albums = opened.albums.filter((one) => one.album.id === album)
  if (albums.length === 0) throw notFound('album')
  return { link: opened.link, albums }
}
