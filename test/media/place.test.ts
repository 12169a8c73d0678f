import { beforeAll, describe, expect, it } from 'vitest'
import { openPlaces, type Places } from '../../src/media/place/place.ts'
import { leastProcessorMs } from '../support/timing.ts'

let places: Places
beforeAll(async () => {
  places = await openPlaces()
})

/** `country / city / neighbourhood`, with – for what is not known. */
function named(latitude: number, longitude: number): string | null {
  const place = places.find(latitude, longitude)
  return place && [place.country.code, place.city ?? '–', place.neighbourhood ?? '–'].join(' / ')
}

describe('places', () => {
  it.each([
    ['Bedford Avenue', 40.7144, -73.957, 'US / New York City / Williamsburg'],
    ['Times Square', 40.758, -73.9855, 'US / New York City / Manhattan'],
    ['Prospect Park', 40.66, -73.969, 'US / New York City / Brooklyn'],
    ['Hoboken, across the river and the state line', 40.744, -74.0324, 'US / Hoboken / –'],
    ['Jersey City, opposite to Manhattan', 40.7178, -74.0431, 'US / Jersey City / –'],
    ['Wembley', 51.556, -0.2795, 'GB / London / Brent'],
    ['Saint-Denis, which lies by Paris', 48.9245, 2.3602, 'FR / Saint-Denis / –'],
    ['Alfama', 38.7139, -9.1284, 'PT / Lisbon / –'],
    ['Sintra, which lies by Lisbon', 38.7876, -9.3907, 'PT / Sintra / –'],
    ['Oranienplatz', 52.5025, 13.4155, 'DE / Berlin / Kreuzberg'],
    ['Potsdam, which lies by Berlin', 52.4, 13.06, 'DE / Potsdam / –'],
    ['the Eiffel Tower', 48.8584, 2.2945, 'FR / Paris / –'],
    ['Versailles, which lies by Paris', 48.8049, 2.1204, 'FR / Versailles / –'],
    ['Westminster Bridge', 51.5009, -0.1235, 'GB / London / City of Westminster'],
    ['Shibuya', 35.6595, 139.7005, 'JP / Tokyo / –'],
    ['Marienplatz', 48.1374, 11.5755, 'DE / Munich / –'],
    ['the Golden Gate Bridge', 37.8078, -122.475, 'US / San Francisco / –'],
    ['Corcovado', -22.9519, -43.2105, 'BR / Rio de Janeiro / –'],
    ['the pyramids', 29.9792, 31.1342, 'EG / Giza / –'],
    ['Suva', -18.1416, 178.4419, 'FJ / Suva / –'],
    ['Uluru', -25.3444, 131.0369, 'AU / Yulara / –'],
    ['a territory with a code of its own', -20.88, 55.45, 'RE / Saint-Denis / –'],
    ['a country within a city', 41.9022, 12.4539, 'VA / Vatican City / –'],
    ['a desert without towns', 23.4, 10, 'DZ / – / –'],
    ['the South Pole', -90, 0, 'AQ / – / –'],
  ])('%s', (_, latitude, longitude, expected) => {
    expect(named(latitude, longitude)).toBe(expected)
  })

  it.each([
    ['the Atlantic', 30, -40],
    ['the North Sea', 56, 3],
    ['the date line in the Pacific', 0, 180],
    ['the North Pole', 90, 0],
    ['Null Island', 0, 0],
    ['no latitude', 91, 0],
    ['no longitude', 0, 181],
    ['no numbers', Number.NaN, Number.POSITIVE_INFINITY],
  ])('knows no place for %s', (_, latitude, longitude) => {
    expect(places.find(latitude, longitude)).toBeNull()
  })

  it('names the country in English and the state where it is known', () => {
    expect(places.find(48.1374, 11.5755)).toEqual({
      country: { code: 'DE', name: 'Germany' },
      state: 'Bavaria',
      city: 'Munich',
      neighbourhood: null,
    })
    expect(places.find(40.744, -74.0324)?.state).toBe('New Jersey')
    expect(places.find(23.4, 10)?.state).toBeNull()
  })

  it.each([
    [-33.8568, 151.2153, 'New South Wales'],
    [43.6426, -79.3871, 'Ontario'],
    [55.9486, -3.1999, 'Scotland'],
    [45.4642, 9.19, 'Lombardy'],
    [41.4036, 2.1744, 'Catalonia'],
    [46.5197, 6.6323, 'Vaud'],
    [34.9671, 135.7727, 'Kyoto'],
    [19.4326, -99.1332, 'Mexico City'],
    [27.1751, 78.0421, 'Uttar Pradesh'],
    [40.4319, 116.5704, 'Beijing'],
    [37.1428, -8.5378, 'Faro'],
    [60.3971, 5.3244, 'Vestland'],
    [21.3069, -157.8583, 'Hawaii'],
  ])('%d, %d lies in %s', (latitude, longitude, state) => {
    expect(places.find(latitude, longitude)?.state).toBe(state)
  })

  it('finds 1,000 places in a second', () => {
    const find = (at: number) => places.find(35 + (at % 40) / 2, -120 + Math.floor(at / 10) * 2.4)
    const taken = leastProcessorMs(() => Array.from({ length: 1000 }, (_, at) => find(at)))
    expect(taken).toBeLessThan(1000)
  })
})
