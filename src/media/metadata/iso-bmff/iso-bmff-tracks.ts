import type { ByteRange } from '../bytes/byte-source.ts'
import { boxesIn, descendantOf, type Box } from './iso-bmff-boxes.ts'
import type { Collector, Kind, Piece } from './iso-bmff-collector.ts'
import {
  filmHandlers,
  locationKey,
  namesLocation,
  readableFormats,
  telemetryFormats,
  textHandlers,
} from '../bytes/kept-tags.ts'
import { readTrack, sampleRanges, type Track } from './iso-bmff-samples.ts'
import { blankText } from './iso-bmff-user-data.ts'

/** A track fragment of a `moof`, found before `moov` is judged. */
export interface Fragment {
  readonly piece: Omit<Piece, 'bytes'>
  readonly box: Box
  readonly trackId: number
  /** Relative to the start of the film. */
  readonly ranges: readonly ByteRange[]
}

/**
 * Removes the tracks that tell of a place, or under `none` of anything but the film, with their samples, those
 * in fragments included. Returns where the removed `trak` boxes start.
 */
export async function removeTracks(
  collector: Collector,
  piece: Piece,
  moov: Box,
  fragments: readonly Fragment[],
): Promise<ReadonlySet<number>> {
  const removed = new Set<number>()
  let number = 0
  for (const box of boxesIn(piece.bytes, moov.body, moov.end)) {
    if (box.type !== 'trak') continue
    number++
    const track = readTrack(piece.bytes, box)
    const own = fragments.filter((fragment) => fragment.trackId === track.id)
    const samples = () => [...sampleRanges(piece.bytes, box), ...own.flatMap(({ ranges }) => ranges)]
    const kind = await unwanted(collector, track, samples)
    if (kind === null) {
      if (collector.policy === 'none' && track.handler === 'vide') blankCompressorNames(collector, piece, box)
      continue
    }
    const start = collector.range.offset
    for (const part of samples()) collector.zero(start + part.offset, start + part.offset + part.length)
    for (const { piece: moof, box: traf } of own) {
      const from = moof.base + traf.start
      collector.replace(from + 4, from + 8, Buffer.from('free'), 'fragment', kind, track.format)
    }
    collector.remove(piece, box, `track ${number} (${track.format || track.handler})`, kind)
    removed.add(box.start)
  }
  return removed
}

/** Why a track must go, or null. */
async function unwanted(
  collector: Collector,
  track: Track,
  samples: () => readonly ByteRange[],
): Promise<Kind | null> {
  const isPersonal = collector.policy === 'none'
  if (telemetryFormats.has(track.format)) return 'location'
  if (track.format === 'mebx') {
    // Apple's timed metadata names its keys; Live Photos need those that name no place.
    if (locationKey.test(track.description)) return 'location'
    return isPersonal ? 'personal' : null
  }
  const isText = textHandlers.has(track.handler) || track.format === 'tx3g' || track.format === 'c608'
  if (isText || readableFormats.has(track.format)) {
    if (await tellsPosition(collector, samples())) return 'location'
    // Cameras write the date into them.
    return isPersonal ? 'personal' : null
  }
  // What nobody can read may be anything: it is not served.
  if (!filmHandlers.has(track.handler)) return 'location'
  // A time code is the time of day on many cameras.
  return isPersonal && track.handler === 'tmcd' ? 'personal' : null
}

async function tellsPosition({ source, range }: Collector, ranges: readonly ByteRange[]): Promise<boolean> {
  const step = 1024 * 1024
  for (const part of ranges) {
    // Pieces overlap, so that no number is cut.
    for (let done = 0; done < part.length; done += step - 512) {
      const bytes = await source.read(range.offset + part.offset + done, Math.min(step, part.length - done))
      if (namesLocation(bytes.toString('latin1')) || namesLocation(bytes.toString('utf8'))) return true
    }
  }
  return false
}

/** `compressorname` of a VisualSampleEntry (ISO/IEC 14496-12 §12.1.3): 32 bytes, 42 into the entry. */
function blankCompressorNames(collector: Collector, piece: Piece, track: Box): void {
  const stsd = descendantOf(piece.bytes, track, ['mdia', 'minf', 'stbl', 'stsd'])
  if (!stsd) return
  for (const entry of boxesIn(piece.bytes, stsd.body + 8, stsd.end)) {
    if (entry.body + 78 > entry.end) continue
    blankText(collector, piece, entry.body + 42, entry.body + 74, 'compressor name')
  }
}
