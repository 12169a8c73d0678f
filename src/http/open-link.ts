import type { Store } from '../ports.ts'
import { unknown } from '../domain/errors.ts'
import { itemsOf } from '../domain/item.ts'
import { albumsOf, type Visit } from '../domain/link.ts'
import type { Opened } from './share-model.ts'

/** Everything behind a link that let somebody in. */
export async function openAlbums(store: Store, { link }: Visit): Promise<Opened> {
  const albums = await albumsOf(store, { link })
  const items = await Promise.all(albums.map((album) => itemsOf(store, album)))
  return { link, albums: albums.map((album, index) => ({ album, items: items[index] ?? [] })) }
}

/** One of the albums that a link opens, or all without one. Throws Refused('unknown') for an album that it does not. */
export function chooseAlbum(opened: Opened, album: string | undefined): Opened {
  if (album === undefined) return opened
  const albums = opened.albums.filter((one) => one.album.id === album)
  if (albums.length === 0) throw unknown('album')
  return { link: opened.link, albums }
}
