import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { StoredFacts } from '../../src/ports.ts'

/** What a bucket must answer of these bytes. */
export const factsOf = (bytes: Buffer): StoredFacts => ({
  size: bytes.length,
  crc32: crc32(bytes),
  sha256: createHash('sha256').update(bytes).digest('hex'),
})
