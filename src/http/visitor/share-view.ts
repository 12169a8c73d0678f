import { albumOfCard } from '../../domain/gate/still-allowed.ts'
import { isShown } from '../../domain/items/recipient-copies.ts'
import type { ItemSummary } from '../../domain/items/item-summary.ts'
import { shownSummaries, type SummarizedAlbum } from '../../domain/items/album-summaries.ts'
import type { Item, Link } from '../../domain/records/records.ts'
import { shownText, shownTitle } from '../../domain/items/shown-text.ts'
import type { Language } from '../pages/language.ts'
import type { Pages, Preview, SharePage, ShareSection } from '../pages/page-views.ts'
import { countWords, timeLeft, untilWords } from '../pages/words.ts'
import { groupByDay, isReady, mayShowPlace, tileOf } from './tiles.ts'

export const itemsPerPage = 300

/** What a link opens, in the order that its page shows. */
export interface Opened {
  readonly link: Link
  readonly albums: readonly SummarizedAlbum[]
}

/** All that a visitor may see behind a link, each item once. */
export const shownItems = ({ albums }: Opened): ItemSummary[] => shownSummaries(albums)

/** A link's title: its only album's, or the first that has one. */
export const titleOf = ({ link, albums }: Opened): string | null =>
  albums.map(({ album }) => shownTitle(album, link.metadata)).find((title) => title !== '') ?? null

export const senderOf = ({ albums }: Opened): string | null =>
  albums.map(({ album }) => album.sender).find((sender) => sender !== '') ?? null

/** What a link preview shows of an open link: nothing that the page itself would not show. */
export function previewOf(
  language: Language,
  opened: Opened,
  { base, genericCard, now }: { base: string; genericCard: string; now: number },
): Preview {
  const summary = countWords(language, shownItems(opened))
  const sender = senderOf(opened)
  const title = titleOf(opened)
  const from = sender === null ? null : language.t('share.from', { name: sender })
  const albums = opened.albums.map(({ album }) => album)
  const hasCard = albumOfCard(opened.link, albums) !== undefined
  return {
    title: title ?? [summary, from].filter((part) => part !== null).join(' '),
    description: [
      title === null ? null : [summary, from].filter((part) => part !== null).join(' '),
      untilWords(language, opened.link, now),
    ]
      .filter((part) => part !== null)
      .join(' · '),
    url: base,
    image: hasCard ? `${base}/card.jpg` : genericCard,
    imageAlt: hasCard ? language.t('share.cardAlt') : language.t('name'),
  }
}

/** Builds the visitor's page. `page` counts from 1; one past the last shows the last. `items`: those of the page. */
export function sharePage(
  language: Language,
  opened: Opened,
  items: readonly Item[],
  input: {
    path: string
    base: string
    genericCard: string
    page: number
    now: number
    /** The album that is shown, of a link that opens several. */
    album?: string | undefined
  },
): SharePage {
  const { link } = opened
  const all = shownItems(opened)
  const ready = all.filter((item) => item.isReady)
  const preparing = all.length - ready.length
  const changed = ready.filter(({ isChanged }) => isChanged).length
  const withheld = ready.filter(({ isWithheld }) => isWithheld).length - changed
  const withheldNotes = [
    ...(withheld > 0 ? [language.t('share.withheld', { count: withheld })] : []),
    ...(changed > 0 ? [language.t('share.changed')] : []),
  ]
  const part = input.album === undefined ? '' : `album=${input.album}`
  const pages = pagesOf(input.path, part, ready.length, input.page)
  const canDownload = link.allow.downloads && ready.some(({ isDownloadable }) => isDownloadable)
  const offered = all.filter(({ isWithheld }) => !isWithheld)
  const canDownloadAll = canDownload && offered.every(({ isDownloadable }) => isDownloadable)
  const allBytes = all.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    preview: previewOf(language, opened, input),
    base: input.path,
    title: titleOf(opened) ?? language.t('share.untitled'),
    description:
      opened.albums.length === 1
        ? shownText(opened.albums[0]?.album.description ?? '', opened.link.metadata) || null
        : null,
    sender: senderOf(opened),
    summary: countWords(language, all),
    timeLeft: timeLeft(language, link, input.now),
    until: untilWords(language, link, input.now),
    untilMachine: new Date(link.expiresAt).toISOString(),
    sections: sectionsOf(language, opened, items, pages?.page ?? 1),
    isEmpty: ready.length === 0,
    preparing,
    preparingNote: preparingNote(language, preparing, ready.length),
    withheldNote: withheldNotes.join(' ') || null,
    canDownload,
    allSize: canDownloadAll ? language.size(allBytes) : null,
    pages,
    hasPassword: link.password !== null,
    zip: `${input.path}/zip${part && `?${part}`}`,
    map: hasMap(link, all) ? `${input.path}/map${part && `?${part}`}` : null,
    allAlbums: part ? input.path : null,
  }
}

/** Whether there is anything to show on a map that the link may show. */
export const hasMap = (link: Link, items: readonly ItemSummary[]): boolean =>
  mayShowPlace(link) && items.some(({ hasCoordinates }) => hasCoordinates)

/** The ids of the ready items on a page; `page` as for `sharePage`. */
export function idsOnPage(opened: Opened, page: number): string[] {
  const ready = shownItems(opened).filter(({ isReady }) => isReady)
  const last = Math.max(1, Math.ceil(ready.length / itemsPerPage))
  const from = (Math.min(page, last) - 1) * itemsPerPage
  return ready.slice(from, from + itemsPerPage).map(({ id }) => id)
}

function preparingNote(language: Language, preparing: number, ready: number): string | null {
  if (preparing === 0) return null
  return ready === 0 ? language.t('share.preparingAll') : language.t('share.preparing', { count: preparing })
}

function pagesOf(path: string, part: string, count: number, asked: number): Pages | null {
  const pages = Math.ceil(count / itemsPerPage)
  if (pages <= 1) return null
  const page = Math.min(asked, pages)
  const addressOf = (number: number): string => {
    const query = [part, number === 1 ? '' : `page=${number}`].filter((text) => text !== '').join('&')
    return query === '' ? path : `${path}?${query}`
  }
  return {
    page,
    pages,
    earlier: page > 1 ? addressOf(page - 1) : null,
    later: page < pages ? addressOf(page + 1) : null,
  }
}

function sectionsOf(
  language: Language,
  opened: Opened,
  items: readonly Item[],
  page: number,
): ShareSection[] {
  const isOnly = opened.albums.length === 1
  // By the records, which are newer than the summaries: an item that became private meanwhile is left out.
  const left = new Map(items.filter((item) => isShown(item) && isReady(item)).map((item) => [item.id, item]))
  return opened.albums.flatMap(({ album, items: summaries }, index) => {
    const shown = summaries.flatMap(({ id }) => {
      const item = left.get(id)
      return item && left.delete(id) ? [item] : []
    })
    if (shown.length === 0) return []
    // Different from those of other pages, since scripts put pages together.
    const id = `d${page}-${index}`
    const groups =
      album.order === 'date'
        ? groupByDay(language, opened.link, shown, id)
        : [{ id, heading: null, tiles: shown.map((item) => tileOf(language, opened.link, item)) }]
    return [
      {
        title: isOnly ? null : shownTitle(album, opened.link.metadata) || null,
        description: isOnly ? null : shownText(album.description, opened.link.metadata) || null,
        groups,
      },
    ]
  })
}
