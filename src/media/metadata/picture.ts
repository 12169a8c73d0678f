import type { Exiftool } from '../tools/exiftool.ts'
import type { MediaType } from '../types.ts'
import { type ByteRange, type ByteSource, complement, sameBytes } from './bytes/byte-source.ts'
import type { Found } from './find.ts'
import { pictureRanges } from './picture-ranges.ts'
import { streamHash } from './stream-hash.ts'

/**
 * Says what is wrong with the picture or the streams of `copy` as against `original`: null where they are the
 * same. JPEG, PNG, WebP, GIF and JPEG XL are compared byte by byte in the parts that decide how they look; other
 * stills by exiftool's hash of the image data; videos by ffmpeg's hash of every packet.
 */
export async function pictureDifference(
  exiftool: Exiftool,
  type: MediaType,
  original: OpenFile & { readonly found: Found },
  copy: OpenFile,
): Promise<string | null> {
  const whole = ({ size }: ByteSource) => ({ offset: 0, length: size })
  if (await sameBytes(original.source, whole(original.source), copy.source, whole(copy.source))) return null
  if (type.kind === 'video') {
    const bytes = original.source.size
    const withoutMessages = type.format === 'mts'
    const before = await streamHash(original.path, type.format, bytes, withoutMessages)
    const after = await streamHash(copy.path, type.format, bytes, withoutMessages)
    return before !== '' && before === after ? null : 'the video or its sound changed'
  }
  const ranges = pictureRanges[type.format]
  if (ranges) {
    const parts = await ranges(original.source)
    const same = await sameParts(original.source, parts, copy.source, await ranges(copy.source))
    return same ? null : 'the picture changed'
  }
  const before = await imageHash(exiftool, original.path)
  const after = await imageHash(exiftool, copy.path)
  if (before === null) {
    // A raw that exiftool cannot hash: then every byte must be as it was, but those that were patched.
    const rest = complement(original.found.patches, original.source.size)
    const same =
      original.source.size === copy.source.size && (await sameParts(original.source, rest, copy.source, rest))
    return same ? null : 'the picture could not be compared'
  }
  return before === after ? null : 'the picture changed'
}

export interface OpenFile {
  readonly path: string
  readonly source: ByteSource
}

async function sameParts(
  one: ByteSource,
  partsOfOne: readonly ByteRange[],
  other: ByteSource,
  partsOfOther: readonly ByteRange[],
): Promise<boolean> {
  if (partsOfOne.length === 0 || partsOfOne.length !== partsOfOther.length) return false
  for (const [index, part] of partsOfOne.entries()) {
    const counterpart = partsOfOther[index]
    if (!counterpart || !(await sameBytes(one, part, other, counterpart))) return false
  }
  return true
}

async function imageHash(exiftool: Exiftool, path: string): Promise<string | null> {
  const read = await exiftool.read(path, ['-api', 'ImageHashType=MD5', '-ImageDataHash'])
  const hash = read['ImageDataHash']
  return typeof hash === 'string' ? hash : null
}
