import type { Place } from '../../media/types.ts'
import type { CatalogEntry } from '../items/library-index.ts'

export const groupKinds = ['moment', 'month', 'region', 'folder'] as const
export type GroupKind = (typeof groupKinds)[number]

/** How long a moment took: what its title begins with. */
export type Span = 'day' | 'weekend' | 'week' | 'days'

/** The parts of a group's title; a page puts them into words in its own language. Dates are `2026-05-01`, wall time. */
export type GroupTitle =
  | {
      readonly kind: 'moment'
      readonly span: Span
      /** Calendar days from the first to the last, both counted. */
      readonly days: number
      /** What most of its places have in common; null where there is nothing. */
      readonly place: Place | null
      readonly from: string
      readonly to: string
    }
  /** `2026-05`. */
  | { readonly kind: 'month'; readonly month: string }
  /** The country, or the state or city in it: the last one that is not null gives the name. */
  | { readonly kind: 'region'; readonly place: Omit<Place, 'neighbourhood'> }
  | { readonly kind: 'folder'; readonly path: string; readonly name: string }
  /** What has no date, no place, or came without a folder. */
  | { readonly kind: 'none' }

/** Items of a library that belong together. */
export interface Group {
  readonly kind: GroupKind
  /** Names the group among those of its kind: `2026-05`, `PT/Lisbon/Sintra`, `/Summer/Day 1`, a moment's first item, `none`. */
  readonly key: string
  readonly title: GroupTitle
  /** Its items and those of its children, the earliest first. */
  readonly ids: readonly string[]
  /** Regions and folders within it. */
  readonly children: readonly Group[]
}

export const noneKey = 'none'

export function noneGroup(kind: GroupKind, entries: readonly CatalogEntry[]): Group[] {
  if (entries.length === 0) return []
  return [{ kind, key: noneKey, title: { kind: 'none' }, ids: entries.map(({ id }) => id), children: [] }]
}

/** The wall time of a capture, in milliseconds as if it were UTC; null without a date, and for one that is none. */
export function wallTime({ capturedAt }: Pick<CatalogEntry, 'capturedAt'>): number | null {
  const at = capturedAt ? Date.parse(`${capturedAt.local}Z`) : NaN
  return Number.isNaN(at) ? null : at
}

/** An entry with its wall time, found once. */
export interface TimedEntry {
  readonly entry: CatalogEntry
  readonly at: number | null
}

/** Puts entries in the order of their capture; what has no date stands where it was uploaded. */
export function inOrder(entries: readonly CatalogEntry[]): TimedEntry[] {
  const timed = entries.map((entry) => ({ entry, at: wallTime(entry) }))
  const orderOf = ({ entry, at }: TimedEntry): number => at ?? entry.createdAt
  return timed.sort((a, b) => orderOf(a) - orderOf(b) || (a.entry.id < b.entry.id ? -1 : 1))
}

/** Entries by what `keyOf` says of them, in the order in which each key first comes. */
export function groupedBy<K>(
  entries: readonly CatalogEntry[],
  keyOf: (entry: CatalogEntry) => K,
): Map<K, CatalogEntry[]> {
  const groups = new Map<K, CatalogEntry[]>()
  for (const entry of entries) {
    const key = keyOf(entry)
    const group = groups.get(key)
    if (group) group.push(entry)
    else groups.set(key, [entry])
  }
  return groups
}
