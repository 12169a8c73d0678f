import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'

const maxBlocks = 5_000_000

/** What decides how a GIF looks and moves (GIF89a): all but comments, texts and application blocks other than the loop's. */
export async function gifPicture(source: ByteSource): Promise<ByteRange[]> {
  const head = await source.read(0, 13)
  if (head.length < 13 || head.toString('latin1', 0, 3) !== 'GIF') throw new RangeError('no GIF')
  const ranges: ByteRange[] = []
  let offset = 13 + colourTable(head[10] ?? 0)
  // The version (87a, 89a) is left out: a writer may raise it.
  ranges.push({ offset: 6, length: offset - 6 })
  for (let count = 0; count < maxBlocks; count++) {
    const start = offset
    const intro = await source.read(offset, 14)
    if (intro[0] === 0x3b) return ranges
    if (intro[0] === 0x2c) {
      offset = await skipBlocks(offset + 10 + colourTable(intro[9] ?? 0) + 1)
      ranges.push({ offset: start, length: offset - start })
    } else if (intro[0] === 0x21) {
      const label = intro[1]
      const loops = label === 0xff && /^(NETSCAPE2\.0|ANIMEXTS1\.0)$/.test(intro.toString('latin1', 3, 14))
      offset = await skipBlocks(offset + 2)
      if (label === 0xf9 || loops) ranges.push({ offset: start, length: offset - start })
    } else throw new RangeError('a GIF that is cut short')
  }
  throw new RangeError('too many GIF blocks')

  async function skipBlocks(from: number): Promise<number> {
    let at = from
    for (let count = 0; count < maxBlocks; count++) {
      const size = (await source.read(at, 1))[0]
      if (size === undefined) throw new RangeError('a GIF that is cut short')
      at += 1 + size
      if (size === 0) return at
    }
    throw new RangeError('too many GIF blocks')
  }
}

function colourTable(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}
