import { downloadsOf, isDownloadable } from '../../domain/items/recipient-copies.ts'
import { orderOf } from '../../domain/items/item.ts'
import type { Item, Link } from '../../domain/records/records.ts'
import { shownName, tellsDates } from '../../domain/items/shown-text.ts'
import type { MetadataPolicy } from '../../media/types.ts'
import type { Language } from '../pages/language.ts'
import type { Tile, TileGroup } from '../pages/page-views.ts'

/** A group of days is closed once it has this many pictures: fewer would leave rows empty. */
const fullGroup = 12

/** Width divided by height of the shapes that the style sheet knows, in percent. */
const ratios = [50, 56, 67, 75, 80, 90, 100, 112, 125, 133, 150, 160, 178, 200, 235, 300]

/** The class of the shape that is nearest to a picture's. */
export function ratioClass(width: number, height: number): string {
  const ratio = height > 0 && width > 0 ? (100 * width) / height : 100
  const distance = (bucket: number): number => Math.abs(Math.log(bucket / ratio))
  return `r${ratios.reduce((best, bucket) => (distance(bucket) < distance(best) ? bucket : best))}`
}

/** Whether visitors of a link may learn where something was. */
export const mayShowPlace = (link: Link): boolean => link.metadata === 'everything' && link.allow.map

/** Whether a visitor can look at an item already. */
export const isReady = (item: Item): boolean => item.state === 'ready'

/** `0:32`, `1:02:07`, from seconds. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const padded = String(rest).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${padded}` : `${minutes}:${padded}`
}

/** Bytes of what a visitor would download of an item; 0 where nothing. */
export const downloadBytes = (item: Item, policy: MetadataPolicy): number =>
  isDownloadable(item, policy) ? downloadsOf(item, policy).reduce((sum, { size }) => sum + size, 0) : 0

/** What a screen reader says of a picture. */
export function altOf(language: Language, link: Link, item: Item): string {
  const kind = item.type.kind === 'video' ? 'video' : 'photo'
  if (!item.facts?.capturedAt || !tellsDates(link)) return language.t(`share.${kind}AltUndated`)
  const date = language.date(orderOf(item), { dateStyle: 'long', timeStyle: 'short' })
  return language.t(`share.${kind}Alt`, { date })
}

export function tileOf(language: Language, link: Link, item: Item): Tile {
  const { small, thumb, preview } = item.renditions
  const [width, height] = thumb ? [thumb.width, thumb.height] : [1, 1]
  const isVideo = item.type.kind === 'video'
  return {
    id: item.id,
    name: shownName(item, item.name, link.metadata),
    ratio: ratioClass(width, height),
    typeName: thumb ? null : item.type.format.toUpperCase(),
    width,
    height,
    alt: altOf(language, link, item),
    edge: preview ? Math.max(preview.width, preview.height) : width,
    smallWidth: small && small.width < width ? small.width : null,
    thumbhash: item.thumbhash,
    duration: isVideo && item.facts?.duration ? clockTime(item.facts.duration) : null,
    isVideo,
    isLive: item.motion !== null,
    hasMotion: item.renditions.motion !== undefined,
    isDownloadable: link.allow.downloads && isDownloadable(item, link.metadata),
    size: downloadBytes(item, link.metadata),
  }
}

const dayOf = (item: Item): string | null => item.facts?.capturedAt?.local.slice(0, 10) ?? null

/**
 * Groups items that are ordered by date under headings of days; days are merged until a group is full. Items
 * without a date stand in a group of their own.
 */
export function groupByDay(language: Language, link: Link, items: readonly Item[], id: string): TileGroup[] {
  const tiles = (some: readonly Item[]): Tile[] => some.map((item) => tileOf(language, link, item))
  if (!tellsDates(link)) return [{ id, heading: null, tiles: tiles(items) }]
  const groups: { items: Item[]; days: Set<string | null> }[] = []
  for (const item of items) {
    const day = dayOf(item)
    const last = groups.at(-1)
    const joins =
      last !== undefined &&
      (last.days.has(day) || (last.items.length < fullGroup && (day === null) === last.days.has(null)))
    if (joins) {
      last.items.push(item)
      last.days.add(day)
    } else groups.push({ items: [item], days: new Set([day]) })
  }
  const isUndated = groups.every(({ days }) => days.has(null))
  return groups.map((group, index) => ({
    id: `${id}-${index}`,
    heading: isUndated ? null : headingOf(language, link, group.items),
    tiles: tiles(group.items),
  }))
}

/** `Saturday, 3 October 2026 · Lisbon`: the place only where all of it was in one, and where the link tells places. */
function headingOf(language: Language, link: Link, items: readonly Item[]): string {
  const cities = new Set(items.map(({ place }) => place?.city ?? null))
  const [city] = cities
  const days = dayWords(language, items)
  return mayShowPlace(link) && cities.size === 1 && city ? `${days} · ${city}` : days
}

function dayWords(language: Language, items: readonly Item[]): string {
  const [first] = items
  const last = items.at(-1)
  if (!first || !last || dayOf(first) === null) return language.t('share.undated')
  const [from, to] = [orderOf(first), orderOf(last)]
  const options = { day: 'numeric', month: 'long', year: 'numeric' } as const
  if (dayOf(first) === dayOf(last)) return language.date(from, { weekday: 'long', ...options })
  return language.dateRange(from, to, options)
}
