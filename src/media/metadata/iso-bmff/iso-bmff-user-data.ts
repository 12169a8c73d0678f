import { findEmbeddedLocation } from '../locations/embedded.ts'
import { findTextPlaces } from '../words/text-patches.ts'
import { boxesIn, childOf, type Box, metaBody } from './iso-bmff-boxes.ts'
import type { Collector, Kind, Piece } from './iso-bmff-collector.ts'
import { locationBoxes, locationKey, namesLocation, sphericalUuid } from '../bytes/kept-tags.ts'

const containers = new Set(['trak', 'mdia', 'minf', 'stbl', 'edts', 'dinf', 'mvex'])

/** Boxes of `moov` that playing needs (ISO/IEC 14496-12, QuickTime File Format). */
const structure = new Set([
  'mvhd', 'iods', 'cmov', 'dcom', 'cmvd', 'ctab', 'clip', 'crgn', 'mehd', 'trex', 'leva', 'trep',
  'tkhd', 'tref', 'trgr', 'elst', 'tapt', 'clef', 'prof', 'enof', 'load', 'matt', 'txas', 'imap',
  'mdhd', 'hdlr', 'elng', 'vmhd', 'smhd', 'hmhd', 'nmhd', 'sthd', 'gmhd', 'dref',
  'stsd', 'stts', 'ctts', 'cslg', 'stss', 'stps', 'stsh', 'sdtp', 'stsc', 'stsz', 'stz2', 'stco', 'co64',
  'padb', 'stdp', 'sgpd', 'sbgp', 'csgm', 'subs', 'saiz', 'saio',
]) // prettier-ignore

/** User data that stays under `no-location`: titles, people, rights, rating, camera and player's settings. */
const keptUserData =
  /^(\xa9(?!xyz)\w{3}|name|titl|auth|cprt|dscp|perf|gnre|rtng|clsf|kywd|albm|yrrc|urat|date|manu|modl|vndr|kind|hnti|hinf|hinv|tagc|CAME|FIRM|LENS|SDLN|smrd|smta|LOOP|SelO|AllF|Xtra)$/

const namesKey = (bytes: Buffer, { body, end }: Box): boolean =>
  locationKey.test(bytes.toString('latin1', body, Math.min(end, body + 65_536)))

/** Adobe XMP specification, part 3, §1.2.7. */
const xmpUuid = 'be7acfcb97a942e89c71999491e3afac'

/** `moov/trak/mdia/minf/stbl` is five deep. */
const maxDepth = 12

/** Goes through a box and those in it for user data: `udta`, `meta`, `uuid`, XMP, GPS indexes, unused room. */
export async function walkUserData(collector: Collector, piece: Piece, box: Box, depth = 0): Promise<void> {
  const { bytes, base } = piece
  const isPersonal = collector.policy === 'none'
  if (box.type === 'udta') await userData(collector, piece, box)
  else if (box.type === 'meta') await metadata(collector, piece, box)
  else if (box.type === 'uuid') {
    const uuid = bytes.toString('hex', box.body, box.body + 16)
    if (uuid === xmpUuid) await xmp(collector, piece, box)
    else if (uuid === sphericalUuid) await texts(collector, piece, box)
    else collector.remove(piece, box, 'box uuid', isPersonal ? 'personal' : 'location')
  } else if (box.type === 'XMP_') await xmp(collector, piece, box)
  else if (box.type === 'gps ') await gpsIndex(collector, piece, box)
  else if (locationBoxes.has(box.type)) collector.remove(piece, box, `box ${box.type}`, 'location')
  else if (isUnused(box)) await collector.zeroIfUsed(base + box.body, base + box.end)
  else if (isPersonal && box.type === 'hdlr') {
    // “GoPro AVC” names the maker.
    blankText(collector, piece, box.body + 24, box.end, 'handler name')
  } else if (isPersonal && datedHeaders.has(box.type)) blankDates(collector, piece, box)
  else if (containers.has(box.type)) {
    if (depth > maxDepth) throw new RangeError('boxes nested beyond bounds')
    for (const child of boxesIn(bytes, box.body, box.end)) {
      await walkUserData(collector, piece, child, depth + 1)
    }
  } else if (structure.has(box.type)) {
    // Names of the handler and of the encoder.
    if (box.type === 'hdlr' || box.type === 'stsd') await texts(collector, piece, box)
  } else {
    collector.remove(piece, box, `box ${box.type}`, isPersonal ? 'personal' : 'location')
  }
}

/** Adobe's XMP in a box of its own: its places go, the rest stays but under `none`. */
async function xmp(collector: Collector, piece: Piece, box: Box): Promise<void> {
  if (collector.policy === 'none') return collector.remove(piece, box, `box ${box.type}`, 'personal')
  const range = { offset: piece.base + box.start, length: box.end - box.start }
  await texts(collector, piece, box)
  collector.add((await findEmbeddedLocation(collector.source, [range])).patches)
}

/** Puts spaces over the positions that the text in a box tells of. */
async function texts(collector: Collector, { base }: Piece, { body, end }: Box): Promise<void> {
  collector.add(await findTextPlaces(collector.source, [{ offset: base + body, length: end - body }]))
}

export function isUnused(box: { readonly type: string }): boolean {
  return box.type === 'free' || box.type === 'skip' || box.type === 'wide'
}

/** Headers of film, track and media begin with the times of making and of the last change (ISO/IEC 14496-12 §8.2.2). */
const datedHeaders = new Set(['mvhd', 'tkhd', 'mdhd'])

function blankDates(collector: Collector, { bytes, base }: Piece, box: Box): void {
  const from = box.body + 4
  const to = from + (bytes[box.body] === 1 ? 16 : 8)
  const dates = bytes.subarray(from, to)
  if (to > box.end || dates.every((byte) => byte === 0)) return
  collector.replace(base + from, base + to, null, `dates in ${box.type}`, 'personal', dates.toString('hex'))
}

/** Zeros a text of fixed length, such as a name that tells of the maker. */
export function blankText(collector: Collector, piece: Piece, from: number, to: number, where: string): void {
  const text = piece.bytes.subarray(from, to)
  if (text.every((byte) => byte === 0)) return
  collector.replace(piece.base + from, piece.base + to, null, where, 'personal', text.toString('latin1'))
}

async function userData(collector: Collector, piece: Piece, box: Box): Promise<void> {
  const { bytes, base } = piece
  for (const entry of boxesIn(bytes, box.body, box.end)) {
    const where = `box ${entry.type}`
    if (entry.type === 'meta') await metadata(collector, piece, entry)
    else if (isUnused(entry)) await collector.zeroIfUsed(base + entry.body, base + entry.end)
    else if (collector.policy === 'none') collector.remove(piece, entry, where, 'personal')
    else if (entry.type === 'XMP_') await xmp(collector, piece, entry)
    else if (!keptUserData.test(entry.type) || namesKey(bytes, entry))
      collector.remove(piece, entry, where, 'location')
    else await texts(collector, piece, entry)
  }
}

/** `meta` of QuickTime and iTunes: `keys` name what stands in `ilst` (QuickTime File Format, “Metadata”). */
async function metadata(collector: Collector, piece: Piece, box: Box): Promise<void> {
  const { bytes, base } = piece
  const body = { ...box, body: metaBody(bytes, box) }
  const keys = childOf(bytes, body, 'keys')
  const names = keys ? keyNames(collector, piece, keys) : []
  for (const child of boxesIn(bytes, body.body, body.end)) {
    if (isUnused(child)) await collector.zeroIfUsed(base + child.body, base + child.end)
    else if (child.type === 'ilst') {
      for (const item of boxesIn(bytes, child.body, child.end)) {
        if (isUnused(item)) await collector.zeroIfUsed(base + item.body, base + item.end)
        else await listItem(collector, piece, item, names)
      }
    } else if (child.type !== 'hdlr' && child.type !== 'keys') {
      const tells = namesLocation(bytes.toString('latin1', child.body, child.end))
      if (tells) collector.remove(piece, child, `box ${child.type}`, 'location')
      else if (collector.policy === 'none') collector.remove(piece, child, `box ${child.type}`, 'personal')
    }
  }
}

/** The names in `keys`, in the order that `ilst` counts them; those that are not wanted are written over. */
function keyNames(collector: Collector, { bytes, base }: Piece, keys: Box): string[] {
  const names: string[] = []
  if (keys.body + 8 > keys.end) return names
  const count = bytes.readUInt32BE(keys.body + 4)
  let at = keys.body + 8
  for (let index = 0; index < count && at + 8 <= keys.end; index++) {
    const size = bytes.readUInt32BE(at)
    if (size < 8 || at + size > keys.end) break
    const name = bytes.toString('latin1', at + 8, at + size)
    names.push(name)
    const kind = unwantedName(collector, name)
    if (kind && !/^x*$/.test(name)) {
      collector.replace(base + at + 8, base + at + size, Buffer.alloc(size - 8, 'x'), 'key', kind, name)
    }
    at += size
  }
  return names
}

async function listItem(
  collector: Collector,
  piece: Piece,
  item: Box,
  names: readonly string[],
): Promise<void> {
  const { bytes } = piece
  const name = names[bytes.readUInt32BE(item.start + 4) - 1] ?? item.type
  const text = bytes.toString('latin1', item.body, Math.min(item.end, item.body + 65_536))
  const freeForm = item.type === '----' && locationKey.test(text)
  const tells = freeForm || locationBoxes.has(item.type)
  const kind = tells ? 'location' : unwantedName(collector, name)
  if (kind) return collector.remove(piece, item, `item ${name}`, kind)
  await texts(collector, piece, item)
  // Cover art is a picture with metadata of its own.
  const range = { offset: piece.base + item.body, length: item.end - item.body }
  collector.add((await findEmbeddedLocation(collector.source, [range])).patches)
}

function unwantedName(collector: Collector, name: string): Kind | null {
  if (locationKey.test(name)) return 'location'
  return collector.policy === 'none' ? 'personal' : null
}

/** Novatek's and others' index of GPS blocks: offset and size of each, which stand outside `moov`. */
async function gpsIndex(collector: Collector, piece: Piece, box: Box): Promise<void> {
  const { bytes } = piece
  const { source, range } = collector
  const room = Math.floor((box.end - box.body - 8) / 8)
  const count = room > 0 ? Math.min(bytes.readUInt32BE(box.body + 4), room) : 0
  for (let index = 0; index < count; index++) {
    const offset = range.offset + bytes.readUInt32BE(box.body + 8 + 8 * index)
    const size = bytes.readUInt32BE(box.body + 12 + 8 * index)
    // A block is a box that begins with `GPS `; anything else is not what the index says.
    if ((await source.read(offset, 16)).includes('GPS ')) collector.zero(offset + 8, offset + size)
  }
  collector.remove(piece, box, 'box gps', 'location')
}
