import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Transform, type TransformCallback } from 'node:stream'
import { finished } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import type { StoredObject } from '../src/domain/records/records.ts'
import type { Bucket } from '../src/ports.ts'

/** Takes size, CRC-32 and SHA-256 of what passes. */
export class ObjectMeter extends Transform {
  private readonly sha256 = createHash('sha256')
  private crc = 0
  private size = 0

  constructor() {
    super({ highWaterMark: 256 * 1024 })
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.size += chunk.length
    this.sha256.update(chunk)
    this.crc = crc32(chunk, this.crc)
    done(null, chunk)
  }

  /** Of all that has passed; once. */
  facts(): StoredObject {
    return { size: this.size, crc32: this.crc, sha256: this.sha256.digest('hex') }
  }
}

/** Moves a local file into the bucket and returns its size and hashes for the record. Throws if it changed on the way. */
export async function putFileWithFacts(
  bucket: Bucket,
  key: string,
  file: { path: string; mime: string },
): Promise<StoredObject> {
  const meter = new ObjectMeter()
  meter.resume()
  const source = createReadStream(file.path, { highWaterMark: 256 * 1024 })
  source.on('error', (error) => meter.destroy(error))
  source.pipe(meter)
  await finished(meter)
  const facts = meter.facts()
  const { size } = await bucket.putFile(key, file.path, { mime: file.mime })
  if (size !== facts.size) throw new Error(`${key}: ${size} bytes were stored of ${facts.size}`)
  return facts
}
