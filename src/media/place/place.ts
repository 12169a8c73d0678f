import { feature } from '@rapideditor/country-coder'
import { distance } from 'geokdbush'
import { stateName } from './states.ts'
import { openTowns, type Town } from './towns.ts'
import type { Place } from '../types.ts'

/** Names places by their coordinates, offline. */
export interface Places {
  /** WGS 84 degrees. Null at sea, and for what is no coordinate. Takes about 0.2 ms. */
  readonly find: (latitude: number, longitude: number) => Place | null
}

/** How near a town must be to name a place, in kilometres. */
const townWithin = 40
/** In a country whose towns are further away, or whose borders are disputed: the town that one stands in. */
const foreignWithin = 10

/**
 * Countries come from country-coder's borders (de facto, one for each point), towns from GeoNames. About 60 ms and
 * 25 MB. Throws where the packed towns are missing.
 */
export async function openPlaces(): Promise<Places> {
  const towns = await openTowns()
  return {
    find(latitude, longitude) {
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return null
      const country = countryAt(latitude, longitude)
      if (!country) return null
      const near = towns.around(latitude, longitude, townWithin)
      const inCountry = near.filter((town) => town.country === country.code)
      // The nearest town tells the state: a large one across a state line may pull more.
      const own = inCountry.filter((town) => town.area === inCountry[0]?.area)
      const from = { latitude, longitude }
      const city =
        strongest(own, from, (town) => !town.isPart) ??
        strongest(inCountry, from, (town) => !town.isPart) ??
        strongest(near, from, (town, kilometres) => !town.isPart && kilometres <= foreignWithin)
      const part = strongest(own, from, (town, kilometres) => town.isPart && kilometres <= reach(town))
      return {
        country,
        state: city?.country === country.code ? stateName(city.country, city.area) : null,
        city: city?.name ?? null,
        // A part of another town is not a part of this one.
        neighbourhood: part && part.area === city?.area && part.name !== city.name ? part.name : null,
      }
    },
  }
}

/** How far a neighbourhood or borough reaches, in kilometres: rather none than the next one's name. */
const reach = ({ population }: Town): number => Math.max(1, 0.004 * Math.sqrt(population))

/** In km²: keeps what is very near from pulling without end. */
const blur = 0.3

/**
 * The town that pulls most, by its people and by the square of the distance: so that a suburb is told from the
 * city that it lies by.
 */
function strongest(
  towns: readonly Town[],
  from: { latitude: number; longitude: number },
  accepts: (town: Town, kilometres: number) => boolean,
): Town | null {
  let best: Town | null = null
  let most = 0
  for (const town of towns) {
    const kilometres = distance(from.longitude, from.latitude, town.longitude, town.latitude)
    if (!accepts(town, kilometres)) continue
    const pull = Math.max(town.population, 100) / (kilometres ** 2 + blur)
    if (pull > most) [best, most] = [town, pull]
  }
  return best
}

/** The territory that has a code of its own (Réunion, Hong Kong), else the country; null at sea. */
function countryAt(latitude: number, longitude: number): Place['country'] | null {
  for (const level of ['territory', 'country']) {
    const found = feature([longitude, latitude], { level })?.properties
    if (found?.iso1A2) return { code: found.iso1A2, name: found.nameEn }
  }
  return null
}
