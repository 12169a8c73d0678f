/*
 * Packs Natural Earth's land and borders (by world-atlas, public domain) into one file that opens at once: `node
 * script/build-map.mjs [file]`, by default dist/data/map.bin; src/media/map/ground.ts reads it. For each level (110m, 50m,
 * 10m) and each of `land` (rings) and `borders` (lines): `<name>-points`, float32 x and y in Web Mercator, the world from
 * 0 to 1; `<name>-ends`, uint32, where each ring or line ends, counted in points; `<name>-boxes`, float32 least x, least y,
 * greatest x, greatest y of each. A ring that crosses the date line goes on past 1.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { feature, mesh } from 'topojson-client'
import { writeSections } from './sections.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const target = process.argv[2] ?? join(root, 'dist', 'data', 'map.bin')
const require = createRequire(import.meta.url)

/** Below the bottom of the square that Web Mercator shows: where a ring around the South Pole closes. */
const belowBottom = 1.5

function mercator([longitude, latitude]) {
  const sine = Math.sin((Math.min(Math.max(latitude, -86), 86) * Math.PI) / 180)
  return [longitude / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)]
}

/** Longitudes that go on across the date line instead of leaping to the other side of the world. */
function unwrapped(points) {
  let turn = 0
  return points.map(([longitude, latitude], index) => {
    const leap = index === 0 ? 0 : longitude - points[index - 1][0]
    if (leap > 180) turn -= 360
    if (leap < -180) turn += 360
    return [longitude + turn, latitude]
  })
}

/** A ring in the plane. One that goes once around the earth is closed by way of the South Pole. */
function ring(points) {
  const inPlane = unwrapped(points)
  const flat = inPlane.map(mercator)
  const [first, last] = [flat[0], flat.at(-1)]
  if (Math.abs(last[0] - first[0]) > 0.5) flat.push([last[0], belowBottom], [first[0], belowBottom], first)
  return intoWorld(flat)
}

/** Moved by whole turns so that it begins between 0 and 1. */
function intoWorld(points) {
  const by = Math.floor(Math.min(...points.map(([x]) => x)))
  return points.map(([x, y]) => [x - by, y])
}

function packed(name, shapes) {
  const ends = new Uint32Array(shapes.length)
  shapes.reduce((sum, shape, index) => (ends[index] = sum + shape.length), 0)
  const boxes = shapes.flatMap((shape) => {
    const [xs, ys] = [shape.map(([x]) => x), shape.map(([, y]) => y)]
    const least = (values) => values.reduce((a, b) => Math.min(a, b))
    const greatest = (values) => values.reduce((a, b) => Math.max(a, b))
    return [least(xs), least(ys), greatest(xs), greatest(ys)]
  })
  return {
    [`${name}-points`]: Float32Array.from(shapes.flat(2)),
    [`${name}-ends`]: ends,
    [`${name}-boxes`]: Float32Array.from(boxes),
  }
}

const sections = {}
for (const level of ['110m', '50m', '10m']) {
  const topology = require(`world-atlas/countries-${level}.json`)
  const { land, countries } = topology.objects
  const rings = feature(topology, land).features.flatMap(({ geometry }) =>
    (geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates).flat(),
  )
  const lines = mesh(topology, countries, (a, b) => a !== b).coordinates
  Object.assign(
    sections,
    packed(`land-${level}`, rings.map(ring)),
    packed(
      `borders-${level}`,
      lines.map((line) => intoWorld(unwrapped(line).map(mercator))),
    ),
  )
}

await writeSections(target, {}, sections)
