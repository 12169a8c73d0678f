import type { Clock, Store } from '../../ports.ts'
import { fields, ranks, size, value } from '../../ports.ts'
import { notFound } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { linkState, type LinkState } from '../gate/authorize.ts'
import { albumSchema, countOf, parseRecord, type Album, type Link } from '../records/records.ts'
import type { KnownOwner } from '../owner/owner.ts'
import { unseal } from '../records/seal.ts'
import { linksOrStandIns } from '../records/stand-ins.ts'

/** A link as its owner sees it. */
export interface LinkOverview {
  readonly link: Link
  readonly state: LinkState
  /** Open, or expired with its grace not over. */
  readonly isRenewable: boolean
  /** The albums that it opens; empty once they are deleted. */
  readonly albums: readonly { readonly album: Album; readonly count: number }[]
  readonly visits: number
  readonly downloads: number
  /** Milliseconds since 1970, or null. */
  readonly lastVisitAt: number | null
}

/** A link's label; that of an ended one is opened by its owner's key, and '' where another one sealed it. */
export const labelOf = ({ key }: KnownOwner, { label, sealedLabel }: Link): string =>
  label !== '' || sealedLabel === '' ? label : (unseal(key, sealedLabel) ?? '')

type ReadPorts = { readonly store: Store; readonly clock: Clock }

/** An owner's links, newest first: `limit` of them from `from`, and how many there are. */
export async function listLinks(
  ports: ReadPorts,
  owner: string,
  page: { from: number; limit: number },
): Promise<{ links: LinkOverview[]; total: number }> {
  const [ids, total] = await ports.store.read([
    ranks(keys.links(owner), page.from, page.from + page.limit - 1, true),
    size(keys.links(owner)),
  ])
  const links = await overviewsOf(
    ports,
    owner,
    ids.map(({ member }) => member),
  )
  return { links, total }
}

/** The links that open one album, oldest first, including ended ones that are still remembered. */
export async function listLinksOf(
  ports: ReadPorts,
  { owner, id }: Pick<Album, 'owner' | 'id'>,
): Promise<LinkOverview[]> {
  const [ids] = await ports.store.read([ranks(keys.albumLinks(owner, id))])
  return overviewsOf(
    ports,
    owner,
    ids.map(({ member }) => member),
  )
}

/** One link as its owner sees it. Throws Refused('unknown'), also for another owner's. */
export async function overviewOf(ports: ReadPorts, owner: string, id: string): Promise<LinkOverview> {
  const [overview] = await overviewsOf(ports, owner, [id])
  if (!overview) throw notFound('link')
  return overview
}

async function overviewsOf(
  { store, clock }: ReadPorts,
  owner: string,
  ids: readonly string[],
): Promise<LinkOverview[]> {
  const links = await linksOrStandIns(store, owner, ids)
  const albumIds = [...new Set(links.flatMap(({ albums }) => albums))]
  const [rawAlbums, sizes, counts] = await Promise.all([
    store.read(albumIds.map((id) => value(keys.album(owner, id)))),
    store.read(albumIds.map((id) => size(keys.albumItems(owner, id)))),
    store.read(links.map(({ id }) => fields(keys.linkCounts(owner, id)))),
  ])
  const albums = new Map(
    rawAlbums.flatMap((text, index) => {
      const album = parseRecord(albumSchema, keys.album(owner, albumIds[index] ?? ''), text)
      return album ? [[album.id, { album, count: sizes[index] ?? 0 }] as const] : []
    }),
  )
  const now = clock.now()
  return links.map((link, index) => ({
    link,
    state: linkState(link, now),
    isRenewable: link.stoppedAt === null && !link.isReaped && now < link.dueAt,
    albums: link.albums.flatMap((id) => albums.get(id) ?? []),
    visits: countOf(counts[index]?.['visits']),
    downloads: countOf(counts[index]?.['downloads']),
    lastVisitAt: countOf(counts[index]?.['lastVisitAt']) || null,
  }))
}
