import type { Format, MetadataPolicy } from '../types.ts'
import { type ByteRange, type ByteSource, complement } from './bytes/byte-source.ts'
import { findEmbeddedLocation } from './locations/embedded.ts'
import { findExifLocation } from './locations/exif-location.ts'
import { findMovieMetadata, ownLength } from './iso-bmff/iso-bmff.ts'
import { findGifParts } from './containers/gif.ts'
import { findUnknownParts } from './containers/jpeg-parts.ts'
import { walkJpeg } from './containers/jpeg.ts'
import { findMatroskaMetadata } from './containers/matroska.ts'
import { pictureRanges } from './picture-ranges.ts'
import { findTextPlaces } from './words/text-patches.ts'
import { hasTimecodes } from './containers/transport-stream.ts'
import { findPrivateStreams } from './containers/ts-streams.ts'
import { findEncoded } from './words/encoded-parts.ts'
import { extendedXmp } from './containers/jpeg-xmp.ts'
import type { Patch } from './bytes/patch.ts'
import { findAviMetadata, findWebpParts } from './containers/riff.ts'

export interface Found {
  readonly patches: readonly Patch[]
  /** MP4s inside a still. */
  readonly videos: readonly ByteRange[]
}

export function isMovie(format: Format): boolean {
  return format === 'mp4' || format === 'mov' || format === 'm4v' || format === '3gp'
}

/**
 * Finds by our own walk of the container what `policy` takes out and a patch in place can: Exif's and XMP's
 * location wherever they stand, boxes, tracks, elements, chunks. Throws RangeError for a broken container.
 */
export async function findMetadata(
  source: ByteSource,
  format: Format,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Promise<Found> {
  const whole = { offset: 0, length: source.size }
  if (format === 'mts') return { patches: await streamsOf(source), videos: [] }
  const findFilm = films[format]
  if (findFilm) {
    // Encoders write texts among the pictures too. What goes as a whole is patched last, so that nothing is left of it.
    const texts = await findTextPlaces(source, [whole], 'coded')
    return { patches: [...texts, ...(await findFilm(source, whole, policy))], videos: [] }
  }
  const ranges = await metadataRanges(source, format)
  const { patches, videos } = await findEmbeddedLocation(source, ranges)
  const found = [...(await textsIn(source, format)), ...patches]
  if (format === 'gif') found.push(...(await findGifParts(source)))
  if (format === 'webp') found.push(...(await findWebpParts(source)))
  if (format === 'jpeg') found.push(...(await findUnknownParts(source, videos)))
  // Olympus and Panasonic begin a TIFF with letters of their own, and BigTIFF does too.
  if (format === 'orf' || format === 'rw2' || format === 'tiff')
    found.push(...(await findExifLocation(source, 0, source.size)))
  for (const video of videos) found.push(...(await findMovieMetadata(source, video, policy)))
  // An image sequence, and Samsung's motion (`mpvd`), are boxes of the still's own file.
  if (format === 'heic' || format === 'avif') {
    const own = { offset: 0, length: await ownLength(source) }
    found.push(...(await findMovieMetadata(source, own, policy)))
  }
  return { patches: found, videos }
}

const films: Partial<Record<Format, typeof findMovieMetadata>> = {
  mp4: findMovieMetadata,
  mov: findMovieMetadata,
  m4v: findMovieMetadata,
  '3gp': findMovieMetadata,
  mkv: (source, _range, policy) => findMatroskaMetadata(source, policy),
  webm: (source, _range, policy) => findMatroskaMetadata(source, policy),
  avi: (source, _range, policy) => findAviMetadata(source, policy),
}

/** What a transport stream holds that none may: it is copied without, so that nothing is patched. */
async function streamsOf(source: ByteSource): Promise<Patch[]> {
  const texts = await findTextPlaces(source, [{ offset: 0, length: source.size }], 'coded')
  const streams = await findPrivateStreams(source, (await hasTimecodes(source)) ? 192 : 188)
  return [
    ...texts,
    ...streams.map((finding) => ({ offset: 0, length: 0, bytes: null, finding, secrets: [] })),
  ]
}

/** Positions written as text in a still, in base64 too. */
async function textsIn(source: ByteSource, format: Format): Promise<Patch[]> {
  const whole = { offset: 0, length: source.size }
  const picture = await pictureRanges[format]?.(source)
  const ranges = picture ? complement(picture, source.size) : [whole]
  const texts = await findTextPlaces(source, ranges, picture ? 'metadata' : 'coded')
  const joined = format === 'jpeg' ? await extendedXmp(source) : null
  return [
    ...texts,
    ...(await findEncoded(source, ranges, (inner) => findInside(inner))),
    ...(joined ? (await findInside(joined.source)).flatMap(joined.inFile) : []),
  ]
}

/** What was unpacked may hold more that is packed. */
const deepest = 3

/** Location in what stands packed in a file: a picture, a packet of XMP, a text. */
async function findInside(source: ByteSource, depth = 0): Promise<Patch[]> {
  const whole = [{ offset: 0, length: source.size }]
  const texts = await findTextPlaces(source, whole, source.size > 4096 ? 'coded' : 'metadata')
  const { patches } = await findEmbeddedLocation(source, whole)
  const deeper =
    depth < deepest ? await findEncoded(source, whole, (inner) => findInside(inner, depth + 1)) : []
  return [...texts, ...deeper, ...patches]
}

/** Where metadata can stand: all of a file but a JPEG's coded data, which is compared byte by byte instead. */
export async function metadataRanges(source: ByteSource, format: Format): Promise<ByteRange[]> {
  const layout = format === 'jpeg' ? await walkJpeg(source) : null
  return complement(layout?.coded ?? [], source.size)
}
