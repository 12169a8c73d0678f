import type { ByteSource } from '../bytes/byte-source.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** Local names of XMP properties that say where (Exif, Photoshop, IPTC Core and Extension, Dublin Core, PRISM). */
const locationName =
  /gps|latitude|longitude|altitude|geotag|geolocation|^city$|^state$|^province|^country|^(sub)?location|^coverage$|mccdata/i
/** Whole schemas that do: drone attitude and position, geo names. */
const locationPrefix = /^(drone-dji|drone-parrot|geo|GeoTIFF)$/i

const start = Buffer.from('<rdf:RDF')
const finish = Buffer.from('</rdf:RDF>')
/** Characters of a value that are looked at for telling of it. */
const mostTold = 1000
const maxPacketBytes = 8 * 1024 * 1024

interface Span {
  readonly start: number
  readonly end: number
  readonly name: string
  readonly value: string
}

export const xmpStart = start

/**
 * Finds location in the XMP packet whose `<rdf:RDF` stands at `offset`. The patches put spaces in the place of
 * whole attributes and elements, which XML and XMP (ISO 16684-1) allow anywhere, so the packet stays as long.
 */
export async function findXmpLocation(source: ByteSource, offset: number): Promise<Patch[]> {
  const length = await packetLength(source, offset)
  if (length === null) return []
  const text = (await source.read(offset, length)).toString('latin1')
  return locationSpans(text).map((span) => ({
    offset: offset + span.start,
    length: span.end - span.start,
    bytes: Buffer.alloc(span.end - span.start, 0x20),
    finding: {
      kind: 'location',
      where: `XMP ${span.name} at ${offset + span.start}`,
      value: shortValue(span.value),
    },
    secrets: [],
  }))
}

/** The same packet with spaces for what says where; for containers that are written again. */
export function blankXmpLocation(packet: string): string {
  const pieces: string[] = []
  let from = 0
  // Spans never overlap and come in their order: the text is put together once, however many there are.
  for (const { start, end } of locationSpans(packet)) {
    pieces.push(packet.slice(from, start), ' '.repeat(end - start))
    from = end
  }
  return pieces.join('') + packet.slice(from)
}

/** Bytes from `offset` to the end of the packet's RDF, or null where it does not end. */
async function packetLength(source: ByteSource, offset: number): Promise<number | null> {
  for (let size = 64 * 1024; size <= maxPacketBytes; size *= 8) {
    const bytes = await source.read(offset, size)
    const at = bytes.indexOf(finish)
    if (at >= 0) return at + finish.length
    if (bytes.length < size) return null
  }
  return null
}

function isLocation(prefix: string, name: string): boolean {
  return locationPrefix.test(prefix) || locationName.test(name)
}

/** What of `text` names a place: attributes and elements, outermost only. */
export function locationSpans(text: string): Span[] {
  const spans: Span[] = []
  const element = /<([\w.-]+):([\w.-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/g
  for (let match = element.exec(text); match; match = element.exec(text)) {
    const [whole, prefix = '', name = '', attributes = '', selfClosing] = match
    if (isLocation(prefix, name)) {
      const end = selfClosing
        ? match.index + whole.length
        : endOfElement(text, `${prefix}:${name}`, element.lastIndex)
      const inside = match.index + whole.length
      const value = text.slice(inside, Math.min(end, inside + mostTold)).replace(/<[^<>]*>/g, ' ')
      spans.push({ start: match.index, end, name: `${prefix}:${name}`, value })
      element.lastIndex = end
      continue
    }
    const attribute = /\s([\w.-]+):([\w.-]+)\s*=\s*("[^"]*"|'[^']*')/g
    const base = match.index + 1 + prefix.length + 1 + name.length
    for (let found = attribute.exec(attributes); found; found = attribute.exec(attributes)) {
      const [text_, attributePrefix = '', attributeName = '', value = ''] = found
      if (attributePrefix === 'xmlns' || !isLocation(attributePrefix, attributeName)) continue
      const at = base + found.index
      spans.push({ start: at, end: at + text_.length, name: `${attributePrefix}:${attributeName}`, value })
    }
  }
  return spans
}

/** Where the element ends that was opened before `from`, nested ones of the same name included. */
function endOfElement(text: string, name: string, from: number): number {
  const tag = /<(\/?)([\w.-]+:[\w.-]+)(?=[\s/>])[^<>]*?(\/?)>/g
  tag.lastIndex = from
  let depth = 1
  for (let match = tag.exec(text); match; match = tag.exec(text)) {
    if (match[2] !== name) continue
    if (match[1]) depth--
    else if (!match[3]) depth++
    if (depth === 0) return match.index + match[0].length
  }
  return text.length
}
