import type { MetadataPolicy } from '../../types.ts'
import type { ByteSource } from '../bytes/byte-source.ts'
import { findEmbeddedLocation } from '../locations/embedded.ts'
import { locationKey, namesLocation } from '../bytes/kept-tags.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** Elements of Matroska (RFC 9559 §5) that hold metadata, by their ID as written. */
const id = {
  segment: 0x18538067, cluster: 0x1f43b675, info: 0x1549a966, tracks: 0x1654ae6b, tags: 0x1254c367,
  attachments: 0x1941a469, chapters: 0x1043a770, void: 0xec, crc: 0xbf,
  tag: 0x7373, simpleTag: 0x67c8, tagName: 0x45a3, tagString: 0x4487,
  dateUtc: 0x4461, title: 0x7ba9, fileName: 0x7384, previousName: 0x3c83ab, nextName: 0x3e83bb, muxer: 0x4d80, writer: 0x5741,
  trackEntry: 0xae, trackName: 0x536e,
} as const // prettier-ignore

const infoTexts: ReadonlySet<number> = new Set([
  id.title,
  id.fileName,
  id.previousName,
  id.nextName,
  id.muxer,
  id.writer,
])
const maxElements = 5_000_000
const maxTextBytes = 16 * 1024 * 1024

interface Element {
  readonly id: number
  readonly start: number
  readonly body: number
  readonly end: number
  /** A live recording does not say how long a segment or cluster is. */
  readonly unknownSize: boolean
}

async function elementAt(source: ByteSource, start: number, limit: number): Promise<Element | null> {
  const head = await source.read(start, 12)
  const idBytes = Math.clz32(head[0] ?? 0) - 23
  if (idBytes < 1 || idBytes > 4) return null
  const sizeBytes = Math.clz32(head[idBytes] ?? 0) - 23
  const body = start + idBytes + sizeBytes
  if (sizeBytes < 1 || sizeBytes > 8 || idBytes + sizeBytes > head.length) return null
  let size = BigInt((head[idBytes] ?? 0) & (0xff >> sizeBytes))
  for (let index = 1; index < sizeBytes; index++) size = (size << 8n) | BigInt(head[idBytes + index] ?? 0)
  const unknownSize = size === (1n << BigInt(7 * sizeBytes)) - 1n
  const end = unknownSize ? limit : Math.min(limit, body + Number(size))
  return { id: head.readUIntBE(0, idBytes), start, body, end, unknownSize }
}

async function* elementsIn(source: ByteSource, from: number, to: number): AsyncGenerator<Element> {
  let position = from
  for (let count = 0; position + 2 <= to && count < maxElements; count++) {
    const element = await elementAt(source, position, to)
    if (!element) return
    yield element
    // Inside what has no size, its children are met next.
    position = element.unknownSize ? element.body : element.end
  }
}

/**
 * Finds what a Matroska or WebM file tells besides its film: tags, titles, names of programs, attachments. The
 * patches turn elements into zeroed `Void` ones and texts into zeros, so every cluster and cue stays in place.
 */
export async function findMatroskaMetadata(
  source: ByteSource,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Promise<Patch[]> {
  const patches: Patch[] = []
  const personal = policy === 'none'
  for await (const outer of elementsIn(source, 0, source.size)) {
    if (outer.id === id.void) await blankIfUsed(outer)
    if (outer.id !== id.segment) continue
    for await (const element of elementsIn(source, outer.body, outer.end)) {
      const before = patches.length
      if (element.id === id.tags) {
        if (personal) await voidElement(element, 'Tags', 'personal')
        else for await (const tag of elementsIn(source, element.body, element.end)) await tagsIn(tag, 0)
      } else if (element.id === id.info) {
        await texts(element, infoTexts, 'Info')
        if (personal) await blankDate(element)
      } else if (element.id === id.tracks) {
        for await (const track of elementsIn(source, element.body, element.end)) {
          if (track.id === id.trackEntry) await texts(track, new Set([id.trackName]), 'track name')
        }
      } else if (element.id === id.chapters) {
        const tells = namesLocation(await textOf(element))
        if (tells || personal) await voidElement(element, 'Chapters', tells ? 'location' : 'personal')
      } else if (element.id === id.attachments) {
        if (personal) await voidElement(element, 'Attachments', 'personal')
        else
          patches.push(
            ...(
              await findEmbeddedLocation(source, [
                { offset: element.start, length: element.end - element.start },
              ])
            ).patches,
          )
      } else if (element.id === id.void) await blankIfUsed(element)
      if (patches.length > before) await dropChecksum(element)
    }
    break
  }
  return patches

  async function tagsIn(element: Element, depth: number): Promise<void> {
    if (depth > 8) return
    if (element.id === id.simpleTag) {
      const name = await childText(element, id.tagName)
      const value = await childText(element, id.tagString)
      if (locationKey.test(name) || namesLocation(value))
        return voidElement(element, `tag ${name}`, 'location')
    }
    if (element.id !== id.simpleTag && element.id !== id.tag) return
    for await (const child of elementsIn(source, element.body, element.end)) await tagsIn(child, depth + 1)
  }

  async function texts(parent: Element, ids: ReadonlySet<number>, where: string): Promise<void> {
    for await (const element of elementsIn(source, parent.body, parent.end)) {
      if (!ids.has(element.id)) continue
      const text = await textOf(element)
      const tells = namesLocation(text)
      if (!/[^\0]/.test(text) || (!tells && !personal)) continue
      const kind = tells ? 'location' : 'personal'
      const finding = { kind, where: `${where} at ${element.start}`, value: shortValue(text) } as const
      patches.push({
        offset: element.body,
        length: element.end - element.body,
        bytes: null,
        finding,
        secrets: [],
      })
    }
  }

  /** Zero is the format's epoch, 2001-01-01 (RFC 9559 §5.1.2). */
  async function blankDate(info: Element): Promise<void> {
    for await (const { id: child, body, end } of elementsIn(source, info.body, info.end)) {
      const date = child === id.dateUtc ? await source.read(body, end - body) : Buffer.alloc(0)
      if (!date.some((byte) => byte !== 0)) continue
      const finding = { kind: 'personal', where: `date at ${body}`, value: date.toString('hex') } as const
      patches.push({ offset: body, length: end - body, bytes: null, finding, secrets: [] })
    }
  }

  async function textOf(element: Element): Promise<string> {
    return (await source.read(element.body, Math.min(element.end - element.body, maxTextBytes))).toString(
      'latin1',
    )
  }

  async function childText(parent: Element, wanted: number): Promise<string> {
    for await (const child of elementsIn(source, parent.body, parent.end)) {
      if (child.id === wanted) return (await textOf(child)).slice(0, 4096)
    }
    return ''
  }

  async function voidElement(element: Element, where: string, kind: 'location' | 'personal'): Promise<void> {
    const value = shortValue((await textOf(element)).slice(0, 160))
    const finding = { kind, where: `${where} at ${element.start}`, value }
    const length = element.end - element.start
    // `Void` has an ID of one byte; its size takes the rest of the header, up to eight bytes.
    const sizeBytes = Math.min(8, element.body - element.start - 1)
    const header = Buffer.alloc(1 + sizeBytes)
    header[0] = id.void
    let size = BigInt(length - 1 - sizeBytes)
    for (let index = sizeBytes; index >= 1; index--) {
      header[index] = Number(size & 0xffn)
      size >>= 8n
    }
    header[1] = (header[1] ?? 0) | (0x80 >> (sizeBytes - 1))
    patches.push({ offset: element.start, length: header.length, bytes: header, finding, secrets: [] })
    const rest = length - header.length
    patches.push({
      offset: element.start + header.length,
      length: rest,
      bytes: null,
      finding: null,
      secrets: [],
    })
  }

  async function blankIfUsed(element: Element): Promise<void> {
    const bytes = await source.read(element.body, Math.min(element.end - element.body, maxTextBytes))
    if (!bytes.some((byte) => byte !== 0)) return
    const length = element.end - element.body
    patches.push({ offset: element.body, length, bytes: null, finding: null, secrets: [] })
  }

  /** A checksum of what was changed would be wrong; without one the element is as good. */
  async function dropChecksum(element: Element): Promise<void> {
    for await (const child of elementsIn(source, element.body, element.end)) {
      if (child.id === id.crc) {
        const header = Buffer.from([id.void])
        patches.push({ offset: child.start, length: 1, bytes: header, finding: null, secrets: [] })
        const length = child.end - child.body
        patches.push({ offset: child.body, length, bytes: null, finding: null, secrets: [] })
      }
      return
    }
  }
}
