import type { Format } from '../types.ts'
import type { ByteRange, ByteSource } from './bytes/byte-source.ts'
import { gifPicture } from './containers/gif.ts'
import { walkJpeg } from './containers/jpeg.ts'
import { jxlPicture } from './containers/jxl.ts'
import { pngPicture } from './containers/png.ts'
import { webpPicture } from './containers/riff.ts'

/** The parts of a file that decide how it looks, by format: those whose structure we walk ourselves. */
export const pictureRanges: Partial<Record<Format, (source: ByteSource) => Promise<readonly ByteRange[]>>> = {
  jpeg: jpegPicture,
  png: pngPicture,
  webp: webpPicture,
  gif: gifPicture,
  jxl: jxlPicture,
}

async function jpegPicture(source: ByteSource): Promise<readonly ByteRange[]> {
  const layout = await walkJpeg(source)
  if (!layout) throw new RangeError('the JPEG is broken')
  return layout.picture
}
