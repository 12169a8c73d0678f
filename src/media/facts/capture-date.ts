import type { ExifTags } from '../tools/exiftool.ts'
import type { CaptureDate } from '../types.ts'

/** A tag to look at; `zone` is a second tag, or `UTC` for one that is defined to be. */
interface Candidate {
  readonly tag: string
  readonly zone?: string
}

/** Best first: what the camera wrote when the shutter opened, then what software copied, then when the file was made. */
const photoCandidates: readonly Candidate[] = [
  { tag: 'ExifIFD:DateTimeOriginal', zone: 'ExifIFD:OffsetTimeOriginal' },
  { tag: 'ExifIFD:CreateDate', zone: 'ExifIFD:OffsetTimeDigitized' },
  { tag: 'XMP-exif:DateTimeOriginal' },
  { tag: 'Composite:DateTimeCreated' },
  { tag: 'XMP-photoshop:DateCreated' },
  { tag: '*:DateTimeOriginal' },
  { tag: 'XMP-xmp:CreateDate' },
  { tag: 'PNG:CreationTime' },
  { tag: 'IFD0:ModifyDate', zone: 'ExifIFD:OffsetTime' },
  { tag: 'Composite:GPSDateTime', zone: 'UTC' },
]

/** `Keys:CreationDate` has a zone; the header's date is in UTC by ISO/IEC 14496-12, 8.2.2. */
const videoCandidates: readonly Candidate[] = [
  { tag: 'Keys:CreationDate' },
  { tag: 'ItemList:ContentCreateDate' },
  { tag: 'UserData:ContentCreateDate' },
  { tag: 'XML:CreationDateValue' },
  { tag: '*:DateTimeOriginal' },
  { tag: 'QuickTime:CreateDate', zone: 'UTC' },
]

/** The tags to ask exiftool for. */
export const captureDateTags = [
  ...[
    'DateTimeOriginal',
    'CreateDate',
    'ModifyDate',
    'OffsetTime',
    'OffsetTimeOriginal',
    'OffsetTimeDigitized',
  ],
  ...[
    'DateTimeCreated',
    'DateCreated',
    'CreationTime',
    'CreationDate',
    'CreationDateValue',
    'ContentCreateDate',
  ],
  'GPSDateTime',
]

/** When it was taken, from tags read with `-n -G1 -a`; null where no tag holds a date. */
export function captureDate(tags: ExifTags, kind: 'photo' | 'video'): CaptureDate | null {
  for (const { tag, zone } of kind === 'photo' ? photoCandidates : videoCandidates) {
    const key = tag.startsWith('*') ? Object.keys(tags).find((name) => name.endsWith(tag.slice(1))) : tag
    const parsed = key === undefined ? null : parseDate(tags[key])
    if (key === undefined || parsed === null) continue
    const offset =
      parsed.offset ?? (zone === 'UTC' ? '+00:00' : zone === undefined ? null : parseOffset(tags[zone]))
    return { local: parsed.local, offset, source: key.replace(/^(?:ExifIFD|IFD0):/, 'EXIF:') }
  }
  return null
}

const dateShape =
  /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?(?:\s|$)/

/** Reads `2026:05:01 18:30:00.12+02:00` (Exif's shape, or ISO 8601's); null for what no calendar has. */
export function parseDate(value: unknown): { local: string; offset: string | null } | null {
  const match = typeof value === 'string' ? dateShape.exec(value.slice(0, 100).trim()) : null
  if (!match) return null
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '00', zone] = match
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second === '60' ? '59' : second}`
  const date = new Date(`${local}Z`)
  // `2026-02-31` is read as the third of March: only what comes back the same is a date. 1904 is QuickTime's zero.
  const isReal = !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === local
  if (!isReal || Number(year) < 1905 || Number(year) > 2150) return null
  return { local, offset: parseOffset(zone) }
}

/** Reads `+02:00` or `Z`; null for what is no zone. */
export function parseOffset(value: unknown): string | null {
  if (value === 'Z') return '+00:00'
  const match = typeof value === 'string' ? /^\s*([+-])(\d\d):?(\d\d)/.exec(value.slice(0, 100)) : null
  if (!match) return null
  const [, sign = '+', hours = '', minutes = ''] = match
  return Number(hours) <= 14 && Number(minutes) < 60 ? `${sign}${hours}:${minutes}` : null
}
