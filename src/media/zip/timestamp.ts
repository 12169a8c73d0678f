/** A file's date as the camera wrote it; the shape of `CaptureDate` without its source. */
export interface LocalTime {
  /** `2026-05-01T18:30:00`, wall time; fractions are dropped. */
  readonly local: string
  /** `+02:00` or `Z`; null where unknown. */
  readonly offset: string | null
}

/** A date as ZIP holds it twice. */
export interface ZipTimestamp {
  /** MS-DOS date (high 16 bits) and time (low 16 bits): wall time, 1980 to 2107, in steps of two seconds. */
  readonly dos: number
  /** Seconds since 1970 UTC for the extended timestamp field, or null where it cannot be told. */
  readonly unixSeconds: number | null
}

const earliestDos = dosDate(1980, 1, 1, 0, 0, 0)
const latestDos = dosDate(2107, 12, 31, 23, 59, 59)
const unknown: ZipTimestamp = { dos: earliestDos, unixSeconds: null }

/** Above it some programs see 1901, below 0 some see 2106: the field is left out there. */
const latestUnixSeconds = 0x7fffffff

/**
 * Turns wall time into what ZIP holds, without the clock or zone of this machine.
 *
 * - With an offset both forms are written, so that an unpacked file's date is the true moment.
 * - Without one only the MS-DOS form is: programs take that for their own wall time, so a photo taken at
 *   18:30 shows 18:30 wherever it is unpacked. To guess a zone would shift it for everyone elsewhere.
 * - Without a date, or with one that does not exist: 1 January 1980, the earliest that MS-DOS knows.
 */
export function zipTimestamp(time: LocalTime | null): ZipTimestamp {
  if (time === null || !hasLocalForm(time.local)) return unknown
  const { local } = time
  const year = digits(local, 0, 4)
  const month = digits(local, 5, 2)
  const day = digits(local, 8, 2)
  const hour = digits(local, 11, 2)
  const minute = digits(local, 14, 2)
  const second = digits(local, 17, 2)
  // NaN, from what is no digit, is not in any of these.
  const exists =
    year >= 0 && day >= 1 && day <= daysInMonth(year, month) && hour <= 23 && minute <= 59 && second <= 59
  if (!exists) return unknown
  const dos =
    year < 1980 ? earliestDos : year > 2107 ? latestDos : dosDate(year, month, day, hour, minute, second)
  const offsetMinutes = parseOffset(time.offset)
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  if (offsetMinutes === null || year < 1970) return { dos, unixSeconds: null }
  const unixSeconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - offsetMinutes * 60
  return { dos, unixSeconds: unixSeconds >= 0 && unixSeconds <= latestUnixSeconds ? unixSeconds : null }
}

// Read by hand, not by a regular expression: an album of 10,000 waits for this (30 ms against 2).

/** `dddd-dd-ddTdd:dd:dd`, but for the digits. */
function hasLocalForm(local: string): boolean {
  return (
    (local.length === 19 || local[19] === '.') &&
    local[4] === '-' &&
    local[7] === '-' &&
    local[10] === 'T' &&
    local[13] === ':' &&
    local[16] === ':'
  )
}

/** The number that stands in `text` from `at`; NaN where there is anything but digits. */
function digits(text: string, at: number, length: number): number {
  let value = 0
  for (let index = at; index < at + length; index += 1) {
    const digit = text.charCodeAt(index) - 48
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : NaN
  }
  return value
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  if (month === 4 || month === 6 || month === 9 || month === 11) return 30
  return month >= 1 && month <= 12 ? 31 : 0
}

function dosDate(year: number, month: number, day: number, hour: number, minute: number, second: number) {
  return (
    (((year - 1980) << 25) | (month << 21) | (day << 16) | (hour << 11) | (minute << 5) | (second >> 1)) >>> 0
  )
}

/** Minutes east of UTC, or null. */
function parseOffset(offset: string | null): number | null {
  if (offset === null) return null
  if (offset === 'Z') return 0
  const sign = offset[0] === '+' ? 1 : offset[0] === '-' ? -1 : NaN
  if (offset.length !== 6 || offset[3] !== ':') return null
  const minutes = sign * (digits(offset, 1, 2) * 60 + digits(offset, 4, 2))
  return Number.isNaN(minutes) ? null : minutes
}
