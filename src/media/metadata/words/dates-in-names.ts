/** Languages whose names of months cameras, phones and messengers write into file names. */
const locales = [
  'en',
  'de',
  'fr',
  'es',
  'it',
  'pt',
  'nl',
  'da',
  'nb',
  'sv',
  'fi',
  'pl',
  'cs',
  'tr',
  'ru',
  'uk',
  'el',
]

function monthNames(): string {
  const names = new Set<string>()
  for (const locale of locales) {
    for (const month of ['long', 'short'] as const) {
      // With a day beside it some languages inflect the month.
      const alone = new Intl.DateTimeFormat(locale, { month, timeZone: 'UTC' })
      const dated = new Intl.DateTimeFormat(locale, { month, day: 'numeric', timeZone: 'UTC' })
      for (let index = 0; index < 12; index += 1) {
        const day = Date.UTC(2020, index, 10)
        names.add(alone.format(day))
        names.add(dated.formatToParts(day).find(({ type }) => type === 'month')?.value ?? '')
      }
    }
  }
  return [...names]
    .map((name) => name.replace(/\.$/, ''))
    .filter((name) => /^\p{L}{3,}$/u.test(name))
    .sort((one, other) => other.length - one.length)
    .join('|')
}

const month = String.raw`(?<!\p{L})(?:${monthNames()})(?!\p{L})\.?`
const year = String.raw`(?:19|20)\d\d`
const between = String.raw`[\s._,-]{0,3}`
const time = String.raw`(?:[\sT_.,-]{1,3}(?:at|um|à|om|a las|alle|kl)?[\s_.-]{0,2}[0-2]?\d[.:\-_h\s][0-5]\d(?:[.:\-_m\s][0-5]\d)?(?:[.,]\d{1,3})?s?(?:\s?[ap]\.?m\.?)?)?`

/** Dates as cameras, phones, messengers and people write them into names. */
const dates: readonly RegExp[] = [
  // 2020年7月10日, 2020년 7월 10일
  /(?:19|20)\d\d\s?[年년]\s?\d{1,2}\s?[月월](?:\s?\d{1,2}\s?[日일])?/gu,
  // 2020-07-10 15.38.22, 10.07.2020, 7-10-20 with a time
  new RegExp(String.raw`(?<!\d)${year}[-._/\s][01]?\d[-._/\s][0-3]?\d(?!\d)${time}`, 'giu'),
  new RegExp(String.raw`(?<!\d)[0-3]?\d[-._/\s][0-3]?\d[-._/\s]${year}(?!\d)${time}`, 'giu'),
  new RegExp(String.raw`(?<!\d)\d\d[-._]\d\d[-._]\d\d(?!\d)${time}`, 'giu'),
  // 10 July 2020, July 10th, 2020, juillet 2020
  new RegExp(
    String.raw`(?:(?<!\d)\d{1,2}(?:st|nd|rd|th|º|er)?${between}(?:de${between})?)?${month}(?:${between}(?:de${between})?\d{1,2}(?:st|nd|rd|th)?(?!\d))?(?:${between}(?:de${between})?${year}(?!\d))${time}`,
    'giu',
  ),
  new RegExp(
    String.raw`(?<!\d)\d{1,2}(?:st|nd|rd|th|º|er)?${between}(?:de${between})?${month}${time}`,
    'giu',
  ),
  new RegExp(String.raw`${month}${between}\d{1,2}(?:st|nd|rd|th)?(?!\d)${time}`, 'giu'),
  // 20200710_153822, and moments in seconds or milliseconds: no counter of a camera has six digits or more.
  /(?<!\d)\d{6,}/gu,
  // 2020-07, 2020
  new RegExp(String.raw`(?<![\p{L}\d])${year}(?:[-._][01]\d)?(?![\p{L}\d])`, 'gu'),
]

/** What names begin with that one maker's cameras or phones write, before their counter. */
const makers =
  /^(?:PXL|MVIMG|GOPR|G[HXPL](?=\d)|DJI|SAM|DSC[FN]?|_MG|MG|CIMG|KIMG|HPIM|SANY|IMGP|PANA|LRV|INSV?|VID|IMG|Screenshot|Screen ?Recording|WhatsApp (?:Image|Video)|signal|Photo|Video|FB_IMG|Snapchat|received)(?![\p{L}])/iu

/** What programs add to a name that is made of a date. */
const programWord = /^(?:PORTRAIT|NIGHT|COVER|BURST|HDR|PANO|TOP|EDITED|RAW)\d*$/iu

const extension = /\.[\p{L}\d]{1,10}$/u

/**
 * A file's name without the dates and moments in it, and without what names the maker of the camera where nothing but
 * that is left: `PXL_20200710_153822.jpg` becomes `file.jpg`. Words stay, and so do a camera's counters of up to five digits. Linear
 * in time for the bounded names that it is given; never throws.
 */
export function withoutDates(name: string): string {
  const tail = extension.exec(name.slice(-11))?.[0] ?? ''
  const base = name.slice(0, name.length - tail.length)
  const undated = dates.reduce((text, pattern) => text.replace(pattern, ' '), base)
  if (undated === base) return name
  const words = undated
    .replace(makers, ' ')
    .split(/[\s_.,;-]/u)
    .filter((word) => !/^[([{]?[)\]}]?$/u.test(word))
  const tells = words.some((word) => /\p{L}{3}|[^\x00-\x7f]/u.test(word) && !programWord.test(word))
  return `${tells ? words.join(' ') : 'file'}${tail}`
}
