import type { Format, MetadataPolicy } from '../types.ts'
import { type ByteRange, type ByteSource, complement } from './bytes/byte-source.ts'
import { findEmbeddedLocation } from './locations/embedded.ts'
import { findExifLocation } from './locations/exif-location.ts'
import { findMovieMetadata } from './iso-bmff/iso-bmff.ts'
import { walkJpeg } from './containers/jpeg.ts'
import { findMatroskaMetadata } from './containers/matroska.ts'
import type { Patch } from './bytes/patch.ts'
import { findAviMetadata } from './containers/riff.ts'

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
  if (isMovie(format)) return { patches: await findMovieMetadata(source, whole, policy), videos: [] }
  if (format === 'mkv' || format === 'webm') {
    return { patches: await findMatroskaMetadata(source, policy), videos: [] }
  }
  if (format === 'avi') return { patches: await findAviMetadata(source, policy), videos: [] }
  if (format === 'mts') return { patches: [], videos: [] }
  const ranges = await metadataRanges(source, format)
  const { patches, videos } = await findEmbeddedLocation(source, ranges)
  const found = [...patches]
  // Olympus and Panasonic begin a TIFF with letters of their own.
  if (format === 'orf' || format === 'rw2') found.push(...(await findExifLocation(source, 0, source.size)))
  for (const video of videos) found.push(...(await findMovieMetadata(source, video, policy)))
  // An image sequence, and Samsung's motion (`mpvd`), are boxes of the still's own file.
  if (format === 'heic' || format === 'avif') found.push(...(await findMovieMetadata(source, whole, policy)))
  return { patches: found, videos }
}

/** Where metadata can stand: all of a file but a JPEG's coded data, which is compared byte by byte instead. */
export async function metadataRanges(source: ByteSource, format: Format): Promise<ByteRange[]> {
  const layout = format === 'jpeg' ? await walkJpeg(source) : null
  return complement(layout?.coded ?? [], source.size)
}
