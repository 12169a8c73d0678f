import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanName } from '../../../src/media/metadata/clean-name.ts'

const clean = (name: string) => cleanName(name, null, 'no-location')

describe('names that carry coordinates', () => {
  test.each([
    ['Paris 48.8584, 2.2945.jpg', 'Paris.jpg'],
    ['48.8584,2.2945.jpg', 'file.jpg'],
    ['photo (48.8584_2.2945).jpg', 'photo.jpg'],
    ['DJI_0001_-33.8568_151.2153.MP4', 'DJI_0001.MP4'],
    ['+48.8584+002.2945+35/', 'file'],
    ['trip geo:48.85,2.29;u=35.jpg', 'trip.jpg'],
    [`48°51'29.6"N 2°17'40.2"E.heic`, 'file.heic'],
    ['home 48°51_29.6_N 2°17_40.2_E.heic', 'home.heic'],
    ['485130N0021740E.mov', 'file.mov'],
    ['lat48.85lon2.29.mov', 'file.mov'],
    ['N48.8584 E2.2945', 'file'],
    ['48,8584 2,2945.jpg', 'file.jpg'],
    ['8FW4V75V+8Q home.jpg', 'home.jpg'],
    ['V75V+8Q Paris.jpg', 'Paris.jpg'],
    ['///filled.count.soap', 'file'],
  ])('%s', (name, expected) => {
    expect(clean(name)).toBe(expected)
  })
})

describe('names that carry none', () => {
  test.each([
    'IMG_20240501_183000.jpg', '2024-05-01 18.30.00.jpg', 'Screenshot 2024-05-01 at 18.30.00.png', 'PXL_20200710_061629144.MP.jpg',
    'IMG_1234 (1).JPG', 'My video 1.2.3.mp4', 'v1.234 test.jpg', 'Grüße aus dem Süden.heic', '日本 2024.jpg', '100% done + more.png',
    'GOPR0123.MP4', 'A & B, 3.5 km.jpg', '', '.jpg', 'S 9.jpg',
  ])('%s', (name) => {
    expect(clean(name)).toBe(name)
  }) // prettier-ignore
})

test('everything keeps every name', () => {
  expect(cleanName('48.8584,2.2945.jpg', null, 'everything')).toBe('48.8584,2.2945.jpg')
})

test('the item’s own coordinates go with two decimals, its places by their words', () => {
  const coordinates = { latitude: -33.856784, longitude: 151.215297, altitude: null, direction: null }
  expect(cleanName('at 33.85 and 151.21.jpg', { coordinates }, 'no-location')).toBe('at and.jpg')
  expect(cleanName('Sydney_Opera house.jpg', null, 'none', ['Sydney Opera', 'Sydney'])).toBe('house.jpg')
  expect(cleanName('Nicely done.jpg', null, 'none', ['Nice'])).toBe('Nicely done.jpg')
})

const latitude = fc.double({ min: -89.99, max: 89.99, noNaN: true })
const longitude = fc.double({ min: -179.99, max: 179.99, noNaN: true })
const words = fc.stringMatching(/^[A-Za-zÀ-ÿ ]{0,12}$/)
const extensions = fc.constantFrom('.jpg', '.HEIC', '.mp4', '.mov', '')

/** Degrees in the shapes that files are named by, with the digits that must be gone. */
const shapes: ((lat: number, lon: number) => string)[] = [
  (lat, lon) => `${lat.toFixed(5)},${lon.toFixed(5)}`,
  (lat, lon) => `${lat.toFixed(4)}_${lon.toFixed(4)}`,
  (lat, lon) => `${lat.toFixed(6)} ${lon.toFixed(6)}`,
  (lat, lon) => `(${lat.toFixed(3)}, ${lon.toFixed(3)})`,
  (lat, lon) => `lat=${lat.toFixed(4)}&lon=${lon.toFixed(4)}`,
  (lat, lon) => `geo:${lat.toFixed(5)},${lon.toFixed(5)}`,
  (lat, lon) => `${signed(lat, 2)}${signed(lon, 3)}/`,
  (lat, lon) => `${dms(lat)}${lat < 0 ? 'S' : 'N'} ${dms(lon)}${lon < 0 ? 'W' : 'E'}`,
]

function signed(value: number, width: number): string {
  const [whole = '', fraction = ''] = Math.abs(value).toFixed(4).split('.')
  return `${value < 0 ? '-' : '+'}${whole.padStart(width, '0')}.${fraction}`
}

function dms(value: number): string {
  const total = Math.abs(value) * 3600
  return `${Math.floor(total / 3600)}°${Math.floor(total / 60) % 60}'${(total % 60).toFixed(1)}"`
}

describe('any place', () => {
  const names = fc.tuple(words, latitude, longitude, fc.constantFrom(...shapes), words, extensions)

  test('no number of it is left, the extension is, and once is enough', () => {
    fc.assert(
      fc.property(names, ([before, lat, lon, shape, after, extension]) => {
        const place = shape(lat, lon)
        const cleaned = clean(`${before} ${place} ${after}${extension}`)
        for (const number of place.match(/\d+\.\d{3,}/g) ?? []) expect(cleaned).not.toContain(number)
        expect(cleaned.slice(0, cleaned.length - extension.length)).not.toMatch(/\d/)
        expect(cleaned.endsWith(extension)).toBe(true)
        expect(cleaned.length).toBeGreaterThan(0)
        expect(clean(cleaned)).toBe(cleaned)
      }),
      { numRuns: 500 },
    )
  })

  test('any text at all: never throws, never longer by more than its stand-in, the same twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
        const cleaned = clean(name)
        expect(cleaned.length).toBeLessThanOrEqual(name.length + 4)
        expect(clean(cleaned)).toBe(cleaned)
      }),
      { numRuns: 500 },
    )
  })
})
