import { bufferBytes, type ByteRange, type ByteSource } from '../bytes/byte-source.ts'
import type { Patch } from '../bytes/patch.ts'
import { walkJpeg } from './jpeg.ts'

const extension = 'http://ns.adobe.com/xmp/extension/\0'
/** After the name: an identifier of 32 digits, the length of the whole packet, and where this part stands in it. */
const headBytes = 4 + extension.length + 32 + 8

/** Parts of a file, one after the other, as if they were a file of their own. */
export interface Joined {
  readonly source: ByteSource
  /** The patches of the file that a patch of the whole stands for. */
  readonly inFile: (patch: Patch) => Patch[]
}

/** XMP that is longer than a segment of JPEG, put together (XMP specification, part 3, §1.1.3.1); null where there is none. */
export async function extendedXmp(source: ByteSource): Promise<Joined | null> {
  const layout = await walkJpeg(source)
  const parts: (ByteRange & { readonly at: number })[] = []
  for (const { marker, name, offset, length } of layout?.segments ?? []) {
    if (marker !== 0xe1 || !name.startsWith(extension) || length <= headBytes) continue
    const at = (await source.read(offset + headBytes - 4, 4)).readUInt32BE(0)
    parts.push({ at, offset: offset + headBytes, length: length - headBytes })
  }
  return parts.length === 0
    ? null
    : joinParts(
        source,
        parts.sort((one, other) => one.at - other.at),
      )
}

async function joinParts(source: ByteSource, parts: readonly ByteRange[]): Promise<Joined> {
  const pieces: Buffer[] = []
  // A segment is at most 64 KiB, and a walk of a JPEG goes through a bounded number of them.
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
