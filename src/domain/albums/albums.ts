import type { Store } from '../../ports.ts'
import { ranks, size, value } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { albumSchema, parseRecord, type Album } from '../records/records.ts'
import { standInAlbum } from '../records/stand-ins.ts'

/** An album in its owner's list. */
export interface AlbumOverview {
  readonly album: Album
  /** All its items, private and failed ones too. */
  readonly count: number
  /** The links that open it, ended ones whose mark still stands too. */
  readonly links: readonly string[]
}

/**
 * An owner's albums, newest first: `limit` of them from `from`, and how many there are. One whose record cannot be read
 * stands there without what it said, and can be deleted.
 */
export async function listAlbums(
  store: Store,
  owner: string,
  page: { from: number; limit: number },
): Promise<{ albums: AlbumOverview[]; total: number }> {
  const [ids, total] = await store.read([
    ranks(keys.albums(owner), page.from, page.from + page.limit - 1, true),
    size(keys.albums(owner)),
  ])
  const [raw, sizes, links] = await Promise.all([
    store.read(ids.map(({ member }) => value(keys.album(owner, member)))),
    store.read(ids.map(({ member }) => size(keys.albumItems(owner, member)))),
    store.read(ids.map(({ member }) => ranks(keys.albumLinks(owner, member)))),
  ])
  const albums = ids.flatMap(({ member: id, score: createdAt }, index) => {
    const text = raw[index] ?? null
    const album = parseRecord(albumSchema, keys.album(owner, id), text)
    const opened = (links[index] ?? []).map(({ member }) => member)
    if (!album && text === null) return []
    const shown = album ?? standInAlbum(owner, id, createdAt)
    return [{ album: shown, count: sizes[index] ?? 0, links: opened }]
  })
  return { albums, total }
}
