import { readFile, stat } from 'node:fs/promises'
import libheif from 'libheif-js/wasm-bundle.js'
import { readHeif } from '../formats/heif.ts'
import { profileOf } from '../formats/icc.ts'
import { MediaError } from '../types.ts'

const maxFileBytes = 256 * 1024 * 1024

export interface DecodedHeic {
  /** 8-bit interleaved RGB or RGBA rows, upright, in the file's own colours; gone when `use` has answered. */
  readonly data: Buffer
  readonly raw: { readonly width: number; readonly height: number; readonly channels: 3 | 4 }
  /** The ICC profile of those colours; null for sRGB. */
  readonly profile: Buffer | null
}

/**
 * Decodes the primary picture of a HEIC or HIF and gives it to `use`. libheif-js works without pause and in its
 * own heap: call this in a child process only. Throws MediaError: `too-large` before anything is allocated,
 * `damaged`.
 */
export async function withDecodedHeic<Result>(
  path: string,
  maxPixels: number,
  use: (decoded: DecodedHeic) => Promise<Result>,
): Promise<Result> {
  if ((await stat(path)).size > maxFileBytes) throw new MediaError('too-large', 'The HEIC file is too long')
  const described = await readHeif(path)
  if (described === null) throw new MediaError('damaged', 'The HEIC file has no primary picture')
  // libheif believes `ispe` and allocates by it.
  if (described.largestPixels > maxPixels)
    throw new MediaError('too-large', 'The picture has too many pixels')

  const images = open(await readFile(path))
  try {
    const image = images.find((candidate) => candidate.is_primary()) ?? images[0]
    if (!image) throw new MediaError('damaged', 'The HEIC file holds no picture that can be decoded')
    const width = image.get_width()
    const height = image.get_height()
    if (width < 1 || height < 1 || width * height > maxPixels) {
      throw new MediaError('too-large', 'The picture has too many pixels')
    }
    const channels = image.has_alpha_channel() ? 4 : 3
    const decoded = await libheif.heif_js_decode_image2(
      image.handle,
      libheif.heif_colorspace.heif_colorspace_RGB,
      channels === 4
        ? libheif.heif_chroma.heif_chroma_interleaved_RGBA
        : libheif.heif_chroma.heif_chroma_interleaved_RGB,
    )
    if (!('channels' in decoded)) throw new MediaError('damaged', 'The HEIC picture could not be decoded')
    try {
      const plane = decoded.channels.find(({ id }) => id === libheif.heif_channel.heif_channel_interleaved)
      if (!plane || plane.width !== width || plane.height !== height) {
        throw new MediaError('damaged', 'The HEIC picture is not of the size it says')
      }
      const data = rows(plane.data, plane.stride, width * channels, height)
      return await use({ data, raw: { width, height, channels }, profile: profileOf(described) })
    } finally {
      libheif.heif_image_release(decoded.image)
    }
  } finally {
    for (const image of images) image.free()
  }
}

/** The decoder's own memory where its rows have no padding: a copy would cost 36 MB for 12 MP. */
function rows(plane: Uint8Array, stride: number, row: number, height: number): Buffer {
  if (stride === row) return Buffer.from(plane.buffer, plane.byteOffset, row * height)
  const data = Buffer.allocUnsafe(row * height)
  for (let line = 0; line < height; line += 1) {
    data.set(plane.subarray(line * stride, line * stride + row), line * row)
  }
  return data
}

function open(file: Buffer): ReturnType<InstanceType<typeof libheif.HeifDecoder>['decode']> {
  try {
    return new libheif.HeifDecoder().decode(file)
  } catch (error) {
    // WebAssembly that gets no memory says so; its own checks of the file are what it was made for.
    const message = error instanceof Error ? error.message : String(error)
    const reason = /memory|allocat/i.test(message) ? 'tool-failed' : 'damaged'
    throw new MediaError(reason, `The HEIC file cannot be read: ${message}`, { cause: error })
  }
}
