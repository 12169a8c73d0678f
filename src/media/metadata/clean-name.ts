import type { Facts, MetadataPolicy } from '../types.ts'

/** `48.8584` or `48,8584`, with a sign: degrees with three decimals (100 m) or more. */
const degrees = String.raw`[-+−]?\d{1,3}[.,]\d{3,}`
/** Not a part of a longer number: a time stamp is no coordinate. */
const alone = String.raw`(?<![\d.,])`
const hemisphere = String.raw`(?:(?<!\p{L})[NSEWO](?!\p{L}))`
const label = String.raw`(?:(?:gps|geo|coord(?:inate)?s?|position|location|latitude|longitude|lat|long|lon|lng)[\s:=._-]*)`
const seconds = String.raw`\d{1,2}(?:[.,]\d+)?`

/**
 * Coordinates as people, phones and programs write them into names, most telling first. White space comes to them as one
 * sign, so that no text takes more than linear time.
 */
const patterns: readonly RegExp[] = [
  // geo: URIs (RFC 5870), with their altitude and parameters.
  /geo:\s?[-+]?\d+(?:\.\d+)?,\s?[-+]?\d+(?:\.\d+)?(?:,[-+]?\d+(?:\.\d+)?)?(?:;[\w.=-]+)*/giu,
  // ISO 6709: +48.8584+002.2945+35/
  /[-+]\d{1,7}(?:\.\d+)?[-+]\d{1,8}\.\d+(?:[-+]\d+(?:\.\d+)?)?\/?/gu,
  /[-+]\d{2,6}\.\d+[-+]\d{3,7}(?:\.\d+)?(?:[-+]\d+(?:\.\d+)?)?\/?/gu,
  // 485130N0021740E
  /(?<!\d)\d{4,6}(?:\.\d+)?[NS][\s_,-]*\d{5,7}(?:\.\d+)?[EWO](?![\p{L}\d])/giu,
  // Degrees, minutes, seconds, and degrees with decimal minutes; safe names have `_` for the quotation marks.
  new RegExp(
    String.raw`${label}?(?:${hemisphere}\s?)?(?<!\d)\d{1,3}\s?[°º˚]\s?(?:${seconds}\s?['′’´_m]?\s?(?:${seconds}\s?(?:["″”_s]|'')?\s?)?)?${hemisphere}?`,
    'giu',
  ),
  new RegExp(
    String.raw`(?<!\d)\d{1,3}[\s_]+\d{1,2}(?:[.,]\d+)?[\s_]+(?:${seconds}[\s_]*)?[NS][\s_,]+\d{1,3}[\s_]+\d{1,2}(?:[.,]\d+)?[\s_]+(?:${seconds}[\s_]*)?[EWO](?![\p{L}\d])`,
    'giu',
  ),
  // Pairs of decimal degrees: 48.8584, 2.2945 / N48.8584 E2.2945 / lat48.858_lon2.294
  new RegExp(
    String.raw`${label}?${hemisphere}?\s?${alone}${degrees}\s?°?\s?${hemisphere}?[\s,;_/|x&()-]{0,5}${label}?${hemisphere}?\s?${degrees}(?!\d)\s?°?\s?${hemisphere}?`,
    'giu',
  ),
  new RegExp(
    String.raw`${label}${hemisphere}?\s?[-+−]?\d{1,3}(?:[.,]\d+)(?!\d)\s?°?\s?${hemisphere}?`,
    'giu',
  ),
  // A single number with four decimals or more is no name that anybody gave.
  /(?<![\d.,\p{L}])[-+−]?(?:[NSEW])?\d{1,3}[.,]\d{4,}(?!\d)\s?°?\s?(?:[NSEW](?!\p{L}))?/giu,
  // Open Location Codes (plus codes), full and short.
  /(?<![\p{L}\d])(?:[23456789CFGHJMPQRVWX]{8}|[23456789CFGHJMPQRVWX]{4,6})\+[23456789CFGHJMPQRVWX]{2,7}(?![\p{L}\d])/giu,
]

/** what3words: `///filled.count.soap`, whose last word is no extension. */
const threeWords = /\/\/\/\p{L}+\.\p{L}+\.\p{L}+/gu

const extension = /\.(?=[\p{L}\d]{0,9}\p{L})[\p{L}\d]{1,10}$/u
/** More than that an extension never has, in UTF-16. */
const extensionLength = 21
const blanks = /\s{2,}/gu
const leadingSigns = new Set(' ,;_.@-')
const trailingSigns = new Set(' ,;_@-')

/**
 * A display name without what says where, under a policy that takes location out: coordinates in any of the
 * usual forms, plus codes, and the names in `places` (the item's own city, region …). The extension stays. A name
 * that says nothing else becomes `file`. Idempotent; never throws. `facts` may be null.
 */
export function cleanName(
  name: string,
  facts: Pick<Facts, 'coordinates'> | null,
  policy: MetadataPolicy,
  places: readonly string[] = [],
): string {
  if (policy === 'everything') return name
  const named = name.replace(threeWords, ' ')
  const tail = extension.exec(named.slice(-extensionLength))?.[0] ?? ''
  const base = named.slice(0, named.length - tail.length)
  const spaced = base.replace(blanks, ' ')
  let cleaned = spaced
  const unwanted = [...patterns, ...knownNumbers(facts), ...places.flatMap(placePattern)]
  // What is taken out may leave two parts that make a new coordinate together: again until nothing changes.
  for (let round = 0; round < 8; round++) {
    const before = cleaned
    for (const pattern of unwanted) {
      const without = cleaned.replace(pattern, ' ')
      if (without !== cleaned) cleaned = without.replace(blanks, ' ')
    }
    if (cleaned === before) break
  }
  if (cleaned === spaced && named === name) return name
  const tidy = trimmed(
    cleaned
      .replace(/[([{][\s,;._-]*[)\]}]/gu, ' ')
      .replace(blanks, ' ')
      .replace(/\s?([_-])[\s_-]*/gu, '$1'),
  )
  return `${tidy === '' ? 'file' : tidy}${tail}`
}

/** Without the signs that divided what is gone. Not by a pattern: one that ends with `+$` looks at a long run from each of its signs. */
function trimmed(text: string): string {
  const isAmong = (signs: ReadonlySet<string>, sign: string): boolean =>
    signs.has(sign) || (sign !== '' && sign.trim() === '')
  let start = 0
  let end = text.length
  while (start < end && isAmong(leadingSigns, text.charAt(start))) start += 1
  while (end > start && isAmong(trailingSigns, text.charAt(end - 1))) end -= 1
  return text.slice(start, end)
}

/** The item's own coordinates with two decimals (1 km) and more, as far as they stand in the name. */
function knownNumbers(facts: Pick<Facts, 'coordinates'> | null): RegExp[] {
  const { coordinates } = facts ?? {}
  if (!coordinates) return []
  return [coordinates.latitude, coordinates.longitude]
    .filter((value) => Number.isFinite(value) && value !== 0)
    .flatMap((value) =>
      [5, 4, 3, 2].map((decimals) => new RegExp(escaped(truncated(Math.abs(value), decimals)), 'gu')),
    )
}

function truncated(value: number, decimals: number): string {
  const [whole = '0', fraction = ''] = value.toFixed(9).split('.')
  return `${whole}.${fraction.slice(0, decimals)}`
}

function placePattern(place: string): RegExp[] {
  if (place.trim().length < 3) return []
  // A dash between words may be a space or an underscore in a file's name, and the other way round.
  const words = place
    .split(/[\s_-]+/u)
    .filter((word) => word !== '')
    .map(escaped)
  return words.length === 0
    ? []
    : [new RegExp(String.raw`(?<!\p{L})${words.join('[\\s_-]+')}(?!\p{L})`, 'giu')]
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
