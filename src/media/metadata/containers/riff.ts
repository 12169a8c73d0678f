import type { MetadataPolicy } from '../../types.ts'
import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import { namesLocation } from '../bytes/kept-tags.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

interface RiffChunk extends ByteRange {
  readonly id: string
  /** Type of a RIFF or LIST chunk, else empty. */
  readonly list: string
  readonly body: number
}

const maxDepth = 6
const maxChunks = 5_000_000
const maxTextBytes = 16 * 1024 * 1024

/** The chunks of a RIFF file in `[from, to)`; each is padded to an even length. */
async function* chunksIn(source: ByteSource, from: number, to: number): AsyncGenerator<RiffChunk> {
  let offset = from
  for (let count = 0; offset + 8 <= to && count < maxChunks; count++) {
    const head = await source.read(offset, 12)
    if (head.length < 8) return
    const id = head.toString('latin1', 0, 4)
    const size = head.readUInt32LE(4)
    const isList = (id === 'LIST' || id === 'RIFF') && head.length === 12
    const end = Math.min(to, offset + 8 + size)
    yield {
      offset,
      length: end - offset,
      id,
      list: isList ? head.toString('latin1', 8, 12) : '',
      body: offset + (isList ? 12 : 8),
    }
    offset = end + (size & 1)
  }
}

/** What decides how a WebP looks and moves (RFC 9649 §2.7). `VP8X` also says which metadata follow, so it is left out. */
export async function webpPicture(source: ByteSource): Promise<ByteRange[]> {
  const ranges: ByteRange[] = []
  for await (const chunk of chunksIn(source, 12, source.size)) {
    if (webpPictures.test(chunk.id)) ranges.push(chunk)
    else if (chunk.id === 'ANMF') {
      ranges.push({ offset: chunk.offset, length: frameHeader })
      for await (const part of partsOfFrame(source, chunk)) if (webpPictures.test(part.id)) ranges.push(part)
    }
  }
  return ranges
}

const webpPictures = /^(VP8 |VP8L|ALPH|ANIM|ICCP)$/
const webpChunks = /^(VP8X|VP8 |VP8L|ALPH|ANIM|ANMF|ICCP|EXIF|XMP )$/
/** Where and how long a frame is shown, with the chunk's own header. */
const frameHeader = 24

const partsOfFrame = (source: ByteSource, { offset, length }: RiffChunk): AsyncGenerator<RiffChunk> =>
  chunksIn(source, offset + frameHeader, offset + length)

/** Where a WebP ends by its own header; what stands behind is no part of it. Throws RangeError where that is too short. */
export async function webpLength(source: ByteSource): Promise<number> {
  const end = Math.min(source.size, 8 + (await source.read(4, 4)).readUInt32LE(0))
  if (end < 20) throw new RangeError('a WebP that is cut short')
  return end
}

/** Finds chunks of a WebP of no known kind, and what stands behind the file's end. The patches turn it into zeros. */
export async function findWebpParts(source: ByteSource): Promise<Patch[]> {
  const patches: Patch[] = []
  const end = await webpLength(source)
  for await (const chunk of chunksIn(source, 12, end)) {
    if (!webpChunks.test(chunk.id)) await zero(chunk.body, chunk.offset + chunk.length, 'segment')
    if (chunk.id !== 'ANMF') continue
    for await (const part of partsOfFrame(source, chunk))
      if (!webpPictures.test(part.id)) await zero(part.body, part.offset + part.length, 'segment')
  }
  await zero(end, source.size, 'trailer')
  return patches

  async function zero(from: number, to: number, where: string): Promise<void> {
    const bytes = await source.read(from, Math.min(to - from, maxTextBytes))
    if (to <= from || (bytes.length === to - from && bytes.every((byte) => byte === 0))) return
    const finding = { kind: 'location', where: `${where} at ${from}`, value: `${to - from} bytes` } as const
    patches.push({ offset: from, length: to - from, bytes: null, finding, secrets: [] })
  }
}

const frames = /^..(db|dc|wb|pc)$/

/** The frames and the sound of an AVI, in file order. */
export async function aviFilm(source: ByteSource): Promise<ByteRange[]> {
  const found: ByteRange[] = []
  await walk(0, source.size, 0)
  return found

  async function walk(from: number, to: number, depth: number): Promise<void> {
    if (depth > maxDepth) return
    for await (const chunk of chunksIn(source, from, to)) {
      if (filmLists.test(chunk.list)) await walk(chunk.body, chunk.offset + chunk.length, depth + 1)
      else if (frames.test(chunk.id)) found.push(chunk)
    }
  }
}

/** Chunks of an AVI that hold the film: headers, indexes, frames (AVI RIFF File Reference, OpenDML 1.02). */
const filmLists = /^(AVI |AVIX|hdrl|strl|odml|movi|rec )$/
const filmChunks = /^(avih|strh|strf|indx|vprp|dmlh|idx1|ix..|..(db|dc|wb|pc|ix))$/

/**
 * Finds what an AVI holds besides its film: texts, Exif, maker notes, junk. Under `no-location` texts stay that
 * tell of no position. The patches turn chunks into zeroed `JUNK`, so every frame and index stays where it is.
 */
export async function findAviMetadata(
  source: ByteSource,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Promise<Patch[]> {
  const patches: Patch[] = []
  await walk(0, source.size, 0)
  return patches

  async function walk(from: number, to: number, depth: number): Promise<void> {
    if (depth > maxDepth) return
    for await (const chunk of chunksIn(source, from, to)) {
      const end = chunk.offset + chunk.length
      if (chunk.list && filmLists.test(chunk.list)) {
        // The frames themselves need no walk: `movi` holds film chunks only, and its junk is looked at below.
        await walk(chunk.body, end, depth + 1)
      } else if (chunk.id === 'JUNK' || chunk.id === 'JUNQ') {
        const bytes = await source.read(chunk.body, Math.min(end - chunk.body, maxTextBytes))
        if (bytes.some((byte) => byte !== 0)) zero(chunk.body, end)
      } else if (!filmChunks.test(chunk.id)) await judge(chunk, end)
    }
  }

  async function judge(chunk: RiffChunk, end: number): Promise<void> {
    const text = (await source.read(chunk.body, Math.min(end - chunk.body, maxTextBytes))).toString('latin1')
    // The date stays but under `none`.
    if (chunk.id === 'IDIT' && policy !== 'none') return
    const isText = chunk.list === 'INFO' || chunk.id === 'IDIT' || /^(ISFT|strn)$/.test(chunk.id)
    const tells = !isText || namesLocation(text)
    if (policy === 'no-location' && !tells) return
    const where = `chunk ${chunk.list || chunk.id} at ${chunk.offset}`
    const finding = {
      kind: policy === 'none' && !tells ? 'personal' : 'location',
      where,
      value: shortValue(text.slice(0, 200)),
    } as const
    patches.push({ offset: chunk.offset, length: 4, bytes: Buffer.from('JUNK'), finding, secrets: [] })
    zero(chunk.offset + 8, end)
  }

  function zero(from: number, to: number): void {
    if (to > from) patches.push({ offset: from, length: to - from, bytes: null, finding: null, secrets: [] })
  }
}
