import type { ByteRange } from '../bytes/byte-source.ts'
import { type Box, boxesIn, childOf, descendantOf, typeAt } from './iso-bmff-boxes.ts'

/** What a walk needs to know of a track (`trak`). */
export interface Track {
  readonly box: Box
  readonly id: number
  /** Handler type of `hdlr`: `vide`, `soun`, `meta`, `text`, … */
  readonly handler: string
  /** Type of the first sample entry: `avc1`, `gpmd`, `mebx`, … */
  readonly format: string
  /** The sample description as text, for the keys of `mebx`. */
  readonly description: string
}

const maxSamples = 10_000_000

export function readTrack(moov: Buffer, box: Box): Track {
  const tkhd = childOf(moov, box, 'tkhd')
  const hdlr = descendantOf(moov, box, ['mdia', 'hdlr'])
  const stsd = descendantOf(moov, box, ['mdia', 'minf', 'stbl', 'stsd'])
  const idAt = tkhd ? tkhd.body + (moov[tkhd.body] === 1 ? 20 : 12) : 0
  return {
    box,
    id: tkhd && idAt + 4 <= tkhd.end ? moov.readUInt32BE(idAt) : 0,
    handler: hdlr && hdlr.body + 12 <= hdlr.end ? typeAt(moov, hdlr.body + 8) : '',
    format: stsd && stsd.body + 16 <= stsd.end ? typeAt(moov, stsd.body + 12) : '',
    description: stsd ? moov.toString('latin1', stsd.body, Math.min(stsd.end, stsd.body + 65_536)) : '',
  }
}

/** Where a track's samples stand in the file, by its tables (§8.7: `stsz`, `stsc`, `stco`/`co64`), joined where they touch. */
export function sampleRanges(moov: Buffer, track: Box): ByteRange[] {
  const stbl = descendantOf(moov, track, ['mdia', 'minf', 'stbl'])
  if (!stbl) return []
  const sizes = childOf(moov, stbl, 'stsz')
  const chunks = childOf(moov, stbl, 'stsc')
  const offsets = childOf(moov, stbl, 'stco') ?? childOf(moov, stbl, 'co64')
  if (!sizes || !chunks || !offsets) return []
  const fixedSize = moov.readUInt32BE(sizes.body + 4)
  const sampleCount = moov.readUInt32BE(sizes.body + 8)
  const runCount = moov.readUInt32BE(chunks.body + 4)
  const chunkCount = moov.readUInt32BE(offsets.body + 4)
  const wide = offsets.type === 'co64'
  if (sampleCount > maxSamples || chunkCount > maxSamples)
    throw new RangeError('a sample table beyond bounds')
  if (!fixedSize && sizes.body + 12 + 4 * sampleCount > sizes.end)
    throw new RangeError('a sample table cut short')
  if (offsets.body + 8 + (wide ? 8 : 4) * chunkCount > offsets.end)
    throw new RangeError('a chunk table cut short')
  if (chunks.body + 8 + 12 * runCount > chunks.end) throw new RangeError('a chunk table cut short')

  const ranges: ByteRange[] = []
  let sample = 0
  let run = 0
  for (let chunk = 1; chunk <= chunkCount && sample < sampleCount; chunk++) {
    while (run + 1 < runCount && moov.readUInt32BE(chunks.body + 8 + 12 * (run + 1)) <= chunk) run++
    const perChunk = runCount > 0 ? moov.readUInt32BE(chunks.body + 8 + 12 * run + 4) : 0
    const at = offsets.body + 8 + (wide ? 8 : 4) * (chunk - 1)
    const offset = wide ? Number(moov.readBigUInt64BE(at)) : moov.readUInt32BE(at)
    let length = 0
    for (let index = 0; index < perChunk && sample < sampleCount; index++, sample++) {
      length += fixedSize || moov.readUInt32BE(sizes.body + 12 + 4 * sample)
    }
    addRange(ranges, offset, length)
  }
  return ranges
}

/** A track fragment (`traf`) and where its samples stand. */
export interface TrackFragment {
  readonly box: Box
  readonly trackId: number
  readonly ranges: readonly ByteRange[]
}

/** Reads the track fragments of a `moof` (§8.8.7–8) that begins at `moofOffset` of its file; `defaults` are `trex` sizes. */
export function readFragments(
  moof: Buffer,
  moofOffset: number,
  defaults: ReadonlyMap<number, number>,
): TrackFragment[] {
  const fragments: TrackFragment[] = []
  let previousEnd = moofOffset
  for (const outer of boxesIn(moof, 0, moof.length)) {
    for (const traf of boxesIn(moof, outer.body, outer.end)) {
      if (traf.type !== 'traf') continue
      const tfhd = childOf(moof, traf, 'tfhd')
      if (!tfhd) continue
      const flags = moof.readUInt32BE(tfhd.body) & 0xffffff
      const trackId = moof.readUInt32BE(tfhd.body + 4)
      let at = tfhd.body + 8
      let base = flags & 0x020000 || fragments.length === 0 ? moofOffset : previousEnd
      if (flags & 0x01) {
        base = Number(moof.readBigUInt64BE(at))
        at += 8
      }
      if (flags & 0x02) at += 4
      if (flags & 0x08) at += 4
      const defaultSize = flags & 0x10 ? moof.readUInt32BE(at) : (defaults.get(trackId) ?? 0)
      const ranges: ByteRange[] = []
      let position = base
      for (const trun of boxesIn(moof, traf.body, traf.end)) {
        if (trun.type !== 'trun') continue
        const runFlags = moof.readUInt32BE(trun.body) & 0xffffff
        const count = moof.readUInt32BE(trun.body + 4)
        let field = trun.body + 8
        if (runFlags & 0x01) {
          position = base + moof.readInt32BE(field)
          field += 4
        }
        if (runFlags & 0x04) field += 4
        const perSample = [0x100, 0x200, 0x400, 0x800].filter((flag) => runFlags & flag).length * 4
        if (count > maxSamples || field + perSample * count > trun.end)
          throw new RangeError('a run cut short')
        const sizeAt = runFlags & 0x100 ? 4 : 0
        let length = 0
        for (let index = 0; index < count; index++) {
          length += runFlags & 0x200 ? moof.readUInt32BE(field + perSample * index + sizeAt) : defaultSize
        }
        addRange(ranges, position, length)
        position += length
      }
      previousEnd = position
      fragments.push({ box: traf, trackId, ranges })
    }
  }
  return fragments
}

function addRange(ranges: ByteRange[], offset: number, length: number): void {
  const last = ranges.at(-1)
  if (length === 0) return
  if (last && last.offset + last.length === offset) {
    ranges[ranges.length - 1] = { offset: last.offset, length: last.length + length }
  } else ranges.push({ offset, length })
}
