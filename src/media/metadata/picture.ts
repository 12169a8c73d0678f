import { constants } from 'node:fs'
import { copyFile, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withTemporaryFolder } from '../tools/temporary-folder.ts'
import { aviFilm } from './containers/riff.ts'
import { ownLength } from './iso-bmff/iso-bmff.ts'
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
    return (await sameStreams(type, original, copy)) ? null : 'the video or its sound changed'
  }
  const ranges = pictureRanges[type.format]
  if (ranges) {
    const parts = await ranges(original.source)
    const same = await sameParts(original.source, parts, copy.source, await ranges(copy.source))
    return same ? null : 'the picture changed'
  }
  const before = await imageHash(exiftool, type, original)
  const after = await imageHash(exiftool, type, copy)
  if (before === null) {
    // A raw that exiftool cannot hash: then every byte must be as it was, but those that were patched.
    return (await sameBesidesPatches(original, copy)) ? null : 'the picture could not be compared'
  }
  return before === after ? null : 'the picture changed'
}

/**
 * A film is the same where its packets are. Messages in it may have changed, where a position was written over; and an
 * AVI's texts count to the sound for ffmpeg, so that its film is compared chunk by chunk.
 */
async function sameStreams(
  { format }: MediaType,
  original: OpenFile & { readonly found: Found },
  copy: OpenFile,
): Promise<boolean> {
  const bytes = original.source.size
  const hashesMatch = async (...without: ['without messages'] | []): Promise<boolean> => {
    const before = await streamHash(original.path, format, bytes, ...without)
    return before !== '' && before === (await streamHash(copy.path, format, bytes, ...without))
  }
  if (await hashesMatch()) return true
  if (format === 'avi')
    return sameParts(original.source, await aviFilm(original.source), copy.source, await aviFilm(copy.source))
  if (format !== 'mts' && !(await sameBesidesPatches(original, copy))) return false
  return hashesMatch('without messages')
}

/** Whether a copy that was changed in place is the original but for what was patched. */
async function sameBesidesPatches(
  { source, found }: OpenFile & { readonly found: Found },
  copy: OpenFile,
): Promise<boolean> {
  const rest = complement(found.patches, source.size)
  return source.size === copy.source.size && (await sameParts(source, rest, copy.source, rest))
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

/** exiftool's hash of the image data; null where it knows none. A film behind the picture is no part of it. */
async function imageHash(
  exiftool: Exiftool,
  { format }: MediaType,
  { path, source }: OpenFile,
): Promise<string | null> {
  const length = format === 'heic' || format === 'avif' ? await ownLength(source) : source.size
  if (length < source.size) {
    return withTemporaryFolder(tmpdir(), async (folder) => {
      const own = join(folder, 'own')
      await copyFile(path, own, constants.COPYFILE_FICLONE)
      await truncate(own, length)
      return hashOf(own)
    })
  }
  return hashOf(path)

  async function hashOf(file: string): Promise<string | null> {
    const read = await exiftool.read(file, ['-api', 'ImageHashType=MD5', '-ImageDataHash'])
    const hash = read['ImageDataHash']
    return typeof hash === 'string' ? hash : null
  }
}
