import path from 'node:path'
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import { isAdobeRgb } from '../formats/adobe-rgb.ts'
import { isFileBlamed } from '../tools/blame.ts'
import { adobeRgbProfile } from '../formats/icc.ts'
import { fileFaultOf, MediaError, type Rendered, type RenderedFile } from '../types.ts'
import { wrapTiff } from '../formats/wrap-tiff.ts'

sharp.cache(false)
sharp.concurrency(1)
// Whatever libvips was built with, only these read a stranger's file: no SVG, PDF, ImageMagick, archives.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((loader) => `VipsForeignLoad${loader}`),
})

/** Long edges in pixels. */
const previewEdge = 2048
const thumbEdge = 480
const smallEdge = 240
const thumbhashEdge = 100
/** What an animation may hold, over all frames, to keep moving in its preview. */
const maxAnimatedPixels = 40_000_000
const maxAnimatedFrames = 600

export interface RenderImageOptions {
  readonly directory: string
  readonly maxPixels: number
  /** Exif orientation to use instead of the file's own (a raw's embedded preview has none). */
  readonly orientation?: number
  /** The ICC profile of the picture's colours, where libvips will not find one in the file. */
  readonly profile?: Buffer | null
}

/** Decoded rows, 8 bits a sample, interleaved. */
export interface Pixels {
  readonly data: Buffer
  readonly raw: { readonly width: number; readonly height: number; readonly channels: 1 | 2 | 3 | 4 }
}

/**
 * Makes `small.webp`, `thumb.webp` and `preview.jpg` (`preview.webp` for what is transparent or moves) in `directory` from one
 * decode: upright, sRGB, without metadata. Throws MediaError: `too-large`, `damaged`.
 */
export async function renderImage(source: string | Pixels, options: RenderImageOptions): Promise<Rendered> {
  const { directory } = options
  const metadata = typeof source === 'string' ? await readMetadata(source, options.maxPixels) : null
  const maxPixels = metadata ? mostPixels(metadata, options.maxPixels) : options.maxPixels
  const decoded = await decode(source, { ...options, maxPixels })
  const profile = metadata && isAdobeRgb(metadata) ? adobeRgbProfile() : options.profile
  const pixels = await convert(decoded.pixels, profile)

  const reduced = await asPixels(fit(fromPixels(pixels), thumbEdge))
  const tiny = await asPixels(fit(fromPixels(reduced), thumbhashEdge).toColourspace('srgb').ensureAlpha())
  const moving =
    metadata && typeof source === 'string' ? await animatedPreview(source, metadata, directory) : null
  return {
    small: await webp(fit(fromPixels(reduced), smallEdge), path.join(directory, 'small.webp'), 70),
    thumb: await webp(fromPixels(reduced), path.join(directory, 'thumb.webp'), 75),
    preview: moving ?? (await stillPreview(pixels, directory)),
    thumbhash: Buffer.from(rgbaToThumbHash(tiny.raw.width, tiny.raw.height, tiny.data)).toString('base64'),
    color: await dominantColor(tiny),
    damaged: decoded.damaged,
  }
}

async function webp(image: Sharp, file: string, quality: number): Promise<RenderedFile> {
  const { width, height } = await image.webp({ quality, effort: 3 }).toFile(file)
  return { path: file, mime: 'image/webp', width, height }
}

/** How bright a picture is: mean and spread of its samples, 0–255. */
export async function brightness(
  source: string,
  maxPixels: number,
): Promise<{ mean: number; deviation: number }> {
  const image = sharp(source, { limitInputPixels: maxPixels, failOn: 'none' }).greyscale()
  const { channels } = await image.stats()
  return { mean: channels[0]?.mean ?? 0, deviation: channels[0]?.stdev ?? 0 }
}

async function readMetadata(source: string, maxPixels: number): Promise<Metadata> {
  let metadata: Metadata
  try {
    metadata = await sharp(source, { limitInputPixels: false, failOn: 'none' }).metadata()
  } catch (error) {
    throw blame(error, 'The picture cannot be read')
  }
  if (metadata.width * metadata.height > mostPixels(metadata, maxPixels)) {
    throw new MediaError('too-large', 'The picture has too many pixels')
  }
  return metadata
}

/**
 * A baseline JPEG is decoded at a half to an eighth of its size, by rows, so that four times as many pixels take no more memory. A
 * progressive one stands in memory whole.
 */
const mostPixels = ({ format, isProgressive }: Metadata, maxPixels: number): number =>
  format === 'jpeg' && isProgressive !== true ? 4 * maxPixels : maxPixels

/** The one decode, at preview size. What a decoder calls an error is looked past once, and said. */
async function decode(
  input: string | Pixels,
  { maxPixels, orientation }: RenderImageOptions,
): Promise<{ pixels: Pixels; damaged: boolean }> {
  const attempt = async (failOn: 'error' | 'none'): Promise<Pixels> => {
    const options: SharpOptions = { failOn, limitInputPixels: maxPixels, sequentialRead: true }
    const image =
      typeof input === 'string' ? sharp(input, options) : sharp(input.data, { ...options, raw: input.raw })
    const upright = orientation === undefined ? image.autoOrient() : turn(image, orientation)
    return opaque(await asPixels(fit(upright, previewEdge).toColourspace('srgb')))
  }
  try {
    return { pixels: await attempt('error'), damaged: false }
  } catch (error) {
    if (/pixel limit/i.test(messageOf(error))) {
      throw new MediaError('too-large', 'The picture has too many pixels', { cause: error })
    }
    const first = blame(error, 'The picture cannot be decoded')
    if (fileFaultOf(first) === null) throw first
    try {
      return { pixels: await attempt('none'), damaged: true }
    } catch (second) {
      throw blame(second, 'The picture cannot be decoded')
    }
  }
}

/** From the colours of `profile` to sRGB. At preview size, where it costs a quarter of what it would before. */
async function convert(pixels: Pixels, profile: Buffer | null | undefined): Promise<Pixels> {
  const { width, height, channels } = pixels.raw
  if (!profile || channels < 3) return pixels
  const tiff = wrapTiff({ data: pixels.data, width, height, channels: channels === 3 ? 3 : 4 }, profile)
  return asPixels(sharp(tiff).toColourspace('srgb'))
}

/** Exif orientations 1–8 as turns (clockwise, after the mirroring). */
function turn(image: Sharp, orientation: number): Sharp {
  const angle = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 }[orientation] ?? 0
  const isMirrored = [2, 4, 5, 7].includes(orientation)
  return (isMirrored ? image.flop() : image).rotate(angle)
}

async function stillPreview(pixels: Pixels, directory: string): Promise<RenderedFile> {
  const isTransparent = pixels.raw.channels === 2 || pixels.raw.channels === 4
  const file = path.join(directory, isTransparent ? 'preview.webp' : 'preview.jpg')
  const image = fromPixels(pixels)
  const encoded = isTransparent ? image.webp({ quality: 80, effort: 2 }) : image.jpeg({ quality: 82 })
  const { width, height } = await encoded.toFile(file)
  return { path: file, mime: isTransparent ? 'image/webp' : 'image/jpeg', width, height }
}

/** An animated WebP where the source is a GIF or WebP that moves and is small enough; else null. */
async function animatedPreview(
  source: string,
  metadata: Metadata,
  directory: string,
): Promise<RenderedFile | null> {
  const frames = metadata.pages ?? 1
  const isBounded =
    frames <= maxAnimatedFrames && frames * metadata.width * metadata.height <= maxAnimatedPixels
  if (frames < 2 || !isBounded || !['gif', 'webp'].includes(metadata.format)) return null
  const file = path.join(directory, 'preview.webp')
  try {
    const image = sharp(source, { animated: true, failOn: 'none', limitInputPixels: maxAnimatedPixels })
    const info = await fit(image, previewEdge).webp({ quality: 75, effort: 2 }).toFile(file)
    return { path: file, mime: 'image/webp', width: info.width, height: info.pageHeight ?? info.height }
  } catch (error) {
    if (!isFileBlamed(messageOf(error))) throw error
    // A later frame is broken. The first is fine and is shown as a still.
    return null
  }
}

function fit(image: Sharp, edge: number): Sharp {
  return image.resize({ width: edge, height: edge, fit: 'inside', withoutEnlargement: true })
}

function fromPixels({ data, raw }: Pixels): Sharp {
  return sharp(data, { raw })
}

async function asPixels(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  return { data, raw: { width: info.width, height: info.height, channels: info.channels } }
}

/** Drops an alpha channel that hides nothing, so that the preview can be a JPEG. */
async function opaque(pixels: Pixels): Promise<Pixels> {
  const { data, raw } = pixels
  if (raw.channels !== 2 && raw.channels !== 4) return pixels
  for (let at = raw.channels - 1; at < data.length; at += raw.channels) {
    if (data[at] !== 255) return pixels
  }
  return asPixels(fromPixels(pixels).removeAlpha())
}

async function dominantColor(pixels: Pixels): Promise<string> {
  const { dominant } = await fromPixels(pixels).flatten({ background: '#ffffff' }).stats()
  const hex = [dominant.r, dominant.g, dominant.b].map((value) => value.toString(16).padStart(2, '0'))
  return `#${hex.join('')}`
}

/** `damaged` where the decoder blames the file, `tool-failed` for anything else. */
function blame(error: unknown, what: string): MediaError {
  const message = messageOf(error)
  const reason = isFileBlamed(message) ? 'damaged' : 'tool-failed'
  return new MediaError(reason, `${what}: ${message}`, { cause: error })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
