import type { MetadataPolicy } from '../../media/types.ts'
import type { Expectation, Key, Store, Write } from '../../ports.ts'
import { members, someFields, value } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { summaryWrite, encodeSummary, decodeSummary, type ItemSummary } from './item-summary.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { itemSchema, parseRecord, parseRecords, type Album, type Item } from '../records/records.ts'

/** An album and the summaries of its items under one policy, in its order. */
export interface SummarizedAlbum {
  readonly album: Album
  readonly items: readonly ItemSummary[]
}

export interface AlbumSummaries {
  readonly albums: readonly SummarizedAlbum[]
  /** Records that came along, by their item's id. */
  readonly records: ReadonlyMap<string, Item>
}

/** Items of which the whole records will be wanted, by their place among all items of the albums, or of one of them. */
export interface Ahead {
  readonly album?: string | undefined
  readonly from: number
  readonly count: number
}

/**
 * The summaries of an owner's albums, each album's in its order, in two reads. The second brings the records of
 * the items that are probably on the page, too.
 */
export async function readSummaries(
  store: Store,
  albums: readonly Album[],
  policy: MetadataPolicy,
  ahead: Ahead = { from: 0, count: 0 },
): Promise<AlbumSummaries> {
  const [first] = albums
  if (!first) return { albums: [], records: new Map() }
  const { owner } = first
  const lists = await store.read(albums.map(({ id }) => members(keys.albumItems(owner, id))))
  const ids = lists.length === 1 ? (lists[0] ?? []) : [...new Set(lists.flat())]
  const only =
    ahead.album === undefined ? ids : (lists[albums.findIndex(({ id }) => id === ahead.album)] ?? [])
  const early = only.slice(ahead.from, ahead.from + ahead.count)
  const [lines, ...texts] = await store.read([
    someFields(keys.summaries(owner), ids),
    ...keysOf(owner, early).map((key) => value(key)),
  ])
  const summaries = (await readItemSummaries(store, owner, ids, lines, policy)).filter(
    (summary) => summary !== null,
  )
  const found = lists.length === 1 ? [{ album: first, items: summaries }] : inAlbums(albums, lists, summaries)
  return { albums: found, records: byId(parseRecords(itemSchema, keysOf(owner, early), texts)) }
}

function inAlbums(
  albums: readonly Album[],
  lists: readonly (readonly string[])[],
  summaries: readonly ItemSummary[],
): SummarizedAlbum[] {
  const byId = new Map(summaries.map((summary) => [summary.id, summary]))
  return albums.map((album, at) => ({
    album,
    items: (lists[at] ?? []).flatMap((id) => byId.get(id) ?? []),
  }))
}

/** The summaries of items in the order of `ids`; null for an item that is gone or unreadable. */
async function readItemSummaries(
  store: Store,
  owner: string,
  ids: readonly string[],
  lines: readonly (string | null)[],
  policy: MetadataPolicy,
): Promise<(ItemSummary | null)[]> {
  const summaries = ids.map((id, at) => decodeSummary(id, lines[at] ?? '', policy))
  const missing = ids.filter((_, at) => summaries[at] === null)
  if (missing.length === 0) return summaries
  const made = await makeMissingSummaries(store, owner, missing)
  return ids.map((id, at) => summaries[at] ?? decodeSummary(id, made.get(id) ?? '', policy))
}

const readAtOnce = 500

/**
 * Makes the lines of items that have none that can be read (recorded before there were lines, by a program with others,
 * or damaged), and keeps them unless the item changes meanwhile. Items that are gone have none.
 */
async function makeMissingSummaries(
  store: Store,
  owner: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const lines = new Map<string, string>()
  for (let at = 0; at < ids.length; at += readAtOnce) {
    const part = ids.slice(at, at + readAtOnce)
    const raw = await store.read(part.map((id) => value(keys.item(owner, id))))
    const expect: Expectation[] = []
    const writes: Write[] = []
    part.forEach((id, index) => {
      const text = raw[index] ?? null
      const item = parseRecord(itemSchema, keys.item(owner, id), text)
      if (!item) return
      lines.set(id, encodeSummary(item))
      expect.push({ key: keys.item(owner, id), value: text })
      writes.push(summaryWrite(item))
    })
    // One that changes meanwhile gets its line by that; the others get theirs the next time.
    await store.commit({ expect, writes })
  }
  return lines
}

/** All that visitors may see of albums, each item once, in the albums' order. */
export function shownSummaries(albums: readonly SummarizedAlbum[]): ItemSummary[] {
  const [only] = albums
  if (only && albums.length === 1) return only.items.filter(({ isShown }) => isShown)
  const items = new Map<string, ItemSummary>()
  for (const album of albums) for (const item of album.items) if (item.isShown) items.set(item.id, item)
  return [...items.values()]
}

const keysOf = (owner: string, ids: readonly string[]): Key[] => ids.map((id) => keys.item(owner, id))

const byId = (items: readonly (Item | null)[]): Map<string, Item> =>
  new Map(items.flatMap((item) => (item ? [[item.id, item]] : [])))

/** The records of items in the order of `ids`, without those that are gone. Reads only those that `known` lacks. */
export async function wholeItems(
  store: Store,
  owner: string,
  ids: readonly string[],
  known: ReadonlyMap<string, Item>,
): Promise<Item[]> {
  const missing = ids.filter((id) => !known.has(id))
  const items = new Map(known)
  for (let at = 0; at < missing.length; at += readAtOnce) {
    const part = missing.slice(at, at + readAtOnce)
    for (const [id, item] of byId(await readRecordsThere(store, itemSchema, keysOf(owner, part))))
      items.set(id, item)
  }
  return ids.flatMap((id) => items.get(id) ?? [])
}
