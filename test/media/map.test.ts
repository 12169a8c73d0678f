import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { openMaps, type DrawnMap, type MapPoint, type Maps } from '../../src/media/map/map.ts'
import { leastProcessorMs } from '../support/timing.ts'

let maps: Maps
beforeAll(async () => {
  maps = await openMaps()
})

const size = { width: 800, height: 500 }
const points = (...degrees: readonly (readonly [number, number])[]): MapPoint[] =>
  degrees.map(([latitude, longitude], index) => ({ id: `item-${index}`, latitude, longitude }))

/** The same numbers each time, from 0 to 1 (Park and Miller, 1988). */
function numbers(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
function scattered(count: number, south: number, north: number, west: number, east: number): MapPoint[] {
  const next = numbers(7)
  return points(
    ...Array.from({ length: count }, () => {
      const longitude = west + next() * (east - west)
      return [south + next() * (north - south), longitude > 180 ? longitude - 360 : longitude] as const
    }),
  )
}

const shown = (map: DrawnMap): number => map.clusters.reduce((sum, { count }) => sum + count, 0)
const zipped = (map: DrawnMap): number => gzipSync(map.svg).length

/** Whether land is drawn at a pixel: by how often its outline is crossed on the way to the left (even-odd rule). */
function isLand({ svg }: DrawnMap, x: number, y: number): boolean {
  const path = /class="map-land"[^>]* d="([^"]*)"/.exec(svg)?.[1] ?? ''
  let crossings = 0
  for (const ring of path.split('z').filter((part) => part !== '')) {
    const [atX = 0, atY = 0, ...steps] = (ring.match(/-?\d+/g) ?? []).map(Number)
    const corners = [[atX, atY]]
    let [cornerX, cornerY] = [atX, atY]
    for (let index = 0; index < steps.length; index += 2) {
      cornerX += steps[index] ?? 0
      cornerY += steps[index + 1] ?? 0
      corners.push([cornerX, cornerY])
    }
    // Between two lines of units, so that no corner is met.
    const [lookX, lookY] = [x * 2 + 0.5, y * 2 + 0.5]
    corners.forEach(([ax = 0, ay = 0], index) => {
      const [bx = 0, by = 0] = corners[(index + 1) % corners.length] ?? []
      if (ay > lookY !== by > lookY && lookX > ax + ((bx - ax) * (lookY - ay)) / (by - ay)) crossings++
    })
  }
  return crossings % 2 === 1
}

/** Where degrees stand in a map, by what it says that it shows; the map must not be the whole world. */
function pixel({ view, width, height }: DrawnMap, latitude: number, longitude: number): [number, number] {
  const down = (degrees: number) => Math.asinh(Math.tan((degrees * Math.PI) / 180))
  const span = (view.east - view.west + 360) % 360
  const y = (down(view.north) - down(latitude)) / (down(view.north) - down(view.south))
  return [((longitude - view.west + 360) % 360) * (width / span), y * height]
}

describe('ground', () => {
  it.each([
    ['Lisbon', 38.75, -9.18, true],
    ['the sea off Lisbon', 38.6, -9.6, false],
    ['inland', 39.2, -8, true],
  ])('shows %s as it is', (_, latitude, longitude, expected) => {
    const map = maps.draw({ points: [], view: { west: -10, south: 38, east: -7.5, north: 39.5 }, ...size })
    expect(isLand(map, ...pixel(map, latitude, longitude))).toBe(expected)
  })

  it.each([
    ['Chukotka, west of the date line', 66, 178, true],
    ['Chukotka, east of it', 66.3, -176, true],
    ['Alaska', 65, -163, true],
    ['the Bering Sea', 61, -179, false],
    ['the Chukchi Sea', 69, -170, false],
  ])('goes on across the date line: %s', (_, latitude, longitude, expected) => {
    const map = maps.draw({ points: [], view: { west: 165, south: 60, east: -160, north: 71 }, ...size })
    expect(map.view.west).toBeGreaterThan(map.view.east)
    expect(isLand(map, ...pixel(map, latitude, longitude))).toBe(expected)
  })

  it('fills Antarctica down to the edge and not the sea around it', () => {
    const map = maps.draw({ points: points([-89, 0]), view: 'fit', ...size })
    expect(isLand(map, 400, map.height - 1)).toBe(true)
    const coast = maps.draw({ points: [], view: { west: -180, south: -85, east: 180, north: 0 }, ...size })
    for (const x of [1, 200, 400, 600, 799]) {
      expect(isLand(coast, x, coast.height - 1)).toBe(true)
      expect(isLand(coast, x, 250)).toBe(false)
    }
  })

  it('is all land far from every sea, and has no land far from every coast', () => {
    const inland = maps.draw({ points: points([47.38, 8.54]), view: 'fit', ...size })
    for (const x of [1, 400, 799]) expect(isLand(inland, x, 250)).toBe(true)
    const sea = maps.draw({ points: points([-48.9, -123.4]), view: 'fit', ...size })
    expect(sea.svg).not.toContain('map-land')
    expect(sea.svg).not.toContain('map-name')
  })

  it('has no colour and no style of its own, and only whole numbers in its paths', () => {
    const { svg } = maps.draw({ points: [], view: 'fit', ...size })
    expect(svg).not.toMatch(/style|fill="|stroke|NaN|undefined|Infinity/)
    for (const [, path] of svg.matchAll(/ d="([^"]*)"/g)) expect(path).toMatch(/^[Mlz\d -]+$/)
  })
})

describe('names', () => {
  const namesIn = ({ svg }: DrawnMap) =>
    [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, name]) => name)

  it('names the largest towns of a view', () => {
    const map = maps.draw({ points: [], view: { west: -12, south: 35, east: 35, north: 62 }, ...size })
    expect(namesIn(map)).toEqual(expect.arrayContaining(['London', 'Madrid', 'Istanbul']))
    expect(namesIn(map).length).toBeLessThanOrEqual(20)
  })

  it('names towns on both sides of the date line', () => {
    const map = maps.draw({ points: [], view: { west: 165, south: 60, east: -160, north: 71 }, ...size })
    expect(namesIn(map)).toEqual(expect.arrayContaining(['Anadyr', 'Nome']))
  })
})

describe('what fits', () => {
  it('shows every point well inside', () => {
    const map = maps.draw({ points: scattered(50, 38, 39, -10, -8), view: 'fit', ...size })
    expect(shown(map)).toBe(50)
    for (const { x, y } of map.clusters) {
      expect(x).toBeGreaterThan(20)
      expect(x).toBeLessThan(780)
      expect(y).toBeGreaterThan(20)
      expect(y).toBeLessThan(480)
    }
  })

  it('takes the short way across the date line: Fiji', () => {
    const map = maps.draw({ points: scattered(40, -18.5, -16, 178, 182), view: 'fit', ...size })
    expect(shown(map)).toBe(40)
    expect(map.view.west).toBeGreaterThan(170)
    expect(map.view.east).toBeLessThan(-170)
    expect(isLand(map, ...pixel(map, -17.85, 177.95))).toBe(true)
    expect(isLand(map, ...pixel(map, -17.3, -179.6))).toBe(false)
  })

  it('joins points on both sides of the date line', () => {
    const map = maps.draw({
      points: points([-17, 179.999], [-17, -179.999], [-17, 178]),
      view: 'fit',
      ...size,
    })
    expect(map.clusters.map(({ count }) => count).sort()).toEqual([1, 2])
  })

  it.each([
    ['the South Pole', points([-90, 0], [-90, 100])],
    ['the North Pole', points([90, 0], [89, -100])],
    ['both', points([90, 0], [-90, 0])],
  ])('holds at %s', (_, given) => {
    const map = maps.draw({ points: given, view: 'fit', ...size })
    expect(shown(map)).toBe(2)
    for (const degrees of Object.values(map.view)) expect(Number.isFinite(degrees)).toBe(true)
  })

  it('shows one point in the middle, with towns around it', () => {
    const map = maps.draw({ points: points([47.3769, 8.5417]), view: 'fit', ...size })
    expect(map.clusters).toEqual([{ x: 400, y: 250, count: 1, ids: ['item-0'], zoomView: null }])
    expect(map.view.east - map.view.west).toBeGreaterThan(0.2)
    expect(map.svg).toContain('map-name')
  })

  it('shows equal points as one cluster that does not fall apart', () => {
    const map = maps.draw({ points: scattered(50, 40.758, 40.758, -73.9855, -73.9855), view: 'fit', ...size })
    expect(map.clusters).toHaveLength(1)
    expect(map.clusters[0]).toMatchObject({ x: 400, y: 250, count: 50, zoomView: null })
    expect(map.clusters[0]?.ids).toEqual(Array.from({ length: 12 }, (_, index) => `item-${index}`))
  })

  it('shows the world without points', () => {
    const map = maps.draw({ points: [], view: 'fit', ...size })
    expect(map.view).toMatchObject({ west: -180, east: 180 })
    expect(map.clusters).toEqual([])
  })
})

describe('views', () => {
  const given = scattered(300, 36, 60, -8, 30)

  it('zooms into a cluster: its view holds its points, apart from each other', () => {
    let map = maps.draw({ points: given, view: 'fit', ...size })
    for (let step = 0; step < 12; step++) {
      const largest = map.clusters.reduce((a, b) => (b.count > a.count ? b : a))
      if (largest.zoomView === null) break
      const next = maps.draw({ points: given, view: largest.zoomView, ...size })
      expect(shown(next)).toBeGreaterThanOrEqual(largest.count)
      expect(next.view.east - next.view.west).toBeLessThan(map.view.east - map.view.west)
      expect(next.clusters.length).toBeGreaterThan(1)
      map = next
    }
    expect(map.clusters.every(({ count }) => count < 10)).toBe(true)
  })

  it('zooms out to the world in the end', () => {
    let map = maps.draw({ points: given, view: { west: 2.2, south: 48.8, east: 2.4, north: 48.9 }, ...size })
    let steps = 0
    for (; map.outView !== null && steps < 20; steps++)
      map = maps.draw({ points: given, view: map.outView, ...size })
    expect(map.outView).toBeNull()
    expect(steps).toBeGreaterThan(5)
    expect(shown(map)).toBe(300)
  })

  it('shows at least the view asked for, whatever the form', () => {
    const view = { west: 170, south: -20, east: -170, north: -10 }
    for (const form of [size, { width: 320, height: 640 }, { width: 1600, height: 200 }]) {
      const shows = maps.draw({ points: [], view, ...form }).view
      expect(shows.west).toBeLessThanOrEqual(170)
      expect(shows.east).toBeGreaterThanOrEqual(-170)
      expect(shows.north).toBeGreaterThanOrEqual(-10)
      expect(shows.south).toBeLessThanOrEqual(-20)
    }
  })

  it.each([
    { view: { west: -181, south: 0, east: 0, north: 1 } },
    { view: { west: 0, south: 2, east: 1, north: 1 } },
    { view: { west: 0, south: Number.NaN, east: 1, north: 1 } },
    { width: 99 },
    { height: 1e9 },
    { width: 300.5 },
    { points: points([91, 0]) },
    { points: points([0, Number.NaN]) },
  ])('refuses %j', (wrong) => {
    expect(() => maps.draw({ points: [], view: 'fit', ...size, ...wrong })).toThrow(RangeError)
  })
})

describe('bounds', () => {
  it('draws 5,000 points the same each time, in time and in size', () => {
    const given = scattered(5000, -70, 80, -180, 180)
    const first = maps.draw({ points: given, view: 'fit', ...size })
    const draw = () => maps.draw({ points: given, view: 'fit', ...size })
    expect(leastProcessorMs(draw)).toBeLessThan(500)
    expect(draw()).toEqual(first)
    expect(shown(first)).toBe(5000)
    expect(first.clusters.length).toBeLessThan(250)
    expect(zipped(first)).toBeLessThan(14_000)
  })

  it.each([
    ['a city', { west: -9.3, south: 38.6, east: -9, north: 38.8 }],
    ['a coast', { west: 6, south: 43, east: 9, north: 44.5 }],
    ['a coast of fjords', { west: 4, south: 58, east: 9, north: 62 }],
    ['islands', { west: 20, south: 35, east: 29, north: 40 }],
    ['a continent', { west: -12, south: 35, east: 35, north: 62 }],
  ])('takes at most 12 kB for %s', (_, view) => {
    const map = maps.draw({ points: [], view, ...size })
    expect(zipped(map)).toBeLessThan(12_000)
  })
})
