import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import { type Joined, joinParts } from '../bytes/joined.ts'
import { walkJpeg } from './jpeg.ts'

const extension = 'http://ns.adobe.com/xmp/extension/\0'
/** After the name: an identifier of 32 digits, the length of the whole packet, and where this part stands in it. */
const headBytes = 4 + extension.length + 32 + 8

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
