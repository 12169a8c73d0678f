import type { ExifTags } from '../tools/exiftool.ts'
import type { Finding, MetadataPolicy } from '../types.ts'
import type { KeptExif } from './locations/exif-build.ts'
import { iso6709 } from './bytes/kept-tags.ts'
import { shortValue } from './bytes/patch.ts'

/** How tags are read for judging: every one, embedded documents too, with the groups' families 0–3 in the name. */
export const judgingArguments = ['-n', '-a', '-u', '-G0:1:2:3'] as const
/** Files beyond this are not searched by exiftool frame by frame, which takes minutes; see `framePositions`. */
export const searchedBytes = 64 * 1024 * 1024

/**
 * Embedded documents, trailers and timed metadata too. `-ee3` looks into every frame of H.264 for what AVCHD
 * cameras write there; `-ee` does all but that, in seconds for gigabytes.
 */
export function embeddedArguments(bytes: number): string[] {
  return [bytes > searchedBytes ? '-ee' : '-ee3']
}

/** How AVCHD's messages with date, model and position begin in a frame (UUID and `MDPM`). */
export const framePositions = Buffer.from('17ee8c60f84d11d98cd60800200c9a664d44504d', 'hex')

export interface Tag {
  readonly groups: readonly string[]
  readonly name: string
  readonly value: string
  readonly key: string
}

/** Splits exiftool's `EXIF:GPS:Location:Main:GPSLatitude` keys; the first group may stand for two of the same name. */
export function tagsOf(read: ExifTags): Tag[] {
  const tags: Tag[] = []
  for (const [key, value] of Object.entries(read)) {
    const parts = key.split(':')
    const name = parts.pop() ?? key
    if (parts.length === 0) continue
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    tags.push({ groups: parts, name, value: text, key })
  }
  return tags
}

/** Names of tags that hold a location, in whatever group. */
const locationName =
  /gps|latitude|longitude|iso6709|^(city|state|country|province|sub-?location|location(shown|created|name)?|landmark|places?|countrycode|coverage|mccdata|geotag.*|geolocation.*)$|^(country|location)-|primarylocation|provincestate/i

/** Tags of those names that say nothing of a place by themselves. */
const harmlessName =
  /^GPS(VersionID|MapDatum|MeasureMode|Status|Satellites|DOP|Differential|Valid|.*Ref|ProcessingMethod|DateTime|DateStamp|TimeStamp|HPositioningError)$|^(Focus|Subject|AF|WorldTime|Text)\w*Location|^TimeZoneCity$|_0x[0-9a-f]{2,}$|^HDRCapacity|^GeoTiffVersion$|^Has\w+$|LocationInformation$/i

/** Tags that tell of a place. `Composite` ones are made from others by exiftool and say so twice. */
export function locationTags(tags: readonly Tag[]): Tag[] {
  return tags.filter((tag) => {
    if (/^(File|ExifTool|SourceFile)$/.test(tag.groups[0] ?? '')) return false
    if (iso6709.test(tag.value)) return true
    if (harmlessName.test(tag.name) || isBlank(tag.value)) return false
    return tag.groups.includes('Location') || locationName.test(tag.name)
  })
}

function isBlank(value: string): boolean {
  return /^[\s\0-]*$/.test(value) || /^(undef|0 0|0\.0+ 0\.0+|inf|n\/a|none)$/i.test(value)
}

/** Groups whose every tag is personal: it tells of who, with what, or in what words. */
const personalGroups =
  /^(XMP|IPTC|MakerNotes|Photoshop|JUMBF|APP\d+|FlashPix|XML|Meta|Ducky|CanonVRD|FotoStation|PhotoMechanic|MPF|Trailer|GoPro|Samsung|Google|Sony|Leica|JPS|PreviewIFD|RIFF-INFO|PDF|MIE|Font|Vivo|AFCP|SEFT?)$/i
/** Exif and other tags by name, in groups that hold structure as well. */
const personalName =
  /^(Make|Model|Artist|Author|Credit|Contact|Software|HostComputer|UserComment|ImageDescription|Comment|Description|Title|Keywords|Subject|Headline|XP\w+|Region\w+|Lens(Make|Model|Info)?|CameraOwnerName|ImageUniqueID|DocumentName|PageName|Uuid|ContentIdentifier|MediaGroupUUID|SecurityClassification|ProcessingSoftware|Encoder|Warning|Album|Performer|Information|Comment-\w+|RawDataUniqueID|OriginalRawFileName|ThumbnailImage|PreviewImage|JpgFromRaw|CompressorName|HandlerDescription|HandlerVendorID|AndroidVersion|Android\w+|\w*Make|\w*Model)$|^(Owner|Copyright|Creator|By-line|Caption|Rating|Person)|Owner$|Serial|Face/i

/** Names of tags that tell when something was taken, changed or sent. */
const dateName = /Date|OffsetTime|SubSecTime|TimeZone|CreationTime|CreateTime|^Year$/i
/** A date of zeros, and the one that zero stands for in the format. */
const noDate = /^[0: .+-]*Z?$|^(1904|1970|2001):01:01 00:00:00/

/** Tags that tell of a person, a device or a time, besides what `none` keeps. */
export function personalTags(tags: readonly Tag[]): Tag[] {
  return tags.filter((tag) => {
    const top = tag.groups[0] ?? ''
    if (/^(File|ExifTool|SourceFile|ICC_Profile|JFIF|Composite)$/.test(top)) {
      return top === 'File' && tag.name === 'Comment'
    }
    if (keptNames.test(tag.name) || isBlank(tag.value)) return false
    if (dateName.test(tag.name) && !noDate.test(tag.value)) return true
    if (tag.groups.some((group) => gainMapGroups.test(group))) return false
    if (personalGroups.test(top) && !(top === 'APP14' || isAdobe(tag))) return true
    if (top === 'QuickTime' || top === 'Matroska' || top === 'RIFF') {
      return personalName.test(tag.name) && !structuralQuickTime.test(tag.name)
    }
    return personalName.test(tag.name)
  })
}

const keptNames =
  /^(Orientation|ColorSpace|ExifVersion|FlashpixVersion|ComponentsConfiguration|ExifByteOrder)$/
const structuralQuickTime =
  /^(HandlerVendorID|ColorMode|HandlerDescription|CompressorName|Warning|VideoModel|TextFace)$/

/** How bright a gain map makes the picture; its packet's toolkit stands alone in HEIC files. */
const gainMapGroups = /^XMP-(HDRGainMap|hdrgm|x)$/

function isAdobe(tag: Tag): boolean {
  return tag.groups.includes('Adobe') && /^(DCTEncodeVersion|APP14Flags\d|ColorTransform)$/.test(tag.name)
}

/** What the tags hold under a policy that takes it out. */
export function findingsOf(tags: readonly Tag[], policy: Exclude<MetadataPolicy, 'everything'>): Finding[] {
  const location = locationTags(tags)
  const found: Finding[] = location.map((tag) => finding('location', tag))
  if (policy === 'none') {
    const told = new Set(location)
    for (const tag of personalTags(tags)) if (!told.has(tag)) found.push(finding('personal', tag))
  }
  return found
}

function finding(kind: Finding['kind'], tag: Tag): Finding {
  return { kind, where: tag.key, value: shortValue(tag.value) }
}

/** Where the capture date may stand, best first. */
const dateNames = [
  'DateTimeOriginal',
  'CreationDate',
  'DateCreated',
  'CreateDate',
  'CreationTime',
  'DateTime',
  'DateUTC',
]

/** Tags of the primary image itself. */
const ownTags = (tags: readonly Tag[]): Tag[] =>
  tags.filter(
    (tag) => !tag.groups.some((group) => /^(Doc|Copy)/.test(group)) && tag.groups[0] !== 'Composite',
  )

/** Exif orientation 1–8 of the primary image; null where it has none. */
export function orientationOf(tags: readonly Tag[]): number | null {
  const tag = ownTags(tags).find(
    (one) => isExif(one) && one.name === 'Orientation' && /^[1-8]$/.test(one.value),
  )
  return tag ? Number(tag.value) : null
}

/** What must be in the copy as it is in the source: the primary image's orientation and, but under `none`, the capture date. */
export function keptOf(tags: readonly Tag[], policy: Exclude<MetadataPolicy, 'everything'>): KeptExif {
  const orientation = orientationOf(tags)
  if (policy === 'none') return { orientation, capturedAt: null, offset: null }
  const main = ownTags(tags)
  let capturedAt: string | null = null
  for (const name of dateNames) {
    const tag = main.find((one) => one.name === name && /^(19|20)\d\d:\d\d:\d\d \d\d:\d\d/.test(one.value))
    if (tag) {
      capturedAt = tag.value
      break
    }
  }
  const zone = capturedAt?.slice(19).match(/[+-]\d\d:\d\d/)?.[0]
  const offset = main.find((tag) => tag.name === 'OffsetTimeOriginal' || tag.name === 'OffsetTime')
  return {
    orientation,
    capturedAt: capturedAt ? capturedAt.slice(0, 19) : null,
    offset: offset?.value ?? zone ?? null,
  }
}

function isExif(tag: Tag): boolean {
  return tag.groups[0] === 'EXIF'
}

/** Coordinates that the tags tell of, in degrees, each as exiftool prints it with `-n`. */
export function coordinatesOf(tags: readonly Tag[]): string[] {
  const values = new Set<string>()
  for (const tag of tags) {
    if (!/latitude|longitude|coordinates|gpsposition/i.test(tag.name) || /Ref$/.test(tag.name)) continue
    for (const number of tag.value.match(/-?\d{1,3}\.\d+/g) ?? []) values.add(number.replace(/^-/, ''))
  }
  return [...values]
}
