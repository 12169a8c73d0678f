import type { Clock, Store } from '../ports.ts'
import { fields, ranks, size, value } from '../ports.ts'
import { keys } from './keys.ts'
import { linkState, type LinkState } from './link.ts'
import { albumSchema, linkSchema, parseRecord, type Album, type Link } from './records.ts'

/** A link as its owner sees it. */
export interface LinkOverview {
  readonly link: Link
  readonly state: LinkState
  /** The albums that it opens; empty once they are deleted. */
  readonly albums: readonly { readonly album: Album; readonly count: number }[]
  readonly visits: number
  readonly downloads: number
  /** Milliseconds since 1970, or null. */
  readonly lastVisitAt: number | null
}

/** An owner's links, newest first: `limit` of them from `from`, and how many there are. */
export async function listLinks(
  { store, clock }: { store: Store; clock: Clock },
  owner: string,
  page: { from: number; limit: number },
): Promise<{ links: LinkOverview[]; total: number }> {
  const [ids, total] = await store.read([
    ranks(keys.links(owner), page.from, page.from + page.limit - 1, true),
    size(keys.links(owner)),
  ])
  const raw = await store.read(ids.map(({ member }) => value(keys.link(owner, member))))
  const links = raw.flatMap((text) => parseRecord(linkSchema, text) ?? [])
  const albumIds = [...new Set(links.flatMap(({ albums }) => albums))]
  const [rawAlbums, sizes, counts] = await Promise.all([
    store.read(albumIds.map((id) => value(keys.album(owner, id)))),
    store.read(albumIds.map((id) => size(keys.albumItems(owner, id)))),
    store.read(links.map(({ id }) => fields(keys.linkCounts(owner, id)))),
  ])
  const albums = new Map(
    rawAlbums.flatMap((text, index) => {
      const album = parseRecord(albumSchema, text)
      return album ? [[album.id, { album, count: sizes[index] ?? 0 }] as const] : []
    }),
  )
  const now = clock.now()
  return {
    total,
    links: links.map((link, index) => ({
      link,
      state: linkState(link, now),
      albums: link.albums.flatMap((id) => albums.get(id) ?? []),
      visits: Number(counts[index]?.['visits'] ?? 0),
      downloads: Number(counts[index]?.['downloads'] ?? 0),
      lastVisitAt: counts[index]?.['lastVisitAt'] ? Number(counts[index]['lastVisitAt']) : null,
    })),
  }
}
