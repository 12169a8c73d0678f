import type { MetadataPolicy } from '../types.ts'
import { type ByteRange, type ByteSource } from './byte-source.ts'
import { boxesIn, childOf, descendantOf, type Box, metaBody, typeAt } from './iso-bmff-boxes.ts'
import {
  creationDateKey,
  filmHandlers,
  iso6709,
  locationBoxes,
  locationKey,
  namesLocation,
  readableFormats,
  sphericalUuid,
  telemetryFormats,
  textHandlers,
} from './iso-bmff-rules.ts'
import { readFragments, readTrack, sampleRanges, type Track } from './iso-bmff-samples.ts'
import { type Patch, shortValue } from './patch.ts'

const maxMovieBytes = 192 * 1024 * 1024
const maxSmallBoxBytes = 16 * 1024 * 1024
const maxFragments = 200_000

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
  const end = range.offset + range.length
  const patches: Patch[] = []
  const dropped = new Set<number>()
  const sampleSizes = new Map<number, number>()
  let fragments = 0
  let position = range.offset

  while (position + 8 <= end) {
    const header = await source.read(position, 32)
    let size = header.readUInt32BE(0)
    const type = typeAt(header, 4)
    let headerBytes = 8
    if (size === 1 && header.length >= 16) {
      size = Number(header.readBigUInt64BE(8))
      headerBytes = 16
    } else if (size === 0) size = end - position
    if (size < headerBytes || !/^[\x20-\x7e\xa9]{4}$/.test(type)) {
      await zeroTail(position)
      break
    }
    const stop = Math.min(end, position + size)
    if (type === 'moov') await movie(await load(position, stop, maxMovieBytes), position)
    else if (type === 'moof') {
      if (++fragments > maxFragments) throw new RangeError('too many fragments')
      await fragment(await load(position, stop, maxMovieBytes), position)
    } else if (type === 'free' || type === 'skip' || type === 'wide') {
      await zeroIfUsed(position + headerBytes, stop)
    } else if (type === 'mpvd') {
      const inner = { offset: position + headerBytes, length: stop - position - headerBytes }
      patches.push(...(await findMovieMetadata(source, inner, policy)))
    } else if (type === 'uuid' || type === 'udta' || type === 'XMP_' || locationBoxes.has(type)) {
      const bytes = await load(position, stop, maxSmallBoxBytes)
      for (const box of boxesIn(bytes, 0, bytes.length)) await walk(bytes, position, box)
    }
    position = stop
  }
  return patches

  async function load(from: number, to: number, max: number): Promise<Buffer> {
    if (to - from > max) throw new RangeError('a box of metadata beyond bounds')
    return Buffer.from(await source.read(from, to - from))
  }

  function remove(bytes: Buffer, base: number, box: Box, where: string, kind: 'location' | 'personal'): void {
    const value = shortValue(bytes.toString('latin1', box.body, Math.min(box.end, box.body + 160)))
    const finding = { kind, where: `${where} at ${base + box.start}`, value }
    patches.push({
      offset: base + box.start + 4,
      length: 4,
      bytes: Buffer.from('free'),
      finding,
      secrets: [],
    })
    zero(base + box.body, base + box.end)
  }

  function zero(from: number, to: number): void {
    if (to > from) patches.push({ offset: from, length: to - from, bytes: null, finding: null, secrets: [] })
  }

  /** What an editor left behind in unused room is as readable as the rest. */
  async function zeroIfUsed(from: number, to: number): Promise<void> {
    const sample = await source.read(from, Math.min(to - from, maxSmallBoxBytes))
    if (to - from > sample.length || sample.some((byte) => byte !== 0)) zero(from, to)
  }

  /** Bytes after the last box (a camera maker's trailer) are no part of the film. */
  async function zeroTail(from: number): Promise<void> {
    if (from >= end) return
    const sample = await source.read(from, Math.min(end - from, maxSmallBoxBytes))
    if (end - from === sample.length && sample.every((byte) => byte === 0)) return
    const kind = policy === 'none' ? 'personal' : 'location'
    const finding = { kind, where: `trailer at ${from}`, value: `${end - from} bytes` } as const
    patches.push({ offset: from, length: end - from, bytes: null, finding, secrets: [] })
  }

  async function movie(bytes: Buffer, base: number): Promise<void> {
    const [moov] = boxesIn(bytes, 0, bytes.length)
    if (!moov) return
    const tracks: Track[] = []
    for (const box of boxesIn(bytes, moov.body, moov.end)) {
      if (box.type === 'trak') tracks.push(readTrack(bytes, box))
      if (box.type === 'mvex') {
        for (const trex of boxesIn(bytes, box.body, box.end)) {
          if (trex.type !== 'trex' || trex.body + 20 > trex.end) continue
          sampleSizes.set(bytes.readUInt32BE(trex.body + 4), bytes.readUInt32BE(trex.body + 16))
        }
      }
    }
    for (const [index, track] of tracks.entries()) {
      const reason = await unwanted(bytes, track)
      if (!reason) {
        const stsd = descendantOf(bytes, track.box, ['mdia', 'minf', 'stbl', 'stsd'])
        if (policy === 'none' && track.handler === 'vide' && stsd) blankCompressorNames(bytes, base, stsd)
        continue
      }
      for (const part of sampleRanges(bytes, track.box)) {
        const stop = Math.min(part.offset + range.offset + part.length, end)
        zero(part.offset + range.offset, stop)
      }
      dropped.add(track.id)
      remove(bytes, base, track.box, `track ${index + 1} (${track.format || track.handler})`, reason)
    }
    const gone = new Set(tracks.filter((track) => dropped.has(track.id)).map((track) => track.box.start))
    for (const box of boxesIn(bytes, moov.body, moov.end)) {
      if (!gone.has(box.start)) await walk(bytes, base, box)
    }
  }

  /** Why a track must go, or null. */
  async function unwanted(bytes: Buffer, track: Track): Promise<'location' | 'personal' | null> {
    if (telemetryFormats.has(track.format)) return 'location'
    if (track.format === 'mebx') {
      if (locationKey.test(track.description)) return 'location'
      return policy === 'none' ? 'personal' : null
    }
    const isText = textHandlers.has(track.handler) || track.format === 'tx3g' || track.format === 'c608'
    if (isText || readableFormats.has(track.format)) {
      if (await tellsPosition(sampleRanges(bytes, track.box))) return 'location'
      return policy === 'none' && track.handler === 'meta' ? 'personal' : null
    }
    // Timed metadata that nobody can read may be anything: not served.
    if (track.handler === 'meta') return 'location'
    return policy === 'none' && !filmHandlers.has(track.handler) ? 'personal' : null
  }

  async function tellsPosition(ranges: readonly ByteRange[]): Promise<boolean> {
    for (const part of ranges) {
      for (let done = 0; done < part.length; done += 1024 * 1024 - 64) {
        const length = Math.min(1024 * 1024, part.length - done)
        const text = (await source.read(range.offset + part.offset + done, length)).toString('latin1')
        if (namesLocation(text)) return true
      }
    }
    return false
  }

  async function fragment(bytes: Buffer, base: number): Promise<void> {
    const parts = readFragments(bytes, base - range.offset, sampleSizes)
    for (const part of parts) {
      if (!dropped.has(part.trackId)) continue
      for (const samples of part.ranges) {
        zero(range.offset + samples.offset, Math.min(end, range.offset + samples.offset + samples.length))
      }
      remove(bytes, base, part.box, `fragment of track ${part.trackId}`, 'location')
    }
    const [moof] = boxesIn(bytes, 0, bytes.length)
    if (!moof) return
    for (const box of boxesIn(bytes, moof.body, moof.end))
      if (box.type !== 'traf') await walk(bytes, base, box)
  }

  async function walk(bytes: Buffer, base: number, box: Box): Promise<void> {
    const personal = policy === 'none'
    if (box.type === 'udta') {
      for (const entry of boxesIn(bytes, box.body, box.end)) {
        const text = bytes.toString('latin1', entry.body, Math.min(entry.end, entry.body + 65_536))
        const tells = locationBoxes.has(entry.type) || (entry.type !== 'meta' && namesLocation(text))
        if (tells) remove(bytes, base, entry, `box ${entry.type}`, 'location')
        else if (entry.type === 'meta') metadata(bytes, base, entry)
        else if (entry.type === 'free') await zeroIfUsed(base + entry.body, base + entry.end)
        else if (personal && entry.type !== '\xa9day')
          remove(bytes, base, entry, `box ${entry.type}`, 'personal')
      }
    } else if (box.type === 'meta') metadata(bytes, base, box)
    else if (box.type === 'uuid') {
      const uuid = bytes.toString('hex', box.body, box.body + 16)
      const text = bytes.toString('latin1', box.body, box.end)
      if (namesLocation(text)) remove(bytes, base, box, 'box uuid', 'location')
      else if (personal && uuid !== sphericalUuid) remove(bytes, base, box, 'box uuid', 'personal')
    } else if (box.type === 'gps ') await gpsIndex(bytes, base, box)
    else if (locationBoxes.has(box.type)) remove(bytes, base, box, `box ${box.type}`, 'location')
    else if (box.type === 'XMP_') {
      const tells = namesLocation(bytes.toString('latin1', box.body, box.end))
      if (tells || personal) remove(bytes, base, box, 'box XMP_', tells ? 'location' : 'personal')
    } else if (box.type === 'free' || box.type === 'skip' || box.type === 'wide') {
      await zeroIfUsed(base + box.body, base + box.end)
    } else if (personal && box.type === 'hdlr') blankHandlerName(bytes, base, box)
    else if (['trak', 'mdia', 'minf', 'stbl', 'edts', 'dinf', 'mvex'].includes(box.type)) {
      for (const child of boxesIn(bytes, box.body, box.end)) await walk(bytes, base, child)
    }
  }

  /** `meta` of QuickTime and iTunes: `keys` name what stands in `ilst`. */
  function metadata(bytes: Buffer, base: number, box: Box): void {
    const body = { ...box, body: metaBody(bytes, box) }
    const names: string[] = []
    const keys = childOf(bytes, body, 'keys')
    if (keys && keys.body + 8 <= keys.end) {
      const count = bytes.readUInt32BE(keys.body + 4)
      let at = keys.body + 8
      for (let index = 0; index < count && at + 8 <= keys.end; index++) {
        const size = bytes.readUInt32BE(at)
        if (size < 8 || at + size > keys.end) break
        const name = bytes.toString('latin1', at + 8, at + size)
        names.push(name)
        const drop = unwantedKey(name)
        if (drop && !/^x*$/.test(name)) {
          const finding = { kind: drop, where: `key at ${base + at}`, value: shortValue(name) }
          const filler = Buffer.alloc(size - 8, 'x')
          patches.push({ offset: base + at + 8, length: size - 8, bytes: filler, finding, secrets: [] })
        }
        at += size
      }
    }
    for (const child of boxesIn(bytes, body.body, body.end)) {
      if (child.type === 'free' || child.type === 'skip') zeroUsedIn(bytes, base, child)
      else if (child.type === 'ilst') {
        for (const item of boxesIn(bytes, child.body, child.end)) {
          if (item.type === 'free') zeroUsedIn(bytes, base, item)
          else listItem(bytes, base, item, names)
        }
      } else if (!/^(hdlr|keys)$/.test(child.type)) {
        const tells = namesLocation(bytes.toString('latin1', child.body, child.end))
        if (tells) remove(bytes, base, child, `box ${child.type}`, 'location')
        else if (policy === 'none') remove(bytes, base, child, `box ${child.type}`, 'personal')
      }
    }
  }

  function listItem(bytes: Buffer, base: number, item: Box, names: readonly string[]): void {
    const name = names[bytes.readUInt32BE(item.start + 4) - 1] ?? item.type
    const text = bytes.toString('latin1', item.body, Math.min(item.end, item.body + 4096))
    const freeForm = item.type === '----' && locationKey.test(text)
    const tells = freeForm || locationBoxes.has(item.type) || iso6709.test(text.replaceAll('\0', ''))
    const drop = tells ? 'location' : unwantedKey(name)
    if (drop) remove(bytes, base, item, `item ${name}`, drop)
  }

  function unwantedKey(name: string): 'location' | 'personal' | null {
    if (locationKey.test(name)) return 'location'
    return policy === 'none' && name !== creationDateKey && name !== '\xa9day' ? 'personal' : null
  }

  function zeroUsedIn(bytes: Buffer, base: number, box: Box): void {
    if (bytes.subarray(box.body, box.end).some((byte) => byte !== 0)) zero(base + box.body, base + box.end)
  }

  /** Novatek's and others' index of GPS blocks: offset and size of each, outside `moov`. */
  async function gpsIndex(bytes: Buffer, base: number, box: Box): Promise<void> {
    const count = Math.min(bytes.readUInt32BE(box.body + 4), Math.floor((box.end - box.body - 8) / 8))
    for (let index = 0; index < count; index++) {
      const offset = bytes.readUInt32BE(box.body + 8 + 8 * index)
      const size = bytes.readUInt32BE(box.body + 12 + 8 * index)
      const block = await source.read(range.offset + offset, 16)
      // A block is a `free` box that begins with `GPS `; anything else is not what the index says.
      if (block.includes('GPS ')) zero(range.offset + offset + 8, Math.min(end, range.offset + offset + size))
    }
    remove(bytes, base, box, 'box gps', 'location')
  }

  /** “GoPro AVC” names the maker. */
  function blankHandlerName(bytes: Buffer, base: number, box: Box): void {
    blankText(bytes, base, box.body + 24, box.end, 'handler name')
  }

  function blankCompressorNames(bytes: Buffer, base: number, box: Box): void {
    for (const entry of boxesIn(bytes, box.body + 8, box.end)) {
      if (entry.body + 78 <= entry.end)
        blankText(bytes, base, entry.body + 42, entry.body + 74, 'compressor name')
    }
  }

  function blankText(bytes: Buffer, base: number, from: number, to: number, where: string): void {
    const text = bytes.subarray(from, to)
    if (text.every((byte) => byte === 0)) return
    const finding = {
      kind: 'personal' as const,
      where: `${where} at ${base + from}`,
      value: shortValue(text.toString('latin1')),
    }
    patches.push({ offset: base + from, length: to - from, bytes: null, finding, secrets: [] })
  }
}
