import { isDownloadable, isShown, isWithheld } from '../../domain/items/recipient-copies.ts'
import type { Item, Link } from '../../domain/records/records.ts'
import { shownName, shownText, shownTitle, tellsDates } from '../../domain/items/shown-text.ts'
import type { AnswerOf, visitorItemAnswer, visitorShareAnswer } from './answer-schemas.ts'
import { capturedOf, coordinatesOf, placeOf } from './item-serializers.ts'
import { isoDate } from '../input/link-address.ts'
import type { OpenedPage } from '../visitor/read-opened.ts'
import { hasMap, itemsPerPage, shownItems, type Opened } from '../visitor/share-view.ts'
import { downloadBytes, isReady, mayShowPlace } from '../visitor/tiles.ts'
import { coverOf } from '../visitor/cover.ts'

function describeVisitorItem(link: Link, item: Item, base: string): AnswerOf<typeof visitorItemAnswer> {
  const address = `${base}/items/${item.id}`
  const canDownload = link.allow.downloads && isDownloadable(item, link.metadata)
  return {
    id: item.id,
    name: shownName(item, item.name, link.metadata),
    kind: item.type.kind,
    format: item.type.format,
    state: isReady(item) ? 'ready' : 'preparing',
    width: item.facts?.width ?? null,
    height: item.facts?.height ?? null,
    duration: item.facts?.duration ?? null,
    isLive: item.motion !== null,
    isDownloadable: canDownload,
    isWithheld: isWithheld(item, link.metadata),
    size: canDownload ? downloadBytes(item, link.metadata) : null,
    capturedAt: tellsDates(link) ? capturedOf(item) : null,
    coordinates: mayShowPlace(link) ? coordinatesOf(item) : null,
    place: mayShowPlace(link) ? placeOf(item) : null,
    urls: {
      page: address,
      // Null while there is none, and for formats that cannot be shown.
      thumb: item.renditions.thumb ? `${address}/thumb` : null,
      preview: item.renditions.preview ? `${address}/preview` : null,
      video: item.type.kind === 'video' || item.motion ? `${address}/video` : null,
      download: canDownload ? `${address}/download` : null,
    },
  }
}

/** The items of which a page of the answer tells. */
export const idsInAnswer = (chosen: Opened, page: number): string[] =>
  shownItems(chosen)
    .slice((page - 1) * itemsPerPage, page * itemsPerPage)
    .map(({ id }) => id)

/** What a link opens, as JSON: all of it, or the one album asked for; a page of items at a time. */
export function describeShare(
  { all: opened, chosen, items: onPage }: OpenedPage,
  input: { base: string; api: string; page: number },
): AnswerOf<typeof visitorShareAnswer> {
  const { link } = opened
  const items = shownItems(chosen)
  const from = (input.page - 1) * itemsPerPage
  const [only] = chosen.albums
  const album =
    chosen.albums.length === 1 && opened.albums.length > 1 && only ? `album=${only.album.id}` : null
  const next = [album, `page=${input.page + 1}`].filter((part) => part !== null).join('&')
  return {
    title: chosen.albums.map((one) => shownTitle(one.album, link.metadata)).find((text) => text !== '') ?? '',
    sender: chosen.albums.map((one) => one.album.sender).find((text) => text !== '') ?? '',
    expiresAt: isoDate(link.expiresAt),
    allow: link.allow,
    count: items.length,
    albums: opened.albums.map((one) => {
      const shown = shownItems({ link, albums: [one] })
      return {
        id: one.album.id,
        title: shownTitle(one.album, link.metadata),
        description: shownText(one.album.description, link.metadata),
        sender: one.album.sender,
        count: shown.length,
        cover: coverOf(one.album, shown)?.id ?? null,
      }
    }),
    zip: link.allow.downloads ? `${input.base}/zip${album ? `?${album}` : ''}` : null,
    map: hasMap(link, items) ? `${input.base}/map` : null,
    next: from + itemsPerPage < items.length ? `${input.api}?${next}` : null,
    // By the records, which are newer than the summaries: an item that became private meanwhile is left out.
    items: onPage.filter(isShown).map((item) => describeVisitorItem(link, item, input.base)),
  }
}
