import type { MetadataPolicy } from '../../types.ts'
import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import type { Box } from './iso-bmff-boxes.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

export type Kind = 'location' | 'personal'

/** A piece of the file in memory: `bytes` begins at `base` of the file. */
export interface Piece {
  readonly bytes: Buffer
  readonly base: number
}

/** Gathers the patches of one walk through an ISO-BMFF file that fills `range` of `source`. */
export interface Collector {
  readonly source: ByteSource
  readonly range: ByteRange
  readonly policy: Exclude<MetadataPolicy, 'everything'>
  readonly patches: readonly Patch[]
  /** Turns a box into a `free` one of zeros. */
  remove(piece: Piece, box: Box, where: string, kind: Kind): void
  /** Zeros `[from, to)` of the file, cut at the end of the range. */
  zero(from: number, to: number): void
  /** The same where something is there: what an editor left in unused room is as readable as the rest. */
  zeroIfUsed(from: number, to: number): Promise<void>
  /** Puts `bytes` (null for zeros) in the place of as many. */
  replace(from: number, to: number, bytes: Buffer | null, where: string, kind: Kind, value: string): void
  add(patches: readonly Patch[]): void
}

const maxLookBytes = 16 * 1024 * 1024

export function collectPatches(
  source: ByteSource,
  range: ByteRange,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Collector {
  const patches: Patch[] = []
  const end = range.offset + range.length

  const zero = (from: number, to: number) => {
    const stop = Math.min(to, end)
    if (stop > from)
      patches.push({ offset: from, length: stop - from, bytes: null, finding: null, secrets: [] })
  }

  return {
    source,
    range,
    policy,
    patches,
    zero,
    remove({ bytes, base }, box, where, kind) {
      const value = shortValue(bytes.toString('latin1', box.body, Math.min(box.end, box.body + 160)))
      const finding = { kind, where: `${where} at ${base + box.start}`, value }
      const type = Buffer.from('free')
      patches.push({ offset: base + box.start + 4, length: 4, bytes: type, finding, secrets: [] })
      zero(base + box.body, base + box.end)
    },
    async zeroIfUsed(from, to) {
      const look = await source.read(from, Math.min(to - from, maxLookBytes))
      if (to - from > look.length || look.some((byte) => byte !== 0)) zero(from, to)
    },
    replace(from, to, bytes, where, kind, value) {
      const finding = { kind, where: `${where} at ${from}`, value: shortValue(value) }
      patches.push({ offset: from, length: to - from, bytes, finding, secrets: [] })
    },
    add(more) {
      for (const patch of more) patches.push(patch)
    },
  }
}
