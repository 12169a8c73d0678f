import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import { joinParts } from '../bytes/joined.ts'
import type { Patch } from '../bytes/patch.ts'
import { findTextPlaces } from '../words/text-patches.ts'

const maxBlocks = 5_000_000
const maxTextBytes = 16 * 1024 * 1024

/** A block of a GIF (GIF89a §15–26). */
interface GifBlock extends ByteRange {
  readonly kind: 'picture' | 'comment' | 'application'
  /** What an application block begins with. */
  readonly name: string
  /** Its content without the lengths that stand between. */
  readonly parts: readonly ByteRange[]
}

interface Gif {
  /** The screen's description and colours, without the version, which a writer may raise. */
  readonly screen: ByteRange
  readonly blocks: readonly GifBlock[]
  /** After the trailer, the last byte that counts. */
  readonly end: number
}

const loop = /^(NETSCAPE2\.0|ANIMEXTS1\.0)$/
/** Application blocks that stay besides the loop's: XMP and a colour profile. */
const keptApplication = /^(XMP DataXMP|ICCRGBG1012)$/

/** What decides how a GIF looks and moves: all but comments, texts and application blocks other than the loop's. */
export async function gifPicture(source: ByteSource): Promise<ByteRange[]> {
  const { screen, blocks } = await walk(source)
  return [screen, ...blocks.filter(({ kind, name }) => kind === 'picture' || loop.test(name))]
}

/**
 * Finds positions in comments, whose text the format cuts into pieces of 255 bytes, application blocks of no known kind, and
 * what stands behind the trailer. The patches keep every length.
 */
export async function findGifParts(source: ByteSource): Promise<Patch[]> {
  const patches: Patch[] = []
  const { blocks, end } = await walk(source)
  for (const { kind, name, parts } of blocks) {
    if (kind === 'comment') {
      const { source: text, inFile } = await joinParts(source, parts)
      const found = await findTextPlaces(text, [{ offset: 0, length: Math.min(text.size, maxTextBytes) }])
      patches.push(...found.flatMap(inFile))
    } else if (kind === 'application' && !loop.test(name) && !keptApplication.test(name)) {
      for (const { offset, length } of parts) await zero(offset, offset + length, 'segment')
    }
  }
  await zero(end, source.size, 'trailer')
  return patches

  async function zero(from: number, to: number, where: string): Promise<void> {
    const bytes = await source.read(from, Math.min(to - from, 64 * 1024))
    if (to <= from || (bytes.length === to - from && bytes.every((byte) => byte === 0))) return
    const finding = { kind: 'location', where: `${where} at ${from}`, value: `${to - from} bytes` } as const
    patches.push({ offset: from, length: to - from, bytes: null, finding, secrets: [] })
  }
}

async function walk(source: ByteSource): Promise<Gif> {
  const head = await source.read(0, 13)
  if (head.length < 13 || head.toString('latin1', 0, 3) !== 'GIF') throw new RangeError('no GIF')
  const first = 13 + colourTable(head[10] ?? 0)
  const blocks: GifBlock[] = []
  let offset = first
  for (let count = 0; count < maxBlocks; count++) {
    const intro = await source.read(offset, 14)
    if (intro[0] === 0x3b) return { screen: { offset: 6, length: first - 6 }, blocks, end: offset + 1 }
    const isPicture = intro[0] === 0x2c
    if (!isPicture && intro[0] !== 0x21) throw new RangeError('a GIF that is cut short')
    const label = isPicture ? 0x2c : intro[1]
    const name = label === 0xff ? intro.toString('latin1', 3, 14) : ''
    const start = isPicture ? offset + 10 + colourTable(intro[9] ?? 0) + 1 : offset + 2
    const { parts, end } = await subBlocks(source, start)
    const kind =
      isPicture || label === 0xf9 ? 'picture' : label === 0xfe || label === 0x01 ? 'comment' : 'application'
    // The first part of an application block is its name.
    blocks.push({
      kind,
      name,
      parts: kind === 'application' ? parts.slice(1) : parts,
      offset,
      length: end - offset,
    })
    offset = end
  }
  throw new RangeError('too many GIF blocks')
}

async function subBlocks(source: ByteSource, from: number): Promise<{ parts: ByteRange[]; end: number }> {
  const parts: ByteRange[] = []
  let at = from
  for (let count = 0; count < maxBlocks; count++) {
    const size = (await source.read(at, 1))[0]
    if (size === undefined) throw new RangeError('a GIF that is cut short')
    if (size === 0) return { parts, end: at + 1 }
    parts.push({ offset: at + 1, length: size })
    at += 1 + size
  }
  throw new RangeError('too many GIF blocks')
}

function colourTable(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}
