import { albumsOfItems } from '../../domain/items/item.ts'
import type { Item, Album } from '../../domain/records/records.ts'
import type { Store } from '../../ports.ts'
import type { AnswerOf, albumAnswer, itemAnswer } from './answer-schemas.ts'
import { itemState } from './link-serializers.ts'
import { isoDate } from '../input/link-address.ts'

export const capturedOf = ({ facts }: Item): AnswerOf<typeof itemAnswer>['capturedAt'] =>
  facts?.capturedAt ? { local: facts.capturedAt.local, offset: facts.capturedAt.offset } : null

export const coordinatesOf = ({ facts }: Item): AnswerOf<typeof itemAnswer>['coordinates'] =>
  facts?.coordinates ? { latitude: facts.coordinates.latitude, longitude: facts.coordinates.longitude } : null

const describeItem = (item: Item, albums: readonly string[]): AnswerOf<typeof itemAnswer> => ({
  ...itemState(item),
  kind: item.type.kind,
  format: item.type.format,
  folder: item.folder,
  size: item.original.size + (item.motion?.original.size ?? 0),
  createdAt: isoDate(item.createdAt),
  isPrivate: item.isPrivate,
  isLive: item.motion !== null,
  capturedAt: capturedOf(item),
  coordinates: coordinatesOf(item),
  place: placeOf(item),
  albums: [...albums],
})

/** An owner's items, each with the albums that it stands in. */
export async function describeItems(
  store: Store,
  owner: string,
  items: readonly Item[],
): Promise<AnswerOf<typeof itemAnswer>[]> {
  const albums = await albumsOfItems(store, owner, items)
  return items.map((item, index) => describeItem(item, albums[index] ?? []))
}

export const describeAlbum = (album: Album, count: number): AnswerOf<typeof albumAnswer> => ({
  id: album.id,
  kind: album.kind,
  title: album.title,
  description: album.description,
  sender: album.sender,
  order: album.order,
  cover: album.cover,
  createdAt: isoDate(album.createdAt),
  count,
})

/** Where an item was taken, in words. */
export function placeOf({ place }: Item): AnswerOf<typeof itemAnswer>['place'] {
  if (!place) return null
  return {
    country: place.country.name,
    state: place.state,
    city: place.city,
    neighbourhood: place.neighbourhood,
  }
}
