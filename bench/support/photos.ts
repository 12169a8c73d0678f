import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'

export const photos = 200
/** Bytes of one: 200 of them are 711 MB. */
export const photoBytes = 3_555_000

/** Files as large as a phone's photos, that begin as a JPEG does: nobody decodes them here. */
export async function makePhotos(directory: string, count: number): Promise<string[]> {
  const jpeg = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#3a7' } })
    .jpeg()
    .toBuffer()
  const files: string[] = []
  for (let n = 0; n < count; n += 1) {
    const file = join(directory, `photo-${n}.jpg`)
    await writeFile(file, Buffer.concat([jpeg, randomBytes(photoBytes - jpeg.length)]))
    files.push(file)
  }
  return files
}
