import type { Group, GroupTitle } from '../../domain/library/library.ts'
import type { Album } from '../../domain/records/records.ts'
import type { Language } from './language.ts'

const monthAndYear = { month: 'long', year: 'numeric' } as const
const dayToYear = { day: 'numeric', month: 'long', year: 'numeric' } as const

/** The most telling name of a place that has one. */
const nameOfPlace = (place: {
  neighbourhood?: string | null
  city: string | null
  state: string | null
  country: { name: string }
}): string =>
  place.neighbourhood && place.city
    ? `${place.neighbourhood}, ${place.city}`
    : (place.city ?? place.state ?? place.country.name)

function momentTitle(
  language: Language,
  title: Extract<GroupTitle, { kind: 'moment' }>,
  tellsPlace: boolean,
): string {
  const [from, to] = [Date.parse(`${title.from}Z`), Date.parse(`${title.to}Z`)]
  const place = tellsPlace && title.place ? nameOfPlace({ ...title.place, neighbourhood: null }) : null
  if (place === null)
    return title.from === title.to ? language.date(from, dayToYear) : language.dateRange(from, to, dayToYear)
  const date =
    title.span === 'day' ? language.date(from, dayToYear) : language.dateRange(from, to, monthAndYear)
  return language.t(`library.${title.span}`, { count: title.days, place, date })
}

/** A group's title in words. Without `tellsPlace` it names none: '' where the place is all that there is to name. */
export function groupTitle(language: Language, { kind, title }: Group, tellsPlace = true): string {
  switch (title.kind) {
    case 'moment':
      return momentTitle(language, title, tellsPlace)
    case 'month':
      return language.date(Date.parse(`${title.month}-01`), monthAndYear)
    case 'region':
      return tellsPlace ? nameOfPlace(title.place) : ''
    case 'folder':
      return title.name
    case 'none':
      return language.t(`library.none.${kind}`)
  }
}

/** The title of an album that is made of a group, with and without place names, and whether it names a date. */
export function albumTitles(
  language: Language,
  group: Group,
): Pick<Album, 'title' | 'titleWithoutPlace' | 'isTitleDate'> {
  const [title, plain] = [groupTitle(language, group), groupTitle(language, group, false)]
  const isTitleDate = group.title.kind === 'moment' || group.title.kind === 'month'
  return { title, titleWithoutPlace: plain === title ? null : plain, isTitleDate }
}
