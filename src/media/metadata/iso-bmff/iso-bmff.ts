import type { MetadataPolicy } from '../../types.ts'
import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import { boxesIn, typeAt } from './iso-bmff-boxes.ts'
import { collectPatches, type Collector, type Piece } from './iso-bmff-collector.ts'
import { readFragments } from './iso-bmff-samples.ts'
import { type Fragment, removeTracks } from './iso-bmff-tracks.ts'
import { isUnused, walkUserData } from './iso-bmff-user-data.ts'
import type { Patch } from '../bytes/patch.ts'

const maxMovieBytes = 192 * 1024 * 1024
const maxSmallBoxBytes = 16 * 1024 * 1024
/** A `moof` and a `mdat` for each second make a film of thirteen hours. */
const maxOuterBoxes = 100_000

/** Boxes at the top level that playing needs (ISO/IEC 14496-12 table 1, QuickTime; `sefd` is where Samsung's stills find their motion). */
const filmBoxes = /^(ftyp|styp|moov|moof|mdat|mfra|sidx|ssix|pdin|idat|pnot|PICT|sefd)$/

/** A box at the top level, which may be gigabytes: only where it stands. */
interface OuterBox {
  readonly type: string
  readonly start: number
  readonly body: number
  readonly end: number
}

/**
 * Finds what tells of a place (`no-location`), or of a person or device (`none`), in the MP4, MOV or 3GP that
 * fills `range` of a file (ISO/IEC 14496-12, QuickTime File Format). The patches turn boxes into zeroed `free`
 * ones and zero the samples of telemetry tracks, so every offset and every other byte stays. Only `moov`, `moof`
 * and small boxes are read into memory. Throws RangeError for tables that are broken.
 */
export async function findMovieMetadata(
  source: ByteSource,
  range: ByteRange,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Promise<Patch[]> {
  const collector = collectPatches(source, range, policy)
  const outer = await outerBoxes(collector)
  const movies: Piece[] = []
  for (const box of outer) if (box.type === 'moov') movies.push(await load(source, box, maxMovieBytes))
  const fragments: Fragment[] = []
  for (const box of outer)
    if (box.type === 'moof') fragments.push(...(await fragmentsOf(collector, box, movies)))

  for (const piece of movies) {
    const [moov] = boxesIn(piece.bytes, 0, piece.bytes.length)
    if (!moov) continue
    const removed = await removeTracks(collector, piece, moov, fragments)
    for (const box of boxesIn(piece.bytes, moov.body, moov.end)) {
      if (!removed.has(box.start)) await walkUserData(collector, piece, box)
    }
  }
  for (const box of outer) await walkOuter(collector, box)
  return [...collector.patches]
}

/** Where a still's own boxes end: at the film that Google's and Samsung's phones append, which begins with a second `ftyp`. */
export async function ownLength(source: ByteSource): Promise<number> {
  let start = 0
  for (let count = 0; count < maxOuterBoxes && start + 8 <= source.size; count += 1) {
    const header = await source.read(start, 16)
    if (start > 0 && typeAt(header, 4) === 'ftyp') return start
    const size = header.readUInt32BE(0)
    if (size === 0 || (size === 1 && header.length < 16)) break
    start += size === 1 ? Number(header.readBigUInt64BE(8)) : size
    if (size !== 1 && size < 8) break
  }
  return source.size
}

async function load(source: ByteSource, box: OuterBox, max: number): Promise<Piece> {
  if (box.end - box.start > max) throw new RangeError('a box of metadata beyond bounds')
  return { bytes: await source.read(box.start, box.end - box.start), base: box.start }
}

async function outerBoxes(collector: Collector): Promise<OuterBox[]> {
  const { source, range } = collector
  const end = range.offset + range.length
  const boxes: OuterBox[] = []
  let start = range.offset
  while (start + 8 <= end) {
    if (boxes.length >= maxOuterBoxes) throw new RangeError('too many boxes')
    const header = await source.read(start, 16)
    const type = typeAt(header, 4)
    let size = header.readUInt32BE(0)
    let headerBytes = 8
    if (size === 1 && header.length === 16) {
      size = Number(header.readBigUInt64BE(8))
      headerBytes = 16
    } else if (size === 0) size = end - start
    if (size < headerBytes || !/^[\x20-\x7e\xa9]{4}$/.test(type)) break
    boxes.push({ type, start, body: start + headerBytes, end: Math.min(end, start + size) })
    start += size
  }
  await blankTail(collector, start)
  return boxes
}

/** Bytes after the last box (a camera maker's trailer) are no part of the film. */
async function blankTail(collector: Collector, from: number): Promise<void> {
  const end = collector.range.offset + collector.range.length
  if (from >= end) return
  const look = await collector.source.read(from, Math.min(end - from, maxSmallBoxBytes))
  if (end - from === look.length && look.every((byte) => byte === 0)) return
  const kind = collector.policy === 'none' ? 'personal' : 'location'
  collector.replace(from, end, null, 'trailer', kind, `${end - from} bytes`)
}

async function fragmentsOf(
  collector: Collector,
  box: OuterBox,
  movies: readonly Piece[],
): Promise<Fragment[]> {
  const { bytes, base } = await load(collector.source, box, maxMovieBytes)
  const sizes = new Map(movies.flatMap((movie) => defaultSizes(movie)))
  const parts = readFragments(bytes, base - collector.range.offset, sizes)
  return parts.map((part) => ({ piece: { base }, box: part.box, trackId: part.trackId, ranges: part.ranges }))
}

/** Default sample sizes by track (`mvex/trex`, §8.8.3). */
function defaultSizes({ bytes }: Piece): [track: number, size: number][] {
  const sizes: [number, number][] = []
  const [moov] = boxesIn(bytes, 0, bytes.length)
  for (const mvex of moov ? boxesIn(bytes, moov.body, moov.end) : []) {
    if (mvex.type !== 'mvex') continue
    for (const trex of boxesIn(bytes, mvex.body, mvex.end)) {
      if (trex.type !== 'trex' || trex.body + 20 > trex.end) continue
      sizes.push([bytes.readUInt32BE(trex.body + 4), bytes.readUInt32BE(trex.body + 16)])
    }
  }
  return sizes
}

async function walkOuter(collector: Collector, box: OuterBox): Promise<void> {
  const { source, policy } = collector
  if (isUnused(box)) await collector.zeroIfUsed(box.body, box.end)
  else if (box.type === 'mpvd') {
    // Samsung's and Google's motion inside a HEIC.
    const inner = { offset: box.body, length: box.end - box.body }
    collector.add(await findMovieMetadata(source, inner, policy))
  } else if (box.type === 'meta') {
    const piece = await load(source, box, maxSmallBoxBytes)
    const [meta] = boxesIn(piece.bytes, 0, piece.bytes.length)
    // A still's own describes its pictures; a film's, as Sony writes it, the recording.
    const isStill = meta && /pitm|iinf/.test(piece.bytes.toString('latin1', 0, 4096))
    if (meta && !isStill) await walkUserData(collector, piece, meta)
  } else if (/^(uuid|udta|XMP_)$/.test(box.type)) {
    const piece = await load(source, box, maxSmallBoxBytes)
    for (const inner of boxesIn(piece.bytes, 0, piece.bytes.length))
      await walkUserData(collector, piece, inner)
  } else if (!filmBoxes.test(box.type)) {
    const type = Buffer.from('free')
    const kind = policy === 'none' ? 'personal' : 'location'
    const head = await source.read(box.body, Math.min(160, box.end - box.body))
    collector.replace(box.start + 4, box.start + 8, type, `box ${box.type}`, kind, head.toString('latin1'))
    collector.zero(box.body, box.end)
  }
}
