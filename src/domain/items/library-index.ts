import { z } from 'zod'
import type { MediaKind, Place } from '../../media/types.ts'
import type { Answer, Query, Write } from '../../ports.ts'
import { fields, value } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { itemSchema, parseRecord, type Item } from '../records/records.ts'

/** What the library needs of an item to group it. */
export interface CatalogEntry {
  readonly id: string
  /** Wall time where the camera stood, and its zone where the file tells it. */
  readonly capturedAt: { readonly local: string; readonly offset: string | null } | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** WGS 84 degrees; both or neither. */
  readonly latitude: number | null
  readonly longitude: number | null
  readonly place: Place | null
  readonly folder: string | null
  readonly kind: MediaKind
}

const text = z.string().nullable()
const degrees = z.number().nullable()

/** An entry as it is stored: values without names, since a library is read as a whole. */
const stored = z.tuple([
  z.tuple([z.string(), text]).nullable(),
  z.number(),
  degrees,
  degrees,
  z.tuple([z.string(), z.string(), text, text, text]).nullable(),
  text,
  z.enum(['photo', 'video']),
])

/** What keeps the catalog true: belongs to every commit that records an item. */
export const catalogWrite = (item: Item): Write => ({
  kind: 'setField',
  key: keys.catalog(item.owner),
  field: item.id,
  value: JSON.stringify(storedOf(item)),
})

function storedOf({ facts, place, createdAt, folder, type }: Item): z.infer<typeof stored> {
  const captured = facts?.capturedAt
  return [
    captured ? [captured.local, captured.offset] : null,
    createdAt,
    facts?.coordinates?.latitude ?? null,
    facts?.coordinates?.longitude ?? null,
    place && [place.country.code, place.country.name, place.state, place.city, place.neighbourhood],
    folder,
    type.kind,
  ]
}

/** Belongs to every commit that takes an item's record away. */
export const catalogRemoval = ({ id, owner }: Pick<Item, 'id' | 'owner'>): Write => ({
  kind: 'removeField',
  key: keys.catalog(owner),
  field: id,
})

const storedAll = z.array(stored)

function entryOf(
  id: string,
  [captured, createdAt, latitude, longitude, place, folder, kind]: z.infer<typeof stored>,
): CatalogEntry {
  return {
    id,
    capturedAt: captured && { local: captured[0], offset: captured[1] },
    createdAt,
    latitude,
    longitude,
    place: place && {
      country: { code: place[0], name: place[1] },
      state: place[2],
      city: place[3],
      neighbourhood: place[4],
    },
    folder,
    kind,
  }
}

/** Whatever reads: the store, or a change that is being made. */
interface Reading {
  read<const Q extends readonly Query[]>(queries: Q): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
}

/** All living items of an owner, in no order. 10,000 of them are about 1 MB. */
export async function readCatalog(reading: Reading, owner: string): Promise<CatalogEntry[]> {
  const [found] = await reading.read([fields(keys.catalog(owner))])
  const ids = Object.keys(found)
  // Parsed as one text, which takes half the time.
  const entries = parsedOrNull(storedAll, `[${Object.values(found).join(',')}]`)
  if (entries?.length === ids.length) return entries.map((entry, index) => entryOf(ids[index] ?? '', entry))
  return readOneByOne(reading, owner, found)
}

/** A damaged entry is made again from the item's record, or left out if the record is damaged too. */
async function readOneByOne(
  reading: Reading,
  owner: string,
  found: Readonly<Record<string, string>>,
): Promise<CatalogEntry[]> {
  const entries: CatalogEntry[] = []
  for (const [id, text] of Object.entries(found)) {
    const entry = parsedOrNull(stored, text)
    if (entry) entries.push(entryOf(id, entry))
    else {
      const [raw] = await reading.read([value(keys.item(owner, id))])
      const item = parseRecord(itemSchema, keys.item(owner, id), raw)
      if (item) entries.push(entryOf(id, storedOf(item)))
    }
  }
  return entries
}

function parsedOrNull<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
