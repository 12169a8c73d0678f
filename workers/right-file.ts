import { createReadStream } from 'node:fs'
import { crc32 } from 'node:zlib'
import { WrongBytes, type Recorded } from '../src/domain/backup/integrity/integrity.ts'
import type { Bucket } from '../src/ports.ts'

/**
 * A local file with an object's bytes, as `Bucket.localFile` gives it, but read and compared first: nothing is made of what
 * is not as it was stored. Null where there is no object. Throws WrongBytes.
 */
export async function rightFile(
  bucket: Bucket,
  { key, stored }: Recorded,
  folder: string,
): Promise<string | null> {
  const file = await bucket.localFile(key, folder)
  if (file === null) return null
  let size = 0
  let crc = 0
  const pieces: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 256 * 1024 })
  for await (const piece of pieces) {
    size += piece.length
    crc = crc32(piece, crc)
  }
  if (stored.isWrong || size !== stored.size || crc !== stored.crc32) throw new WrongBytes({ key, stored })
  return file
}
