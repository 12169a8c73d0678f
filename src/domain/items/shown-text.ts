import { cleanName } from '../../media/metadata/clean-name.ts'
import type { MetadataPolicy } from '../../media/types.ts'
import type { Album, Item } from '../records/records.ts'

/** A file's name as recipients may learn it: without coordinates, and without the item's own place, where the policy takes location out. */
export function shownName(
  { facts, place }: Pick<Item, 'facts' | 'place'>,
  name: string,
  policy: MetadataPolicy,
): string {
  const places = place ? [place.neighbourhood, place.city, place.state, place.country.name] : []
  return cleanName(
    name,
    facts,
    policy,
    places.filter((part) => part !== null),
  )
}

/** What an owner wrote, as visitors may read it: words stay, coordinates go where the policy takes location out. */
export function shownText(text: string, policy: MetadataPolicy): string {
  const cleaned = cleanName(text, null, policy)
  // The name of a file whose name was nothing but coordinates.
  return cleaned === 'file' && text !== 'file' ? '' : cleaned
}

/**
 * An album's title as visitors of a link may read it: one that was made of a place's name is told only under the
 * policy that keeps location.
 */
export const shownTitle = (album: Album, policy: MetadataPolicy): string =>
  policy === 'everything' ? album.title : shownText(album.titleWithoutPlace ?? album.title, policy)
