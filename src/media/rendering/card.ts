import { stat } from 'node:fs/promises'
import sharp from 'sharp'
import { maxCardPictures, MediaError } from '../types.ts'

/** What link previews take (Open Graph): 1.91 : 1, and no more than this many bytes. */
const width = 1200
const height = 630
const maxBytes = 250_000

/** Between pictures, in pixels. */
const gap = 8
const background = '#ffffff'

interface Place {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const half = (length: number): number => (length - gap) / 2
const second = (length: number): number => half(length) + gap

/** Where the pictures stand, by how many there are. The first is the largest. */
const layouts: readonly (readonly Place[])[] = [
  [{ left: 0, top: 0, width, height }],
  [
    { left: 0, top: 0, width: half(width), height },
    { left: second(width), top: 0, width: half(width), height },
  ],
  [
    { left: 0, top: 0, width: 788, height },
    { left: 796, top: 0, width: 404, height: half(height) },
    { left: 796, top: second(height), width: 404, height: half(height) },
  ],
  [0, second(width)].flatMap((left) =>
    [0, second(height)].map((top) => ({ left, top, width: half(width), height: half(height) })),
  ),
  [
    { left: 0, top: 0, width: half(width), height },
    ...[604, 906].flatMap((left) =>
      [0, second(height)].map((top) => ({ left, top, width: 294, height: half(height) })),
    ),
  ],
]

/**
 * Composes one picture of up to five for link previews: a JPEG of 1200 × 630 pixels and at most 250 kB, written
 * to `output`. `pictures` are previews of our own making, upright and in sRGB. Throws MediaError where they are not.
 */
export async function composeCard(pictures: readonly string[], output: string): Promise<void> {
  const layout = layouts[pictures.length - 1]
  if (!layout) throw new RangeError(`a card holds 1 to ${maxCardPictures} pictures`)
  const tiles = await Promise.all(
    layout.map(async (place, index) => ({
      input: await tile(pictures[index], place),
      left: place.left,
      top: place.top,
    })),
  )
  // Composing adds an alpha channel: what comes out says how many there are.
  const { data, info } = await sharp({ create: { width, height, channels: 3, background } })
    .composite(tiles)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  for (const quality of [82, 72, 60, 45, 30, 15]) {
    await sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
      .jpeg({ quality, progressive: true })
      .toFile(output)
    if ((await stat(output)).size <= maxBytes) return
  }
  throw new MediaError('too-large', 'The card does not become small enough')
}

/** A sliver is enlarged to what its tile is wide, and would be as long as that many times more: only its middle is. */
const maxStretch = 4

async function tile(picture: string | undefined, place: Place): Promise<Buffer> {
  try {
    const image = sharp(picture, { limitInputPixels: 16_000_000, failOn: 'error' })
    const size = await image.metadata()
    const wide = Math.min(size.width, Math.ceil((maxStretch * size.height * place.width) / place.height))
    const high = Math.min(size.height, Math.ceil((maxStretch * size.width * place.height) / place.width))
    return await image
      .extract({
        left: Math.floor((size.width - wide) / 2),
        top: Math.floor((size.height - high) / 2),
        width: wide,
        height: high,
      })
      .resize(place.width, place.height, { fit: 'cover', position: 'attention' })
      .flatten({ background })
      .png({ compressionLevel: 1 })
      .toBuffer()
  } catch (error) {
    throw new MediaError('damaged', 'A picture for the card cannot be read', { cause: error })
  }
}
