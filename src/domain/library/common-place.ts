import type { Place } from '../../media/types.ts'

/** A part of the places this large has it in common. */
const most = 0.6

/** The value that at least `most` of the values have; null where there is none, or where it is null itself. */
function commonOf<T>(values: readonly T[], nameOf: (value: T) => string | null): T[] | null {
  const groups = new Map<string | null, T[]>()
  for (const value of values) {
    const name = nameOf(value)
    const group = groups.get(name)
    if (group) group.push(value)
    else groups.set(name, [value])
  }
  for (const [name, group] of groups)
    if (group.length >= values.length * most) return name === null ? null : group
  return null
}

/**
 * What most of the places have in common, from the country down: the city only where most lie in it, then the
 * state, then the country. Null where they lie all over.
 */
export function commonPlace(places: readonly Place[]): Place | null {
  const inCountry = commonOf(places, ({ country }) => country.code)
  const country = inCountry?.[0]?.country
  if (!inCountry || !country) return null
  const inState = commonOf(inCountry, ({ state }) => state)
  const inCity = commonOf(inState ?? inCountry, ({ city }) => city)
  const inNeighbourhood = inCity && commonOf(inCity, ({ neighbourhood }) => neighbourhood)
  return {
    country,
    state: inState?.[0]?.state ?? null,
    city: inCity?.[0]?.city ?? null,
    neighbourhood: inNeighbourhood?.[0]?.neighbourhood ?? null,
  }
}
