import { open } from 'node:fs/promises'
import { captureDate, captureDateTags } from './capture-date.ts'
import type { ExifTags, Exiftool } from '../tools/exiftool.ts'
import { locateMotion } from '../rendering/extract-motion.ts'
import { probe, type Probe } from '../tools/ffmpeg.ts'
import { type HeifPicture, readHeif } from '../formats/heif.ts'
import {
  MediaError,
  rawFormats,
  type Coordinates,
  type Facts,
  type MediaLimits,
  type MediaType,
} from '../types.ts'

const tagArguments = [
  ...captureDateTags,
  ...['ImageWidth', 'ImageHeight', 'Composite:ImageSize', 'Orientation', 'Make', 'Model', 'LensModel'],
  ...['ExposureTime', 'FNumber', 'ISO', 'FocalLength', 'Duration', 'FrameCount', 'AnimationFrames'],
  ...['GPSLatitude', 'GPSLongitude', 'GPSAltitude', 'GPSImgDirection'],
  ...['ContentIdentifier'],
].map((tag) => `-${tag}`)

/** Characters of a tag's text that are looked at: a file may hold megabytes. */
const mostRead = 1000

/** Reads a file's facts. Throws MediaError (`too-long` for a video past the limit, `damaged`, `timeout`, `tool-failed`). */
export async function readFacts(
  { exiftool, limits }: { readonly exiftool: Exiftool; readonly limits: MediaLimits },
  path: string,
  type: MediaType,
): Promise<Facts> {
  const isVideo = type.kind === 'video'
  const isHeif = type.format === 'heic' || type.format === 'avif'
  // `-fast`: everything that is asked for stands before a JPEG's pixels.
  const speed = type.format === 'jpeg' ? ['-fast'] : []
  const [tags, probed, heif] = await Promise.all([
    exiftool.read(path, ['-n', '-a', '-G1', ...speed, ...tagArguments]),
    isVideo ? probe(path, type.format) : null,
    isHeif ? readHeif(path) : null,
  ])
  const duration = isVideo
    ? longest(probed?.duration ?? null, numberOf(tags, 'Duration', ['QuickTime', 'Matroska', 'Info']))
    : null
  if (duration !== null && duration > limits.maxVideoSeconds) {
    throw new MediaError('too-long', 'The video claims to be longer than is accepted')
  }
  const isTurned = type.format === 'avif' || (heif?.isTurned ?? false)
  const orientation = isVideo || isTurned || type.format === 'jxl' ? 1 : exifOrientation(tags)
  return {
    ...shownSize(tags, type, orientation, probed, heif),
    orientation,
    capturedAt: captureDate(tags, type.kind),
    camera: cameraName(tags),
    lens: textOf(tags, 'LensModel'),
    exposureTime: isVideo ? null : exposure(numberOf(tags, 'ExposureTime')),
    aperture: isVideo ? null : positive(numberOf(tags, 'FNumber')),
    iso: isVideo ? null : positive(numberOf(tags, 'ISO')),
    focalLength: isVideo ? null : positive(numberOf(tags, 'FocalLength')),
    duration,
    frameRate: probed?.video?.frameRate ?? null,
    codec: probed?.video?.codec ?? null,
    coordinates: coordinates(tags),
    contentIdentifier: textOf(tags, 'ContentIdentifier'),
    animated: await isAnimated(path, type, tags),
    embeddedMotion: (await locateMotion(path, type)) !== null,
  }
}

function shownSize(
  tags: ExifTags,
  type: MediaType,
  orientation: number,
  probed: Probe | null,
  heif: HeifPicture | null,
): Pick<Facts, 'width' | 'height'> {
  if (type.kind === 'video')
    return { width: probed?.video?.width ?? null, height: probed?.video?.height ?? null }
  if (heif) return turned(heif.width, heif.height, orientation)
  const groups = ['File', 'PNG', 'RIFF', 'GIF', 'IFD0']
  let width = numberOf(tags, 'ImageWidth', groups)
  let height = numberOf(tags, 'ImageHeight', groups)
  // A raw's first directory holds a small picture; exiftool's composite knows which one is the sensor's.
  const composite = /^(\d+)[ x](\d+)$/.exec(String(tags['Composite:ImageSize']))
  if (composite && (rawFormats.has(type.format) || width === null)) {
    width = Number(composite[1])
    height = Number(composite[2])
  }
  if (width === null || height === null || width < 1 || height < 1) return { width: null, height: null }
  return turned(width, height, orientation)
}

const turned = (width: number, height: number, orientation: number): Pick<Facts, 'width' | 'height'> =>
  orientation >= 5 ? { width: height, height: width } : { width, height }

/** Exif orientation 1–8 of the picture itself; 1 where it tells none. */
function exifOrientation(tags: ExifTags): number {
  const value = numberOf(tags, 'Orientation', ['IFD0'])
  return value !== null && Number.isInteger(value) && value >= 1 && value <= 8 ? value : 1
}

/** `Make Model`, without the make twice. */
function cameraName(tags: ExifTags): string | null {
  const make = textOf(tags, 'Make')
  const model = textOf(tags, 'Model')
  if (make === null || model === null) return model ?? make
  return model.toLowerCase().startsWith(make.toLowerCase()) ? model : `${make} ${model}`
}

function coordinates(tags: ExifTags): Coordinates | null {
  const latitude = numberOf(tags, 'GPSLatitude', ['Composite'])
  const longitude = numberOf(tags, 'GPSLongitude', ['Composite'])
  if (latitude === null || longitude === null) return null
  // 0,0 lies in the sea and is what devices write that know nothing.
  const isReal = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && (latitude !== 0 || longitude !== 0)
  if (!isReal) return null
  const direction = numberOf(tags, 'GPSImgDirection')
  return {
    latitude,
    longitude,
    altitude: numberOf(tags, 'GPSAltitude', ['Composite', 'GPS']),
    direction: direction !== null && direction >= 0 && direction <= 360 ? direction : null,
  }
}

/** `1/250` below a third of a second, else seconds. */
function exposure(seconds: number | null): string | null {
  if (seconds === null || seconds <= 0 || seconds > 1e6) return null
  return seconds < 0.3 ? `1/${Math.round(1 / seconds)}` : String(Math.round(seconds * 10) / 10)
}

async function isAnimated(path: string, { format }: MediaType, tags: ExifTags): Promise<boolean> {
  if (format === 'gif') return (numberOf(tags, 'FrameCount') ?? 1) > 1
  if (format === 'png') return (numberOf(tags, 'AnimationFrames') ?? 1) > 1
  if (format !== 'webp' && format !== 'avif') return false
  const file = await open(path)
  try {
    const head = Buffer.alloc(32)
    await file.read(head, 0, head.length, 0)
    // AVIF: the brand of image sequences. WebP: the animation bit of the extended header (RFC 9649, 2.7).
    if (format === 'avif') return head.toString('latin1', 8, 12) === 'avis'
    return head.toString('latin1', 12, 16) === 'VP8X' && ((head[20] ?? 0) & 2) !== 0
  } finally {
    await file.close()
  }
}

function valueOf(tags: ExifTags, name: string, groups?: readonly string[]): unknown {
  if (groups) {
    for (const group of groups) if (tags[`${group}:${name}`] !== undefined) return tags[`${group}:${name}`]
    return undefined
  }
  const key = Object.keys(tags).find((tag) => tag.endsWith(`:${name}`))
  return key === undefined ? undefined : tags[key]
}

function numberOf(tags: ExifTags, name: string, groups?: readonly string[]): number | null {
  const value = valueOf(tags, name, groups)
  // Some makers write a list, e.g. ISO `100 0`: the first counts.
  const first = typeof value === 'string' ? value.slice(0, mostRead).trim().split(/\s+/, 1)[0] : value
  const number =
    typeof first === 'number' || (typeof first === 'string' && first !== '') ? Number(first) : Number.NaN
  return Number.isFinite(number) ? number : null
}

function textOf(tags: ExifTags, name: string): string | null {
  const value = valueOf(tags, name)
  if (typeof value !== 'string' && !(name === 'Model' && typeof value === 'number')) return null
  // Control characters and whatever else a stranger's file says: kept short and on one line.
  const text = String(value)
    .slice(0, mostRead)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
  return text === '' ? null : text
}

function positive(value: number | null): number | null {
  return value !== null && value > 0 && value < 1e7 ? value : null
}

function longest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other)
}
