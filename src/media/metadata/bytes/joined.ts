import { bufferBytes, type ByteRange, type ByteSource } from './byte-source.ts'
import type { Patch } from './patch.ts'

/** Parts of a file, one after the other, as if they were a file of their own. */
export interface Joined {
  readonly source: ByteSource
  /** The patches of the file that a patch of the whole stands for. */
  readonly inFile: (patch: Patch) => Patch[]
}

/** Reads `parts` of `source` into memory; the caller has bounded them. */
export async function joinParts(source: ByteSource, parts: readonly ByteRange[]): Promise<Joined> {
  const pieces: Buffer[] = []
  for (const { offset, length } of parts) pieces.push(Buffer.from(await source.read(offset, length)))
  return {
    source: bufferBytes(Buffer.concat(pieces)),
    inFile(patch) {
      const split: Patch[] = []
      let start = 0
      for (const { offset, length } of parts) {
        const from = Math.max(patch.offset, start)
        const to = Math.min(patch.offset + patch.length, start + length)
        if (from < to) {
          const bytes = patch.bytes?.subarray(from - patch.offset, to - patch.offset) ?? null
          split.push({ ...patch, offset: offset + from - start, length: to - from, bytes })
        }
        start += length
      }
      return split
    },
  }
}
