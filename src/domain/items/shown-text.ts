import { cleanName } from '../../media/metadata/clean-name.ts'
import type { MetadataPolicy } from '../../media/types.ts'
import { withoutDates } from '../../media/metadata/words/dates-in-names.ts'
import type { Album, Item, Link } from '../records/records.ts'

/** Whether the pages and answers of a link tell when something was taken. */
export const tellsDates = ({ allow, metadata }: Pick<Link, 'allow' | 'metadata'>): boolean =>
  allow.details && metadata !== 'none'

/** When a file of a ZIP was taken, as far as recipients may learn it: the file itself tells it under every policy but `none`. */
export const dateInZip = <Date>(taken: Date | null, policy: MetadataPolicy): Date | null =>
  policy === 'none' ? null : taken

/**
 * A file's name as recipients may learn it: without coordinates and the item's own place where the policy takes location
 * out, and under `none` without dates too.
 */
export function shownName(
  { facts, place }: Pick<Item, 'facts' | 'place'>,
  name: string,
  policy: MetadataPolicy,
): string {
  const places = place ? [place.neighbourhood, place.city, place.state, place.country.name] : []
  const cleaned = cleanName(
    name,
    facts,
    policy,
    places.filter((part) => part !== null),
  )
  return policy === 'none' ? withoutDates(cleaned) : cleaned
}

/** What an owner wrote, as visitors may read it: words stay, coordinates go where the policy takes location out. */
export function shownText(text: string, policy: MetadataPolicy): string {
  const cleaned = cleanName(text, null, policy)
  // The name of a file whose name was nothing but coordinates.
  return cleaned === 'file' && text !== 'file' ? '' : cleaned
}

/**
 * An album's title as visitors of a link may read it: one that was made of a place's name is told only under the
 * policy that keeps location, one that was made of a date not under `none`. '' for none.
 */
export function shownTitle(album: Album, policy: MetadataPolicy): string {
  if (policy === 'everything') return album.title
  if (policy === 'none' && album.isTitleDate) return ''
  return shownText(album.titleWithoutPlace ?? album.title, policy)
}
