import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Exiftool } from '../tools/exiftool.ts'
import { MediaError } from '../types.ts'

const maxPreviewBytes = 64 * 1024 * 1024
const previewTags = ['JpgFromRaw', 'PreviewImage', 'OtherImage', 'ThumbnailImage']

/**
 * Writes the largest JPEG that a camera raw carries into `folder`, and tells the raw's Exif orientation, which
 * is not in the JPEG. Throws MediaError `unsupported` where there is none.
 */
export async function extractRawPreview(
  exiftool: Exiftool,
  source: string,
  folder: string,
): Promise<{ file: string; orientation: number }> {
  const found = await exiftool.read(source, [
    '-n',
    '-a',
    '-G1',
    '-IFD0:Orientation',
    ...previewTags.map((tag) => `-${tag}`),
  ])
  // Without `-b` a value reads “(Binary data 123456 bytes, use -b option to extract)”.
  const candidates = Object.entries(found)
    .flatMap(([tag, value]) => {
      const bytes = Number(/^\(Binary data (\d+) bytes/.exec(String(value))?.[1])
      return previewTags.includes(tag.split(':').at(-1) ?? '') && bytes > 0 && bytes <= maxPreviewBytes
        ? [{ tag, bytes }]
        : []
    })
    .sort((a, b) => b.bytes - a.bytes)

  const orientation = Number(found['IFD0:Orientation'] ?? 1)
  for (const { tag } of candidates) {
    const answer = await exiftool.read(source, ['-n', '-b', '-a', '-G1', `-${tag}`])
    const encoded = answer[tag]
    if (typeof encoded !== 'string' || !encoded.startsWith('base64:')) continue
    const jpeg = Buffer.from(encoded.slice('base64:'.length), 'base64')
    if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) continue
    const file = path.join(folder, 'preview-of-raw.jpg')
    await writeFile(file, jpeg)
    return { file, orientation }
  }
  throw new MediaError('unsupported', 'The raw file carries no preview picture')
}
