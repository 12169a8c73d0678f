/** A part of a text, by its UTF-16 offsets. */
export interface TextSpan {
  readonly start: number
  readonly end: number
}

// Every repetition below has a bound, and none begins inside a run that it could have begun before: linear in time.

const label = String.raw`(?:gps|geo|(?:geo)?coord(?:inate)?s?|koordinaten?|coordonn[ée]es|coordenadas|coordinate|position|location|center|centre)`
const axis = String.raw`(?:(?:geo|gps)?[-_:. ]?(?:latitude|longitude|latitud|longitud|latitudine|longitudine|breitengrad|längengrad|breite|länge|lat|lon|lng|long)|широта|долгота|緯度|経度|纬度|经度|위도|경도)`
/** What stands between a label and its number: in JSON, XML, YAML, attributes and plain words. */
const quote = String.raw`(?:[\\"'“”[\](]|&quot;|&#34;|&#x22;|&apos;|%22)`
const after = String.raw`(?:ref)?${quote}{0,3}\s{0,3}(?:[:=>,_.-]|is|ist|&gt;|%3D|%3A)?\s{0,3}${quote}{0,3}`
const hemisphere = String.raw`(?:(?<!\p{L})[NSEWO](?!\p{L}))`
const start = String.raw`(?<![\d.,])`
const decimal = String.raw`[-+]?\d{1,3}[.,]\d{1,15}(?!\d)`
const degree = String.raw`(?:°|º|˚|deg(?:rees?)?|&deg;|%C2%B0)`
const minute = String.raw`(?:['′’´‘]|min|m(?!\p{L})|&#39;|&prime;|%27)`
const second = String.raw`(?:["″”“]|''|sec|s(?!\p{L})|&quot;|&Prime;|%22)`
const sexagesimal = String.raw`\d{1,2}(?:[.,]\d{1,10})?`
const between = String.raw`(?:[\s,;/|_x&()-]|%2C|%20){0,5}`

/** Positions as people, cameras and programs write them. */
const patterns: readonly RegExp[] = [
  // geo:48.8584,2.2945;u=10 (RFC 5870)
  /geo:\s?[-+]?\d{1,3}(?:\.\d{1,15})?(?:,|%2C)\s?[-+]?\d{1,3}(?:\.\d{1,15})?(?:,[-+]?\d{1,6}(?:\.\d{1,10})?)?(?:;[\w.=%-]{1,60}){0,6}/giu,
  // +48.8584+002.2945+35.0/, +485130.1+0021740.1/ (ISO 6709)
  /(?<![\d.])[-+]\d{1,7}\.\d{1,12}[-+]\d{1,8}\.\d{1,12}(?:[-+]\d{1,6}(?:\.\d{1,10})?)?(?:CRS\w{1,20})?\/?/gu,
  /(?<![\d.])[-+]\d{2,6}(?:\.\d{1,12})?[-+]\d{3,7}(?:\.\d{1,12})?(?:[-+]\d{1,6}(?:\.\d{1,10})?)?(?:CRS\w{1,20})?\//gu,
  // 485130N0021740E
  /(?<![\d.])\d{4,6}(?:\.\d{1,10})?[NS][\s_,-]{0,3}\d{5,7}(?:\.\d{1,10})?[EWO](?![\p{L}\d])/giu,
  // $GPRMC,…*6A, and 4851.503,N,00217.668,E (NMEA 0183)
  /\$?(?<![A-Z])G[PNLABQ](?:RMC|GGA|GLL|GNS|RMA|BWC|WPL|VTG|GSA|GSV|ZDA),[\w.,+-]{1,90}(?:\*[\dA-F]{2})?/giu,
  /(?<![\d.])\d{4,5}\.\d{1,8},[NS],\d{4,5}\.\d{1,8},[EW]/giu,
  // 48°51'30.1"N, 48 deg 51.503', 48° 51
  new RegExp(
    String.raw`(?:${hemisphere}\s?)?[-+]?(?<![\d.,])\d{1,3}\s?${degree}\s?${sexagesimal}\s?(?:${minute}(?:\s?${sexagesimal}\s?${second})?\s?${hemisphere}?|${hemisphere})`,
    'giu',
  ),
  // 48d51m30.1sN, 48:51:30.1 N, 48,51.5030N (XMP)
  new RegExp(
    String.raw`${start}\d{1,3}(?:[:d,]\s?\d{1,2}[:m]\s?\d{1,2}(?:[.,]\d{1,10})?s?|,\d{1,2}(?:[.,]\d{1,10})?)\s?[NSEWO](?![\p{L}\d])`,
    'giu',
  ),
  // 48 51 30.1 N 2 17 40.1 E; N 48 51.503 E 2 17.668
  new RegExp(
    String.raw`${start}\d{1,3}[\s_]{1,3}${sexagesimal}[\s_]{1,3}(?:${sexagesimal}[\s_]{0,3})?[NS][\s_,;/]{1,4}\d{1,3}[\s_]{1,3}${sexagesimal}[\s_]{1,3}(?:${sexagesimal}[\s_]{0,3})?[EWO](?![\p{L}\d])`,
    'giu',
  ),
  new RegExp(
    String.raw`(?<!\p{L})[NS][\s_]{0,2}\d{1,3}[\s_]{1,3}${sexagesimal}(?:[\s_]{1,3}${sexagesimal})?[\s_,;/]{1,4}[EWO][\s_]{0,2}\d{1,3}[\s_]{1,3}${sexagesimal}(?:[\s_]{1,3}${sexagesimal})?(?!\d)`,
    'giu',
  ),
  // 48/1, 51/1, 301/10 (rationals)
  /(?<![\d/])\d{1,3}\/1[\s,;]{1,3}[0-5]?\d\/1[\s,;]{1,3}\d{1,9}\/\d{2,9}(?:[\s,;]{0,3}[NSEWO](?!\p{L}))?/giu,
  // 48.8584°N 2.2945°E; N48.8584, E2.2945
  new RegExp(
    String.raw`${start}${decimal}\s?${degree}?\s?[NS](?![\p{L}\d])${between}${decimal}\s?${degree}?\s?[EWO](?![\p{L}\d])`,
    'giu',
  ),
  new RegExp(
    String.raw`(?<!\p{L})[NS]\s?${decimal}\s?${degree}?${between}[EWO]\s?${decimal}\s?${degree}?`,
    'giu',
  ),
  // 48.8584°, -2.2945° N
  new RegExp(String.raw`${start}[-+]?\d{1,3}[.,]\d{3,15}\s?${degree}\s?${hemisphere}?`, 'giu'),
  // lat=48.8584, "longitude": 2.2945, <lat>48.8584</lat>, Breite: 48,8584
  new RegExp(
    String.raw`(?<!\p{L})(?:exif:|dest|start|end|my)?${axis}${after}${hemisphere}?\s?[-+]?\d{1,3}(?:[.,]\d{1,15})?(?![\d:])\s?(?:${degree})?\s?${hemisphere}?`,
    'giu',
  ),
  // GPS 48.8584 2.2945, "coordinates":[2.2945,48.8584]
  new RegExp(
    String.raw`(?<!\p{L})${label}${after}${hemisphere}?\s?${decimal}${between}${hemisphere}?\s?${decimal}\s?${hemisphere}?`,
    'giu',
  ),
  // Open Location Codes (plus codes), full and short
  /(?<![\p{L}\d+/=])(?:[23456789CFGHJMPQRVWX]{8}|(?=[CFGHJMPQRVWX]{0,5}\d)[23456789CFGHJMPQRVWX]{4,6})\+[23456789CFGHJMPQRVWX]{2,7}(?![\p{L}\d+/=])/giu,
  // 31U DQ 48251 11932 (MGRS), 31 U 448251 5411932 (UTM)
  /(?<![\p{L}\d])\d{1,2}\s?[C-HJ-NP-X]\s?[A-HJ-NP-Z]{2}\s?(?:\d{10}|\d{8}|\d{5}\s\d{5}|\d{4}\s\d{4}|\d{3}\s\d{3})(?![\p{L}\d])/gu,
  /(?<![\p{L}\d])\d{1,2}\s?[C-HJ-NP-X]\s\d{6}(?:\.\d{1,6})?\s?(?:mE|m\s?E|E)?[\s,;]{1,3}\d{7}(?:\.\d{1,6})?(?:\s?(?:mN|m\s?N|N)(?!\p{L}))?/gu,
  // ///filled.count.soap (what3words)
  /(?<![:/])\/\/\/\p{L}{2,25}\.\p{L}{2,25}\.\p{L}{2,25}/gu,
  /(?:what3words(?:\.com)?|w3w(?:\.co)?)[\s:/=]{1,4}\p{L}{2,25}\.\p{L}{2,25}\.\p{L}{2,25}/giu,
  /(?<!\p{L})geo_?hash["'\\]{0,2}[\s:=]{1,4}["'\\]{0,2}[\db-hjkmnp-z]{4,12}(?![\p{L}\d])/giu,
  // Links to maps, whole
  /(?<![\w-])(?:maps\.google\.|google\.[a-z.]{2,6}\/maps|maps\.app\.goo\.gl|goo\.gl\/maps|maps\.apple\.com|openstreetmap\.org|osm\.org\/go|bing\.com\/maps|waze\.com|here\.com|yandex\.[a-z.]{2,6}\/maps|map\.baidu\.com|amap\.com|mapy\.cz|mapy\.com|plus\.codes|w3w\.co|what3words\.com|toolforge\.org\/geohack|opentopomap\.org)[^\s"'<>\\]{0,400}/giu,
  /(?:comgooglemaps|waze|maps|om|here-location):\/\/[^\s"'<>\\]{1,400}/giu,
]

/** Rows of numbers with decimals; of these only two, or three with an altitude, can be a position. */
const rows: readonly (readonly [row: RegExp, number: RegExp])[] = [
  [
    /(?<![\d.,])[-+]?\d{1,3}\.\d{1,20}(?!\d)(?:(?:[\s,;/|_]|%2C|%20){1,3}[-+]?\d{1,6}(?:\.\d{1,20})?(?![\d.])){1,8}/giu,
    /[-+]?\d{1,6}(?:\.\d{1,20})?/g,
  ],
  [
    /(?<![\d.,])[-+]?\d{1,3},\d{1,20}(?!\d)(?:[\s;/|_]{1,3}[-+]?\d{1,6},\d{1,20}(?![\d,])){1,8}/gu,
    /[-+]?\d{1,6},\d{1,20}/g,
  ],
]

/** Two numbers with four decimals or more (11 m) that may be a latitude and a longitude, in either order. */
function arePosition([one = '', other = '', ...rest]: readonly string[]): boolean {
  if (rest.length > 1 || rest.some((altitude) => decimalsOf(altitude) > 3)) return false
  if (decimalsOf(one) < 4 || decimalsOf(other) < 4) return false
  const [a = 0, b = 0] = [one, other].map((number) => Math.abs(Number(number.replace(',', '.'))))
  // Two numbers below one are a chromaticity or a weight; that piece of sea has no town.
  return Math.max(a, b) <= 180 && Math.min(a, b) <= 90 && Math.max(a, b) >= 1
}

const decimalsOf = (number: string): number => number.split(/[.,]/)[1]?.length ?? 0

/** Where `text` tells of a position, in order; spans do not touch. Linear in the length of the text. */
export function placesIn(text: string): TextSpan[] {
  // No notation is without digits but three words and short links.
  if (!/\p{Nd}|\/\/|w3w|what3words|maps|codes/iu.test(text)) return []
  const { plain, offsets } = plainForm(text)
  const found: TextSpan[] = []
  for (const pattern of patterns) for (const match of plain.matchAll(pattern)) found.push(spanOf(match))
  for (const [row, number] of rows) {
    for (const match of plain.matchAll(row)) {
      const numbers = match[0].replace(/%2C|%20/gi, '   ').match(number) ?? []
      if (arePosition(numbers)) found.push(spanOf(match))
    }
  }
  return merged(found).map(({ start: from, end: to }) => ({ start: offsets(from), end: offsets(to) }))
}

const spanOf = (match: RegExpExecArray): TextSpan => ({
  start: match.index,
  end: match.index + match[0].length,
})

function merged(spans: readonly TextSpan[]): TextSpan[] {
  const whole: TextSpan[] = []
  for (const span of [...spans].sort((one, other) => one.start - other.start)) {
    const last = whole.at(-1)
    if (last && span.start <= last.end) {
      if (span.end > last.end) whole[whole.length - 1] = { start: last.start, end: span.end }
    } else whole.push(span)
  }
  return whole
}

const unseen = /[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/gu
/** Digits of other scripts, and other signs for minus and points. */
const otherSigns = /[\p{Nd}−–—‐‑﹣－＋．，：；／＝\u00a0\u202f\u2007]/gu
const plainSigns: Readonly<Record<string, string>> = {
  '−': '-', '–': '-', '—': '-', '‐': '-', '‑': '-', '﹣': '-', '－': '-', '＋': '+', '．': '.', '，': ',',
  '：': ':', '；': ';', '／': '/', '＝': '=', '\u00a0': ' ', '\u202f': ' ', '\u2007': ' ',
} // prettier-ignore

/** The text with ASCII's digits and signs and without what is not seen; `offsets` leads from it back to the text. */
function plainForm(text: string): { plain: string; offsets: (at: number) => number } {
  const ascii = /^[\x00-\x7f°]*$/.test(text)
    ? text
    : text.replace(otherSigns, (sign) => plainSigns[sign] ?? (sign.length === 1 ? digitOf(sign) : sign))
  if (!unseen.test(ascii)) return { plain: ascii, offsets: (at) => at }
  const places: number[] = []
  let plain = ''
  for (let at = 0; at < ascii.length; at += 1) {
    const sign = ascii.charAt(at)
    if (sign.replace(unseen, '') === '') continue
    places.push(at)
    plain += sign
  }
  return { plain, offsets: (at) => (at === 0 ? 0 : (places[at - 1] ?? ascii.length - 1) + 1) }
}

/** The value of a decimal digit: they stand in runs of ten from zero. */
function digitOf(sign: string): string {
  const code = sign.charCodeAt(0)
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCharCode(code - value - 1))) value += 1
  return String(value)
}

/** `text` without the positions that it tells of: for names, titles and descriptions. */
export function withoutPlaces(text: string): string {
  const spans = placesIn(text)
  if (spans.length === 0) return text
  let kept = ''
  let from = 0
  for (const { start: at, end } of spans) {
    kept += `${text.slice(from, at)} `
    from = end
  }
  return (kept + text.slice(from)).replace(/[ \t]{2,}/g, ' ').trim()
}

type Encoding = 'utf8' | 'utf16le' | 'utf16be'

/**
 * The text in `bytes` with spaces where it tells of a position, as long as before, so that it can take its own place
 * in a file; null where it tells of none.
 */
export function blankPlaces(bytes: Buffer, encoding: Encoding = 'utf8'): Buffer | null {
  if (encoding === 'utf16be') {
    const blanked = blankPlaces(Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16(), 'utf16le')
    return blanked && Buffer.concat([blanked.swap16(), bytes.subarray(bytes.length & ~1)])
  }
  // Bytes that are not UTF-8 are read one by one, so that nothing hides between them.
  const isUtf8 = encoding === 'utf8' && bytes.equals(Buffer.from(bytes.toString('utf8')))
  const read = encoding === 'utf16le' ? 'utf16le' : isUtf8 ? 'utf8' : 'latin1'
  const text = bytes.toString(read)
  const blanked = Buffer.from(bytes)
  const space = Buffer.from(' ', read)
  let at = 0
  let from = 0
  const spans = placesIn(text)
  for (const { start: begin, end } of spans) {
    at += Buffer.byteLength(text.slice(from, begin), read)
    const length = Buffer.byteLength(text.slice(begin, end), read)
    blanked.fill(space, at, at + length)
    at += length
    from = end
  }
  return spans.length === 0 ? null : blanked
}
