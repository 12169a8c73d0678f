import type { CatalogEntry } from '../items/library-index.ts'
import { commonPlace } from './common-place.ts'
import { noneGroup, type Group, type Span, type TimedEntry } from './group.ts'

const hour = 3_600_000
const day = 24 * hour

/** A pause this long ends a run. */
const pause = 9 * hour
/** So does going further than this, in kilometres. */
const near = 50
/** Runs in one place are one moment across a night, and a day without pictures. */
const longPause = 36 * hour
/** But none lasts longer: at home the pictures never end. */
const longest = 16 * day
/** Until then a night belongs to the day before. */
const nightEnds = 4 * hour

interface Located {
  readonly latitude: number
  readonly longitude: number
}

/** Items taken one after the other. Times are wall times in milliseconds. */
interface Run {
  readonly entries: CatalogEntry[]
  readonly from: number
  to: number
  first: Located | null
  last: Located | null
}

/** Runs of an owner's pictures in time and place, the latest first; what has no date stands at the end. `timed` in order. */
export function moments(timed: readonly TimedEntry[]): Group[] {
  const found = merged(runsOf(timed)).map(groupOf).reverse()
  const undated = timed.flatMap(({ entry, at }) => (at === null ? [entry] : []))
  return [...found, ...noneGroup('moment', undated)]
}

function runsOf(timed: readonly TimedEntry[]): Run[] {
  const runs: Run[] = []
  let run: Run | null = null
  for (const { entry, at } of timed) {
    if (at === null) continue
    const here = locationOf(entry)
    const goesOn = run !== null && at - run.to <= pause && !isFar(run.last, here)
    if (run === null || !goesOn) {
      run = { entries: [], from: at, to: at, first: null, last: null }
      runs.push(run)
    }
    run.entries.push(entry)
    run.to = at
    run.first ??= here
    run.last = here ?? run.last
  }
  return runs
}

/** Joins runs that are known to be in one place. */
function merged(runs: readonly Run[]): Run[] {
  const moments: Run[] = []
  for (const run of runs) {
    const before = moments.at(-1)
    const isOne =
      before?.last &&
      run.first &&
      !isFar(before.last, run.first) &&
      run.from - before.to <= longPause &&
      run.to - before.from <= longest
    if (!isOne) {
      moments.push({ ...run, entries: [...run.entries] })
      continue
    }
    for (const entry of run.entries) before.entries.push(entry)
    before.to = run.to
    before.last = run.last
  }
  return moments
}

function groupOf({ entries, from, to }: Run): Group {
  const places = entries.flatMap(({ place }) => place ?? [])
  const dates = { from: dateOf(from), to: dateOf(to) }
  return {
    kind: 'moment',
    key: entries[0]?.id ?? '',
    title: { kind: 'moment', ...spanOf(from, to), place: commonPlace(places), ...dates },
    ids: entries.map(({ id }) => id),
    children: [],
  }
}

const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

function spanOf(from: number, to: number): { span: Span; days: number } {
  const firstDay = Math.floor(from / day)
  const lastDay = Math.max(firstDay, Math.floor((to - nightEnds) / day))
  const days = lastDay - firstDay + 1
  if (days === 1) return { span: 'day', days }
  const [begins, ends] = [weekday(firstDay), weekday(lastDay)]
  const isWeekend = days <= 4 && (begins === 5 || begins === 6) && (ends === 0 || ends === 1)
  if (isWeekend) return { span: 'weekend', days }
  return { span: days >= 5 && days <= 9 ? 'week' : 'days', days }
}

/** 0 is Sunday; 1 January 1970 was a Thursday. */
const weekday = (daysSince1970: number): number => (((daysSince1970 + 4) % 7) + 7) % 7

const locationOf = ({ latitude, longitude }: CatalogEntry): Located | null =>
  latitude === null || longitude === null ? null : { latitude, longitude }

/** Whether two points are known to be further apart than `near`: by the haversine on a sphere of 6,371 km. */
function isFar(a: Located | null, b: Located | null): boolean {
  if (a === null || b === null) return false
  const radians = Math.PI / 180
  const down = Math.sin(((b.latitude - a.latitude) * radians) / 2)
  const across = Math.sin(((b.longitude - a.longitude) * radians) / 2)
  const cosines = Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians)
  const half = Math.min(1, Math.sqrt(down ** 2 + cosines * across ** 2))
  return 2 * 6371 * Math.asin(half) > near
}
