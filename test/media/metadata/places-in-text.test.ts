import { describe, expect, test } from 'vitest'
import { blankPlaces, placesIn, withoutPlaces } from '../../../src/media/metadata/words/places-in-text.ts'

/** The same spots in every notation: north and south, east and west, near and far from the lines of zero. */
const spots = [
  { latitude: 48.858372, longitude: 2.294481 },
  { latitude: -33.856784, longitude: 151.215297 },
  { latitude: 40.689247, longitude: -74.044502 },
  { latitude: -22.951916, longitude: -43.210487 },
]

interface Spot {
  readonly latitude: number
  readonly longitude: number
}

const sign = (value: number, digits: number, decimals: number): string => {
  const text = Math.abs(value)
    .toFixed(decimals)
    .padStart(digits + 1 + decimals, '0')
  return (value < 0 ? '-' : '+') + text
}
const dms = (value: number): [number, number, string] => {
  const seconds = Math.abs(value) * 3600
  return [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), (seconds % 60).toFixed(1)]
}
const ns = ({ latitude }: Spot): string => (latitude < 0 ? 'S' : 'N')
const ew = ({ longitude }: Spot): string => (longitude < 0 ? 'W' : 'E')
const a = ({ latitude }: Spot): string => Math.abs(latitude).toFixed(4)
const b = ({ longitude }: Spot): string => Math.abs(longitude).toFixed(4)
const whole = ({ latitude, longitude }: Spot): string => `${latitude}, ${longitude}`
const minutes = (value: number): string => `${dms(value)[0]}°${((Math.abs(value) % 1) * 60).toFixed(3)}'`

const notations: Record<string, (spot: Spot) => string> = {
  'a pair': whole,
  'a pair without a space': ({ latitude, longitude }) => `${latitude},${longitude}`,
  'a pair with a space alone': ({ latitude, longitude }) => `${latitude} ${longitude}`,
  'a pair with its altitude': (spot) => `${whole(spot)}, 35.2`,
  'longitude first': ({ latitude, longitude }) => `[${longitude},${latitude}]`,
  'decimal commas': (spot) =>
    whole(spot)
      .replaceAll(/\.(\d)/g, ',$1')
      .replace(', ', '; '),
  'a minus sign': (spot) => whole(spot).replaceAll('-', '−'),
  'wide digits': (spot) => whole(spot).replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))),
  'Arabic digits': (spot) =>
    whole(spot).replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit))),
  'unseen signs between digits': (spot) => whole(spot).replace(/(\d)\.(\d)/g, '$1\u200b.\u200b$2'),
  'letters behind': (spot) => `${a(spot)}°${ns(spot)} ${b(spot)}°${ew(spot)}`,
  'letters behind, two decimals': (spot) =>
    `${Math.abs(spot.latitude).toFixed(2)}${ns(spot)}, ${Math.abs(spot.longitude).toFixed(2)}${ew(spot)}`,
  'letters before': (spot) => `${ns(spot)}${a(spot)} ${ew(spot)}${b(spot)}`,
  'degrees, minutes, seconds': (spot) =>
    [
      [spot.latitude, ns(spot)],
      [spot.longitude, ew(spot)],
    ]
      .map(([value, letter]) => {
        const [d, m, s] = dms(Number(value))
        return `${d}°${m}'${s}"${letter}`
      })
      .join(' '),
  'degrees, minutes, seconds with primes': (spot) => {
    const [d, m, s] = dms(spot.latitude)
    const [e, n, t] = dms(spot.longitude)
    return `${d}° ${m}′ ${s}″ ${ns(spot)}, ${e}° ${n}′ ${t}″ ${ew(spot)}`
  },
  'degrees as exiftool writes them': (spot) => {
    const [d, m, s] = dms(spot.latitude)
    const [e, n, t] = dms(spot.longitude)
    return `${d} deg ${m}' ${s}" ${ns(spot)}, ${e} deg ${n}' ${t}" ${ew(spot)}`
  },
  'degrees with decimal minutes': (spot) =>
    `${minutes(spot.latitude)} ${ns(spot)} ${minutes(spot.longitude)} ${ew(spot)}`,
  'degrees with spaces alone': (spot) =>
    `${dms(spot.latitude).join(' ')} ${ns(spot)} ${dms(spot.longitude).join(' ')} ${ew(spot)}`,
  'degrees with colons': (spot) => {
    const padded = (value: number): string =>
      dms(value)
        .map((part) => String(part).padStart(2, '0'))
        .join(':')
    return `${padded(spot.latitude)}${ns(spot)} ${padded(spot.longitude)}${ew(spot)}`
  },
  'XMP’s form': ({ latitude, ...rest }) => {
    const spot = { latitude, ...rest }
    const part = (value: number): string => `${dms(value)[0]},${((Math.abs(value) % 1) * 60).toFixed(5)}`
    return `${part(latitude)}${ns(spot)} ${part(spot.longitude)}${ew(spot)}`
  },
  rationals: (spot) => {
    const [d, m, s] = dms(spot.latitude)
    const [e, n, t] = dms(spot.longitude)
    return `${d}/1 ${m}/1 ${s.replace('.', '')}/10, ${e}/1 ${n}/1 ${t.replace('.', '')}/10`
  },
  'ISO 6709': ({ latitude, longitude }) => `${sign(latitude, 2, 4)}${sign(longitude, 3, 4)}/`,
  'ISO 6709 with an altitude': ({ latitude, longitude }) =>
    `${sign(latitude, 2, 4)}${sign(longitude, 3, 4)}+035.2/`,
  'a geo URI': ({ latitude, longitude }) => `geo:${latitude},${longitude};u=35`,
  'machine tags': ({ latitude, longitude }) => `geo:lat=${latitude} geo:lon=${longitude}`,
  labels: ({ latitude, longitude }) => `lat ${latitude.toFixed(2)} long ${longitude.toFixed(2)}`,
  'labels in German': ({ latitude, longitude }) =>
    `Breite: ${latitude.toFixed(3).replace('.', ',')} Länge: ${longitude.toFixed(3).replace('.', ',')}`,
  JSON: ({ latitude, longitude }) => JSON.stringify({ lat: latitude, lng: longitude }),
  'JSON in JSON': ({ latitude, longitude }) =>
    JSON.stringify(JSON.stringify({ latitude: String(latitude), longitude: String(longitude) })),
  XML: ({ latitude, longitude }) => `<lat>${latitude}</lat><lon>${longitude}</lon>`,
  'XML attributes': ({ latitude, longitude }) => `<trkpt lat="${latitude}" lon="${longitude}"/>`,
  YAML: ({ latitude, longitude }) => `latitude: ${latitude}\nlongitude: ${longitude}`,
  'a table': ({ latitude, longitude }) => `lat,lon\n${latitude},${longitude}`,
  NMEA: (spot) => {
    const field = (value: number, digits: number): string =>
      `${String(dms(value)[0]).padStart(digits, '0')}${((Math.abs(value) % 1) * 60).toFixed(3).padStart(6, '0')}`
    return `$GPRMC,123519,A,${field(spot.latitude, 2)},${ns(spot)},${field(spot.longitude, 3)},${ew(spot)},022.4,084.4,230394,003.1,W*6A`
  },
  'a link to Google’s maps': ({ latitude, longitude }) =>
    `https://www.google.com/maps/@${latitude},${longitude},15z`,
  'a link to Apple’s maps': ({ latitude, longitude }) =>
    `https://maps.apple.com/?ll=${latitude},${longitude}`,
  'a link to OpenStreetMap': ({ latitude, longitude }) =>
    `https://www.openstreetmap.org/#map=17/${latitude}/${longitude}`,
  'an encoded comma': ({ latitude, longitude }) => `?q=${latitude}%2C${longitude}`,
}

/** Numbers that `text` still tells of a spot: the first four digits of either are too many. */
function told(text: string, { latitude, longitude }: Spot): string[] {
  const digits = text.normalize('NFKC').replace(/[\u200b]/g, '')
  return [latitude, longitude]
    .flatMap((value) => {
      const [d, m, s] = dms(value)
      return [Math.abs(value).toFixed(6).slice(0, 6), `${d}°${m}`, `${m}'${s}`, ` ${m} ${s}`, `:${m}:`]
    })
    .filter((part) => digits.includes(part))
}

describe.each(Object.entries(notations))('%s', (_name, write) => {
  test.each(spots)('$latitude $longitude', (spot) => {
    const place = write(spot)
    const text = `Grüße von Ada (${place}) – see you “soon”!`
    const cleaned = withoutPlaces(text)
    expect(told(cleaned, spot)).toEqual([])
    expect(cleaned.startsWith('Grüße von Ada (')).toBe(true)
    expect(cleaned.endsWith('– see you “soon”!')).toBe(true)
    expect(cleaned.match(/\d/g)?.length ?? 0).toBeLessThan(4)
    expect(placesIn(cleaned)).toEqual([])
    for (const encoding of ['utf8', 'utf16le', 'utf16be'] as const) {
      const written = encoding === 'utf8' ? Buffer.from(text) : Buffer.from(text, 'utf16le')
      const bytes = encoding === 'utf16be' ? written.swap16() : written
      const blanked = blankPlaces(bytes, encoding)
      expect(blanked?.length).toBe(bytes.length)
      const back = encoding === 'utf16be' ? blanked?.swap16() : blanked
      expect(told(back?.toString(encoding === 'utf8' ? 'utf8' : 'utf16le') ?? text, spot)).toEqual([])
    }
  })
})

test.each([
  'at 8FW4V75V+8Q, come',
  'V75V+8Q Paris',
  'grid 31U DQ 48251 11932 here',
  'grid 31UDQ4825111932 here',
  '31 U 448251 5411932',
  '///filled.count.soap',
  'what3words: filled.count.soap',
  'geohash: u09tunqu',
  '"geohash":"u09tunqu"',
  'https://goo.gl/maps/abc123',
  'https://maps.app.goo.gl/AbCdEf',
  'https://plus.codes/8FW4V75V+8Q',
  'https://w3w.co/filled.count.soap',
  '485130N0021740E',
  '4851.503,N,00217.668,E',
  '緯度: 35.6586 経度: 139.7454',
])('goes: %s', (text) => {
  expect(placesIn(text)).not.toEqual([])
})

test.each([
  'Nikon 24-70mm f/2.8',
  '1/250 s, f/1.8, ISO 100, 26 mm',
  '2026:05:01 18:30:00+02:00',
  '2026-05-01T18:30:00.123456Z',
  '192.168.100.200, 10.0.0.1',
  'version 1.2345.6789',
  '0.4124 0.3576 0.1805 0.2126 0.7152 0.0722',
  '0.6400, 0.3300',
  '0.3127,0.3290',
  '2.1234 1.0000 1.5678 1.0000',
  '12.3456, 15.2345, 17.9999, 20.1111, 25.2222',
  '0, 0; 64, 56; 128, 128; 192, 196; 255, 255',
  '+49 30 1234567',
  '+1 (555) 123-4567',
  '€ 12,50 und 13,99',
  '123e4567-e89b-12d3-a456-426614174000',
  '3840 x 2160, 29.97 fps',
  'took 2h 30m 15s',
  'aux:LensInfo="16/1 35/1 4/1 4/1"',
  '56º0C;5',
  'a walk of 10 km at 20°C',
  'scores 3:2 5:4',
  'Ada and Bob, Lisbon, 14 July',
  'xmp:CreatorTool="Adobe Photoshop Lightroom 7.1.2"',
  'crs:Exposure2012="+0.35" crs:Contrast2012="-12"',
  'Long exposure',
  'a long day of 12.5 hours',
  'GPS Map Datum WGS-84',
  'IMG_20260501_183000.jpg',
  'MD5 d41d8cd98f00b204e9800998ecf8427e',
  'file:///C:/one.two.three',
  '16.7 million colours',
  'JPEG+XMP, RAW+JPEG',
  'Position 12 of 40',
  'position 3.5 from the left',
  '',
  'no numbers here at all, not even one.',
])('stays: %s', (text) => {
  expect(placesIn(text).map(({ start, end }) => text.slice(start, end))).toEqual([])
  expect(withoutPlaces(text)).toBe(text)
  expect(blankPlaces(Buffer.from(text))).toBeNull()
})
