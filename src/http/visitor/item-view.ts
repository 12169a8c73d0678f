import { isDownloadable, isChanged, isWithheld } from '../../domain/items/recipient-copies.ts'
import { orderOf } from '../../domain/items/item.ts'
import type { ItemSummary } from '../../domain/items/item-summary.ts'
import type { Item, Link } from '../../domain/records/records.ts'
import type { Language } from '../pages/language.ts'
import type { ItemPage } from '../pages/page-views.ts'
import { itemsPerPage, previewOf, shownItems, type Opened } from './share-view.ts'
import { altOf, clockTime, downloadBytes, isReady, mayShowPlace } from './tiles.ts'
import { shownName, tellsDates } from '../../domain/items/shown-text.ts'

type Detail = ItemPage['details'][number]

/** Builds the page of one item that the link shows. */
export function itemPage(
  language: Language,
  opened: Opened,
  item: Item,
  input: {
    path: string
    base: string
    genericCard: string
    now: number
    /** The album that it is looked at in, of a link that opens several. */
    album?: string | undefined
  },
): ItemPage {
  const { link } = opened
  const items = shownItems(opened).filter((other) => other.isReady || other.id === item.id)
  const index = items.findIndex(({ id }) => id === item.id)
  const addressOf = (other: ItemSummary | undefined): string | null =>
    other ? `${input.path}/items/${other.id}` : null
  const { preview } = item.renditions
  const canDownload = link.allow.downloads && isDownloadable(item, link.metadata)
  const page = Math.floor(index / itemsPerPage) + 1
  const query = [input.album && `album=${input.album}`, page > 1 && `page=${page}`].filter(Boolean).join('&')
  return {
    preview: previewOf(language, opened, input),
    base: input.path,
    id: item.id,
    name: shownName(item, item.name, link.metadata),
    alt: altOf(language, link, item),
    isVideo: item.type.kind === 'video',
    isReady: isReady(item) && preview !== undefined,
    hasVideo: item.renditions.playable !== undefined || isDownloadable(item, link.metadata),
    width: preview?.width ?? item.facts?.width ?? 1600,
    height: preview?.height ?? item.facts?.height ?? 1200,
    position: language.t('item.position', {
      position: language.number(index + 1),
      total: language.number(items.length),
    }),
    previous: addressOf(items[index - 1]),
    next: addressOf(items[index + 1]),
    back: `${input.path}${query && `?${query}`}#i-${item.id}`,
    downloadSize: canDownload ? language.size(downloadBytes(item, link.metadata)) : null,
    isLive: item.motion !== null,
    hasMotion: item.renditions.motion !== undefined,
    notes: notesOf(language, link, item),
    details: link.allow.details ? detailsOf(language, link, item, input.path) : [],
  }
}

function notesOf(language: Language, link: Link, item: Item): string[] {
  const video = item.type.kind === 'video'
  if (!isReady(item)) return [language.t(video ? 'item.videoPreparing' : 'item.preparing')]
  return [
    ...(item.renditions.preview ? [] : [language.t('item.noPreview')]),
    ...(isWithheld(item, link.metadata)
      ? [language.t(isChanged(item, link.metadata) ? 'item.changed' : 'item.withheld')]
      : []),
    ...(link.allow.downloads ? [] : [language.t('item.noDownloads')]),
    ...(item.damaged ? [language.t('item.damaged')] : []),
  ]
}

type Term = 'date' | 'camera' | 'lens' | 'exposure' | 'dimensions' | 'duration' | 'size'

/** What the page tells of a file: never more than the recipient's copy does under the link's policy. */
function detailsOf(language: Language, link: Link, item: Item, path: string): Detail[] {
  const { facts } = item
  const details: Detail[] = []
  const add = (term: Term, text: string | null): void => {
    if (text) details.push({ term: language.t(`item.${term}`), text })
  }
  if (tellsDates(link)) add('date', takenAt(language, item))
  if (facts && link.metadata !== 'none') {
    add('camera', facts.camera)
    add('lens', facts.lens)
    add('exposure', exposure(language, item))
  }
  if (facts?.width && facts.height) add('dimensions', dimensions(language, facts.width, facts.height))
  if (item.type.kind === 'video' && facts?.duration) add('duration', clockTime(facts.duration))
  const place = mayShowPlace(link) ? placeWords(language, item) : null
  if (place !== null)
    details.push({
      term: language.t('item.place'),
      text: place,
      ...(facts?.coordinates ? { href: `${path}/map?item=${item.id}` } : {}),
    })
  const bytes = downloadBytes(item, link.metadata)
  add('size', bytes > 0 ? `${item.type.format.toUpperCase()}, ${language.size(bytes)}` : null)
  return details
}

/** `Williamsburg, New York, United States`; the coordinates where the place has no name. */
export function placeWords(language: Language, { place, facts }: Item): string | null {
  if (place) {
    const names = [place.neighbourhood, place.city ?? place.state, countryName(language, place.country)]
    return names.filter((name) => name !== null).join(', ')
  }
  if (!facts?.coordinates) return null
  const { latitude, longitude } = facts.coordinates
  const degrees = { minimumFractionDigits: 4, maximumFractionDigits: 4 }
  return `${language.number(latitude, degrees)}, ${language.number(longitude, degrees)}`
}

function countryName({ locale }: Language, country: { code: string; name: string }): string {
  if (!/^[A-Z]{2}$/.test(country.code)) return country.name
  return (
    new Intl.DisplayNames([locale], { type: 'region', fallback: 'none' }).of(country.code) ?? country.name
  )
}

function takenAt(language: Language, item: Item): string | null {
  const captured = item.facts?.capturedAt
  if (!captured) return null
  const date = language.date(orderOf(item), {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  })
  return captured.offset === null ? date : `${date} (UTC${captured.offset})`
}

function dimensions(language: Language, width: number, height: number): string {
  const megapixels = (width * height) / 1e6
  const pixels = `${width} × ${height}`
  if (megapixels < 0.1) return pixels
  return `${pixels} (${language.number(megapixels, { maximumFractionDigits: 1 })} MP)`
}

/** `1/250 s · ƒ/1.8 · ISO 100 · 26 mm` */
function exposure(language: Language, { facts }: Item): string | null {
  if (!facts) return null
  const parts = [
    facts.exposureTime === null ? null : `${facts.exposureTime} s`,
    facts.aperture === null ? null : `ƒ/${language.number(facts.aperture, { maximumFractionDigits: 1 })}`,
    facts.iso === null ? null : `ISO ${facts.iso}`,
    facts.focalLength === null
      ? null
      : `${language.number(facts.focalLength, { maximumFractionDigits: 0 })} mm`,
  ]
  return parts.filter((part) => part !== null).join(' · ') || null
}
