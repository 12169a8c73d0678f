import type { Format } from '../types.ts'

/** Every write: in place, and past the small errors that many cameras make. */
const always = ['-m', '-overwrite_original'] as const

/** The places that photos name in practice; about 20 ms. */
const places = [
  '-gps:all=', '-XMP-exif:GPS*=', '-XMP-photoshop:City=', '-XMP-photoshop:State=', '-XMP-photoshop:Country=',
  '-XMP-iptcCore:Location=', '-XMP-iptcCore:CountryCode=', '-XMP-iptcExt:LocationCreated=',
  '-XMP-iptcExt:LocationShown=', '-XMP-dc:Coverage=', '-XMP-prism:Location=', '-IPTC:City=',
  '-IPTC:Sub-location=', '-IPTC:Province-State=', '-IPTC:Country-PrimaryLocationName=',
  '-IPTC:Country-PrimaryLocationCode=', '-XMP-drone-dji:all=', '-RMETA:all=', '-JUMBF:all=',
  '-Keys:Location*=', '-UserData:Location*=', '-Keys:GPSCoordinates=', '-UserData:GPSCoordinates=',
  '-ItemList:GPSCoordinates=',
] as const // prettier-ignore

/** Everything that exiftool files under “Location”; 120–180 ms more. */
const everyPlace = ['-Location:all=', '-XMP:GPS*=', '-XMP:Geo*='] as const

const geoTiff = [
  '-IFD0:ModelTransform=', '-IFD0:ModelTiePoint=', '-IFD0:PixelScale=', '-IFD0:GeoTiffDirectory=',
  '-IFD0:GeoTiffDoubleParams=', '-IFD0:GeoTiffAsciiParams=', '-trailer:all=',
] as const // prettier-ignore

/** Takes everything out and puts back what says how the picture is to be shown. */
const everything = [
  '-all=', '--ICC_Profile:all', '-tagsFromFile', '@', '-EXIF:Orientation', '-ColorSpaceTags',
] as const // prettier-ignore
const captureDate = ['-EXIF:DateTimeOriginal', '-EXIF:OffsetTimeOriginal'] as const

function isTiff(format: Format): boolean {
  return /^(tiff|dng|cr2|nef|arw|rw2|orf)$/.test(format)
}

export function placesArguments(format: Format): string[] {
  return [...always, ...places, ...(isTiff(format) ? geoTiff : [])]
}

export function everyPlaceArguments(format: Format): string[] {
  return [...placesArguments(format), ...everyPlace]
}

/** Deletes whole groups; only names that exiftool itself printed, and that look like a group's, are taken. */
export function groupArguments(groups: readonly string[]): string[] {
  const safe = [...new Set(groups)].filter((group) => /^[A-Za-z][\w-]{1,40}$/.test(group))
  return [...always, ...safe.map((group) => `-${group}:all=`)]
}

/** Writes a capture date (`2026:05:01 18:30:00`) into Exif; its form is checked, since it comes from the file. */
export function dateArguments(capturedAt: string | null): string[] {
  return capturedAt && /^[\d: ]{19}$/.test(capturedAt) ? [`-EXIF:DateTimeOriginal=${capturedAt}`] : []
}

/** For a copy with nothing but the picture; a date stays only in one that was to keep more than that. */
export function everythingArguments(format: Format): string[] {
  const tiff = format === 'tiff' ? ['-CommonIFD0=', '-trailer:all=', '-CameraSerialNumber='] : []
  // Common IFD0 tags include the orientation: deleted first, it is copied back by what follows.
  const [all, profile, ...copied] = everything
  return [...always, all, profile, ...tiff, ...copied]
}

/** The same, with the capture date; `capturedAt` comes from other tags (XMP, IPTC, PNG) where Exif has none. */
export function datedArguments(format: Format, capturedAt: string | null): string[] {
  return [...everythingArguments(format), ...captureDate, ...dateArguments(capturedAt)]
}
