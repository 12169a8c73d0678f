import { placesIn } from '../words/places-in-text.ts'

/** Box types of user data (`udta`, `ilst`) that hold a position or a camera's track of it. */
export const locationBoxes: ReadonlySet<string> = new Set([
  '\xa9xyz', '@xyz', 'loci', 'gps ', 'GPS ', 'gps0', 'GPMF', 'gpmf', 'GSPU', 'NCDT', 'CNDA', 'CNTH',
  // DJI: speed, gimbal and flight angles.
  '\xa9gpt', '\xa9gyw', '\xa9grl', '\xa9fpt', '\xa9fyw', '\xa9frl', '\xa9xsp', '\xa9ysp', '\xa9zsp',
]) // prettier-ignore

/** Keys of `mdta` metadata, and of timed metadata (`mebx`), that name a place. */
export const locationKey = /location|gps|iso6709|latitude|longitude|geotag|geolocation/i

/** ISO 6709 Annex H as cameras write it: `+52.4597+013.3220/`. */
export const iso6709 = /[+-]\d{1,3}\.\d{3,}[+-]\d{1,3}\.\d{3,}/

/** Words or numbers in a text, a subtitle or an unknown box that tell of a position. */
export function namesLocation(text: string): boolean {
  const narrow = text.replaceAll('\0', '')
  return /gps|latitude|longitude|geotag|:location/i.test(narrow) || placesIn(narrow).length > 0
}

/** Sample formats of timed tracks that are a camera's telemetry. */
export const telemetryFormats: ReadonlySet<string> = new Set([
  'gpmd',
  'camm',
  'rtmd',
  'fdsc',
  'gpsd',
  'priv',
  'SSTR',
])
/** Formats of handler `meta` that are kept where their samples tell of no position. */
export const readableFormats: ReadonlySet<string> = new Set(['mett', 'metx', 'urim', 'stpp', 'text'])
export const textHandlers: ReadonlySet<string> = new Set(['text', 'sbtl', 'subt', 'clcp'])
/** Handlers of tracks that are the film itself, or its clock. */
export const filmHandlers: ReadonlySet<string> = new Set(['vide', 'soun', 'auxv', 'tmcd', 'hint', 'pict'])

/** Spherical Video V1: how a 360° film is to be shown. */
export const sphericalUuid = 'ffcc8263f8554a938814587a02521fdd'
