import { describe, expect, it } from 'vitest'
import type { CatalogEntry } from '../../src/domain/items/library-index.ts'
import { findGroup, groupLibrary, type Group, type GroupKind } from '../../src/domain/library/library.ts'
import type { Place } from '../../src/media/types.ts'
import { leastProcessorMs } from '../support/timing.ts'

const countries = { PT: 'Portugal', DE: 'Germany', US: 'United States of America' }
const place = (
  code: keyof typeof countries,
  state: string | null,
  city: string | null,
  neighbourhood: string | null = null,
): Place => ({ country: { code, name: countries[code] }, state, city, neighbourhood })

const lisbon = { latitude: 38.71, longitude: -9.14, place: place('PT', 'Lisbon', 'Lisbon') }
const sintra = { latitude: 38.79, longitude: -9.39, place: place('PT', 'Lisbon', 'Sintra') }
const porto = { latitude: 41.15, longitude: -8.61, place: place('PT', 'Porto', 'Porto') }
const berlin = { latitude: 52.52, longitude: 13.4, place: place('DE', 'Berlin', 'Berlin') }
const nowhere = { latitude: null, longitude: null, place: null }

let made = 0
/** An item taken at a wall time such as `2026-05-01T18:30`; null: without a date. */
function taken(local: string | null, where: Partial<CatalogEntry> = nowhere): CatalogEntry {
  made++
  return {
    id: `item-${String(made).padStart(6, '0')}`,
    capturedAt: local === null ? null : { local: `${local}:00`, offset: '+01:00' },
    createdAt: 1_800_000_000_000 + made,
    ...nowhere,
    folder: null,
    kind: 'photo',
    ...where,
  }
}

const titles = (groups: readonly Group[]) => groups.map(({ title }) => title)
const counts = (groups: readonly Group[]) => groups.map(({ key, ids }) => [key, ids.length])
/** Every item once, whatever the kind. */
function expectAll(groups: readonly Group[], entries: readonly CatalogEntry[]): void {
  expect(groups.flatMap(({ ids }) => ids).sort()).toEqual(entries.map(({ id }) => id).sort())
}

describe('moments', () => {
  it('is a weekend in Lisbon, nights and a day trip included', () => {
    const entries = [
      taken('2026-05-01T18:30', lisbon),
      taken('2026-05-01T23:50', lisbon),
      taken('2026-05-02T10:00', lisbon),
      taken('2026-05-02T11:00'),
      taken('2026-05-02T15:00', sintra),
      taken('2026-05-03T12:00', lisbon),
      taken('2026-05-03T19:00', lisbon),
    ]
    const groups = groupLibrary(entries.toReversed(), 'moment')
    expect(titles(groups)).toEqual([
      {
        kind: 'moment',
        span: 'weekend',
        days: 3,
        place: place('PT', 'Lisbon', 'Lisbon'),
        from: '2026-05-01',
        to: '2026-05-03',
      },
    ])
    expect(groups[0]?.ids).toEqual(entries.map(({ id }) => id))
    expect(groups[0]?.key).toBe(entries[0]?.id)
  })

  it('splits where one has gone far, and where a long time has passed; the latest comes first', () => {
    const entries = [
      taken('2026-05-01T10:00', lisbon),
      taken('2026-05-01T16:00', porto),
      taken('2026-05-04T10:00', porto),
      taken('2026-07-04T10:00', porto),
      taken('2026-07-04T12:00', berlin),
    ]
    const groups = groupLibrary(entries, 'moment')
    expect(groups.map(({ title }) => title.kind === 'moment' && [title.place?.city, title.from])).toEqual([
      ['Berlin', '2026-07-04'],
      ['Porto', '2026-07-04'],
      ['Porto', '2026-05-04'],
      ['Porto', '2026-05-01'],
      ['Lisbon', '2026-05-01'],
    ])
    expectAll(groups, entries)
  })

  it('splits pictures without a place at a pause of more than nine hours, and not at a shorter one', () => {
    const entries = [taken('2026-05-01T10:00'), taken('2026-05-01T18:59'), taken('2026-05-02T04:00')]
    const groups = groupLibrary(entries, 'moment')
    expect(groups.map(({ ids }) => ids.length)).toEqual([1, 2])
    expect(titles(groups)[1]).toMatchObject({ span: 'day', place: null })
  })

  it.each([
    ['2026-05-06T09:00', '2026-05-06T22:00', 'day', 1],
    ['2026-05-06T21:00', '2026-05-07T03:30', 'day', 1],
    ['2026-05-08T20:00', '2026-05-10T20:00', 'weekend', 3],
    ['2026-05-09T09:00', '2026-05-10T20:00', 'weekend', 2],
    ['2026-05-09T09:00', '2026-05-11T18:00', 'weekend', 3],
    ['2026-05-06T09:00', '2026-05-08T18:00', 'days', 3],
    ['2026-05-04T09:00', '2026-05-10T18:00', 'week', 7],
    ['2026-05-02T09:00', '2026-05-13T18:00', 'days', 12],
    ['2026-12-31T20:00', '2027-01-01T02:00', 'day', 1],
    ['1969-12-27T10:00', '1969-12-28T10:00', 'weekend', 2],
  ])('from %s to %s it is a %s of %d', (from, to, span, days) => {
    const entries: CatalogEntry[] = []
    const end = Date.parse(`${to}:00Z`)
    for (let at = Date.parse(`${from}:00Z`); at < end; at += 8 * 3_600_000)
      entries.push(taken(new Date(at).toISOString().slice(0, 16), lisbon))
    entries.push(taken(to, lisbon))
    const groups = groupLibrary(entries, 'moment')
    expect(groups).toHaveLength(1)
    expect(groups[0]?.title).toMatchObject({ span, days, from: from.slice(0, 10), to: to.slice(0, 10) })
  })

  it('does not go on for ever where pictures are taken each day', () => {
    const entries = Array.from({ length: 60 }, (_, n) =>
      taken(new Date(Date.UTC(2026, 0, 1 + n, 12)).toISOString().slice(0, 16), berlin),
    )
    const groups = groupLibrary(entries, 'moment')
    expect(groups.length).toBeGreaterThanOrEqual(4)
    for (const { title } of groups) expect(title.kind === 'moment' && title.days).toBeLessThanOrEqual(17)
    expectAll(groups, entries)
  })

  it('names what the places have in common: the state, the country, nothing', () => {
    const placeOf = (...where: Partial<CatalogEntry>[]) => {
      const [group] = groupLibrary(
        where.map((each, hour) => taken(`2026-05-01T${10 + hour}:00`, { ...each, ...nowhereFar })),
        'moment',
      )
      return group?.title.kind === 'moment' ? group.title.place : undefined
    }
    // Without coordinates, so that the distance does not split them.
    const nowhereFar = { latitude: null, longitude: null }
    expect(placeOf(lisbon, lisbon, sintra)).toEqual(place('PT', 'Lisbon', 'Lisbon'))
    expect(placeOf(lisbon, sintra)).toEqual(place('PT', 'Lisbon', null))
    expect(placeOf(lisbon, porto)).toEqual(place('PT', null, null))
    expect(placeOf(lisbon, berlin)).toBeNull()
    const kreuzberg = { place: place('DE', 'Berlin', 'Berlin', 'Kreuzberg') }
    expect(placeOf(kreuzberg, kreuzberg, berlin)).toEqual(kreuzberg.place)
  })

  it('keeps what has no date in a group of its own, at the end', () => {
    const broken = { ...taken('x'), capturedAt: { local: 'no date', offset: null } }
    const entries = [taken(null, lisbon), taken('2026-05-01T10:00'), broken]
    const groups = groupLibrary(entries, 'moment')
    expect(groups.map(({ key }) => key)).toEqual([entries[1]?.id, 'none'])
    expect(groups[1]).toMatchObject({ title: { kind: 'none' }, children: [] })
    expect(groups[1]?.ids).toHaveLength(2)
    expectAll(groups, entries)
  })
})

describe('months', () => {
  it('goes by wall time, whatever the zone, the latest first', () => {
    const late = {
      ...taken('2026-05-31T23:59'),
      capturedAt: { local: '2026-05-31T23:59:59', offset: '-10:00' },
    }
    const entries = [
      taken('2026-04-30T12:00'),
      late,
      taken('2026-06-01T00:00'),
      taken(null),
      taken('2025-05-01T00:00'),
    ]
    const groups = groupLibrary(entries, 'month')
    expect(counts(groups)).toEqual([
      ['2026-06', 1],
      ['2026-05', 1],
      ['2026-04', 1],
      ['2025-05', 1],
      ['none', 1],
    ])
    expect(groups[1]?.title).toEqual({ kind: 'month', month: '2026-05' })
    expectAll(groups, entries)
  })
})

describe('regions', () => {
  const sahara = place('US', null, null)
  const entries = [
    taken('2026-05-01T10:00', lisbon),
    taken('2026-05-01T11:00', lisbon),
    taken('2026-05-01T12:00', sintra),
    taken('2026-05-02T12:00', porto),
    taken('2026-05-03T12:00', berlin),
    taken('2026-05-03T12:00', { ...berlin, place: place('DE', null, 'Nowhere / on the line') }),
    taken('2026-05-04T12:00', { latitude: 1, longitude: 1, place: sahara }),
    taken('2026-05-05T12:00', { latitude: 30, longitude: -40, place: null }),
    taken(null),
  ]
  const groups = groupLibrary(entries, 'region')

  it('is a tree of countries, states and cities, the fullest first', () => {
    expect(counts(groups)).toEqual([
      ['PT', 4],
      ['DE', 2],
      ['US', 1],
      ['none', 2],
    ])
    expect(counts(groups[0]?.children ?? [])).toEqual([
      ['PT/Lisbon', 3],
      ['PT/Porto', 1],
    ])
    expect(counts(groups[0]?.children[0]?.children ?? [])).toEqual([
      ['PT/Lisbon/Lisbon', 2],
      ['PT/Lisbon/Sintra', 1],
    ])
    expect(groups[0]?.children[0]?.children[1]?.title).toEqual({
      kind: 'region',
      place: { country: { code: 'PT', name: 'Portugal' }, state: 'Lisbon', city: 'Sintra' },
    })
    expectAll(groups, entries)
  })

  it('puts a city whose state is not known into the country, and asks for no city', () => {
    expect(counts(groups[1]?.children ?? [])).toEqual([
      ['DE//Nowhere%20%2F%20on%20the%20line', 1],
      ['DE/Berlin', 1],
    ])
    expect(groups[2]?.children).toEqual([])
  })

  it('finds each by its key', () => {
    expect(findGroup(groups, 'PT/Lisbon/Sintra')?.ids).toEqual([entries[2]?.id])
    expect(findGroup(groups, 'PT')?.ids).toHaveLength(4)
    expect(findGroup(groups, 'PT/Berlin')).toBeNull()
  })
})

describe('folders', () => {
  const within = (folder: string | null) => ({ ...taken('2026-05-01T10:00'), folder })
  const entries = [
    within('Summer/Day 10'),
    within('Summer/Day 2'),
    within('Summer'),
    within('Winter/Deep/Deeper'),
    within('none'),
    within(null),
  ]
  const groups = groupLibrary(entries, 'folder')

  it('is a tree of paths, by name', () => {
    expect(counts(groups)).toEqual([
      ['/none', 1],
      ['/Summer', 3],
      ['/Winter', 1],
      ['none', 1],
    ])
    expect(counts(groups[1]?.children ?? [])).toEqual([
      ['/Summer/Day 2', 1],
      ['/Summer/Day 10', 1],
    ])
    expect(findGroup(groups, '/Winter/Deep/Deeper')?.title).toEqual({
      kind: 'folder',
      path: 'Winter/Deep/Deeper',
      name: 'Deeper',
    })
    expectAll(groups, entries)
  })

  it('does not take a folder for the group of what has none', () => {
    expect(findGroup(groups, '/none')?.ids).toEqual([entries[4]?.id])
    expect(findGroup(groups, 'none')?.ids).toEqual([entries[5]?.id])
  })
})

describe('any library', () => {
  it.each(['moment', 'month', 'region', 'folder'] satisfies GroupKind[])(
    'is empty by %s without items',
    (kind) => {
      expect(groupLibrary([], kind)).toEqual([])
    },
  )

  it.each(['moment', 'month', 'region', 'folder'] satisfies GroupKind[])(
    'of 10,000 items is grouped by %s in 100 ms',
    (kind) => {
      const places = [lisbon, sintra, porto, berlin, nowhere]
      const entries = Array.from({ length: 10_000 }, (_, n) => ({
        ...taken(
          n % 50 === 0 ? null : new Date(Date.UTC(2020, 0, 1) + n * 7_000_000).toISOString().slice(0, 16),
          places[Math.floor(n / 40) % places.length],
        ),
        folder: n % 3 === 0 ? null : `Year ${Math.floor(n / 1000)}/Day ${Math.floor(n / 30)}`,
      }))
      expect(leastProcessorMs(() => groupLibrary(entries, kind))).toBeLessThan(100)
      expectAll(groupLibrary(entries, kind), entries)
    },
  )
})
