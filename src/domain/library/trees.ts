import type { CatalogEntry } from '../items/library-index.ts'
import { groupedBy, noneGroup, type Group, type TimedEntry } from './group.ts'

const idsOf = (entries: readonly CatalogEntry[]): string[] => entries.map(({ id }) => id)

/** Months by wall time, the latest first; what has no date stands at the end. `timed` in order, as all entries here. */
export function months(timed: readonly TimedEntry[]): Group[] {
  const dated = timed.flatMap(({ entry, at }) => (at === null ? [] : [entry]))
  const undated = timed.flatMap(({ entry, at }) => (at === null ? [entry] : []))
  const byMonth = groupedBy(dated, ({ capturedAt }) => capturedAt?.local.slice(0, 7) ?? '')
  const groups = [...byMonth].map(([month, members]): Group => ({
    kind: 'month',
    key: month,
    title: { kind: 'month', month },
    ids: idsOf(members),
    children: [],
  }))
  return [...groups.sort((a, b) => (a.key < b.key ? 1 : -1)), ...noneGroup('month', undated)]
}

const byCount = (a: Group, b: Group): number => b.ids.length - a.ids.length || (a.key < b.key ? -1 : 1)

/** Keys hold names of places, which may hold anything. */
const keyOf = (...names: readonly string[]): string => names.map(encodeURIComponent).join('/')

/**
 * Countries, in them states, in them cities, those with most items first; where a state is not known its cities stand
 * in the country. What has no place stands at the end.
 */
export function regions(entries: readonly CatalogEntry[]): Group[] {
  const placed = entries.filter(({ place }) => place !== null)
  const byCountry = groupedBy(placed, ({ place }) => place?.country.code ?? '')
  const groups = [...byCountry].map(([code, members]): Group => {
    const country = members[0]?.place?.country ?? { code, name: code }
    const children = [...groupedBy(members, ({ place }) => place?.state ?? null)].flatMap(
      ([state, inState]): Group[] => {
        const cities = citiesOf(country, state, inState)
        if (state === null) return cities
        const title = { kind: 'region', place: { country, state, city: null } } as const
        const ids = idsOf(inState)
        return [{ kind: 'region', key: keyOf(code, state), title, ids, children: cities }]
      },
    )
    return {
      kind: 'region',
      key: keyOf(code),
      title: { kind: 'region', place: { country, state: null, city: null } },
      ids: idsOf(members),
      children: children.sort(byCount),
    }
  })
  const unplaced = entries.filter(({ place }) => place === null)
  return [...groups.sort(byCount), ...noneGroup('region', unplaced)]
}

function citiesOf(
  country: { code: string; name: string },
  state: string | null,
  members: readonly CatalogEntry[],
): Group[] {
  const groups = [...groupedBy(members, ({ place }) => place?.city ?? null)].flatMap(
    ([city, inCity]): Group[] => {
      if (city === null) return []
      const title = { kind: 'region', place: { country, state, city } } as const
      const key = keyOf(country.code, state ?? '', city)
      return [{ kind: 'region', key, title, ids: idsOf(inCity), children: [] }]
    },
  )
  return groups.sort(byCount)
}

const byName = new Intl.Collator('en', { numeric: true })

/** Folders as they were uploaded, by name; what came without one stands at the end. */
export function folders(entries: readonly CatalogEntry[]): Group[] {
  const inFolders = entries.filter(({ folder }) => folder !== null)
  const without = entries.filter(({ folder }) => folder === null)
  return [...foldersAt('', inFolders), ...noneGroup('folder', without)]
}

/** The folders right below `parent` (`` or `/Summer`), of entries that all lie somewhere below it. */
function foldersAt(parent: string, entries: readonly CatalogEntry[]): Group[] {
  const depth = parent.length
  const below = groupedBy(entries, ({ folder }) => {
    const rest = `/${folder ?? ''}`.slice(depth + 1)
    const end = rest.indexOf('/')
    return end === -1 ? rest : rest.slice(0, end)
  })
  const groups = [...below].map(([name, members]): Group => {
    const key = `${parent}/${name}`
    const deeper = members.filter(({ folder }) => `/${folder ?? ''}` !== key)
    return {
      kind: 'folder',
      key,
      title: { kind: 'folder', path: key.slice(1), name },
      ids: idsOf(members),
      children: deeper.length === 0 ? [] : foldersAt(key, deeper),
    }
  })
  return groups.sort((a, b) => byName.compare(a.key, b.key) || (a.key < b.key ? -1 : 1))
}
