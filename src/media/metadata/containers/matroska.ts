import type { MetadataPolicy } from '../../types.ts'
import type { ByteSource } from '../bytes/byte-source.ts'
import { findTextPlaces } from '../words/text-patches.ts'
import { locationKey, namesLocation } from '../bytes/kept-tags.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'

/** Elements of Matroska (RFC 9559 §5) that hold metadata, by their ID as written. */
const id = {
  segment: 0x18538067, cluster: 0x1f43b675, info: 0x1549a966, tracks: 0x1654ae6b, tags: 0x1254c367,
  attachments: 0x1941a469, chapters: 0x1043a770, void: 0xec, crc: 0xbf,
  tag: 0x7373, simpleTag: 0x67c8, tagName: 0x45a3, tagString: 0x4487, tagBinary: 0x4485,
  dateUtc: 0x4461, title: 0x7ba9, fileName: 0x7384, previousName: 0x3c83ab, nextName: 0x3e83bb, muxer: 0x4d80, writer: 0x5741,
  trackEntry: 0xae, trackName: 0x536e, trackNumber: 0xd7, trackType: 0x83, encodings: 0x6d80,
  seekHead: 0x114d9b74, cues: 0x1c53bb6b, simpleBlock: 0xa3, blockGroup: 0xa0, block: 0xa1, encryptedBlock: 0xaf,
  attachedFile: 0x61a7, mediaType: 0x4660,
} as const // prettier-ignore

const infoTexts: ReadonlySet<number> = new Set([
  id.title,
  id.fileName,
  id.previousName,
  id.nextName,
  id.muxer,
  id.writer,
])
/** What a segment may hold besides what is judged (RFC 9559 §5.1). */
const segmentParts: ReadonlySet<number> = new Set([
  id.seekHead,
  id.info,
  id.tracks,
  id.cluster,
  id.cues,
  id.tags,
  id.chapters,
  id.attachments,
  id.crc,
  // Where a live recording tells no sizes, what is in a cluster comes next to it.
  0xe7,
  0xa7,
  0xab,
  id.simpleBlock,
  id.blockGroup,
])
const blockIds: ReadonlySet<number> = new Set([id.simpleBlock, id.blockGroup, id.encryptedBlock])
const trackTypes = { video: 1, audio: 2, subtitle: 17 } as const
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
  const unknown = personal ? 'personal' : 'location'
  const unwanted = new Set<number>()
  const subtitles = new Set<number>()
  for await (const outer of elementsIn(source, 0, source.size)) {
    if (outer.id === id.void) await blankIfUsed(outer)
    if (outer.id !== id.segment) continue
    let end = outer.body
    for await (const element of elementsIn(source, outer.body, outer.end)) {
      end = element.unknownSize ? element.body : element.end
      const before = patches.length
      if (element.id === id.tags) {
        if (personal) await voidElement(element, 'Tags', 'personal')
        else for await (const tag of elementsIn(source, element.body, element.end)) await tagsIn(tag, 0)
      } else if (element.id === id.info) {
        await texts(element, infoTexts, 'Info')
        if (personal) await blankDate(element)
      } else if (element.id === id.tracks) {
        for await (const track of elementsIn(source, element.body, element.end)) {
          if (track.id === id.trackEntry) await judgeTrack(track)
        }
      } else if (element.id === id.cluster) await blocksIn(element)
      else if (blockIds.has(element.id)) await judgeBlock(element)
      else if (element.id === id.chapters) {
        const tells = namesLocation(await textOf(element))
        if (tells || personal) await voidElement(element, 'Chapters', tells ? 'location' : 'personal')
      } else if (element.id === id.attachments) {
        for await (const file of elementsIn(source, element.body, element.end)) await judgeAttachment(file)
      } else if (element.id === id.void) await blankIfUsed(element)
      else if (!segmentParts.has(element.id)) await voidElement(element, 'element', unknown)
      if (patches.length > before) await dropChecksum(element)
    }
    await blankTail(end)
    break
  }
  return patches

  /** What stands behind the last element that can be read is no part of the film. */
  async function blankTail(from: number): Promise<void> {
    if (!(await source.read(from, Math.min(source.size - from, maxTextBytes))).some((byte) => byte !== 0))
      return
    const length = source.size - from
    const finding = { kind: unknown, where: `trailer at ${from}`, value: `${length} bytes` } as const
    patches.push({ offset: from, length, bytes: null, finding, secrets: [] })
  }

  /** Only pictures and sound are sure to be a film. Subtitles stay where their words can be read, but under `none`: cameras write dates into them. */
  async function judgeTrack(track: Element): Promise<void> {
    const number = (await numberIn(track, id.trackNumber)) ?? 0
    const type = await numberIn(track, id.trackType)
    if (type === trackTypes.video || type === trackTypes.audio)
      return texts(track, new Set([id.trackName]), 'track name')
    let isReadable = type === trackTypes.subtitle && !personal
    for await (const child of elementsIn(source, track.body, track.end)) {
      if (child.id === id.encodings) isReadable = false
    }
    if (isReadable) {
      subtitles.add(number)
      return texts(track, new Set([id.trackName]), 'track name')
    }
    unwanted.add(number)
    await voidElement(track, 'track', unknown)
  }

  async function blocksIn(cluster: Element): Promise<void> {
    if (unwanted.size + subtitles.size === 0) return
    for await (const element of elementsIn(source, cluster.body, cluster.end)) {
      if (element.id === id.cluster) return
      if (blockIds.has(element.id)) await judgeBlock(element)
    }
  }

  /** A block begins with the number of its track (RFC 9559 §10.1). */
  async function judgeBlock(element: Element): Promise<void> {
    if (unwanted.size + subtitles.size === 0) return
    const { body, end } = element
    if (element.id === id.blockGroup) {
      for await (const child of elementsIn(source, body, end)) {
        if (child.id === id.block && unwanted.has(await trackOf(child)))
          return voidElement(element, 'block', unknown)
        if (child.id === id.block) await judgeSubtitle(child)
      }
    } else if (unwanted.has(await trackOf(element))) await voidElement(element, 'block', unknown)
    else await judgeSubtitle(element)
  }

  async function judgeSubtitle(block: Element): Promise<void> {
    if (!subtitles.has(await trackOf(block))) return
    patches.push(...(await findTextPlaces(source, [{ offset: block.body, length: block.end - block.body }])))
  }

  async function trackOf(block: Element): Promise<number> {
    const head = await source.read(block.body, 4)
    const bytes = Math.clz32(head[0] ?? 0) - 23
    if (bytes < 1 || bytes > head.length) return 0
    return head.readUIntBE(0, bytes) - 2 ** (7 * bytes)
  }

  async function numberIn(parent: Element, wanted: number): Promise<number | null> {
    for await (const child of elementsIn(source, parent.body, parent.end)) {
      const length = child.end - child.body
      if (child.id !== wanted || length < 1 || length > 6) continue
      return (await source.read(child.body, length)).readUIntBE(0, length)
    }
    return null
  }

  /** Fonts draw subtitles; whatever else is attached may be anything. */
  async function judgeAttachment(file: Element): Promise<void> {
    if (file.id !== id.attachedFile) return
    const isFont = /^(font\/|application\/(x-truetype-font|x-font|vnd\.ms-opentype|font))/.test(
      await childText(file, id.mediaType),
    )
    if (!isFont || personal) await voidElement(file, 'attachment', unknown)
  }

  async function tagsIn(element: Element, depth: number): Promise<void> {
    if (depth > 8) return
    if (element.id === id.simpleTag) {
      const name = await childText(element, id.tagName)
      const value = await childText(element, id.tagString)
      if (locationKey.test(name)) return voidElement(element, `tag ${name}`, 'location')
      // A binary value may be anything.
      if (value === '' && (await hasChild(element, id.tagBinary)))
        return voidElement(element, `tag ${name}`, 'location')
      patches.push(
        ...(await findTextPlaces(source, [{ offset: element.body, length: element.end - element.body }])),
      )
    }
    if (element.id !== id.simpleTag && element.id !== id.tag) return
    for await (const child of elementsIn(source, element.body, element.end)) await tagsIn(child, depth + 1)
  }

  async function texts(parent: Element, ids: ReadonlySet<number>, where: string): Promise<void> {
    for await (const element of elementsIn(source, parent.body, parent.end)) {
      if (!ids.has(element.id)) continue
      const text = await textOf(element)
      const range = { offset: element.body, length: element.end - element.body }
      if (!personal) patches.push(...(await findTextPlaces(source, [range])))
      else if (/[^\0]/.test(text)) {
        const finding = {
          kind: 'personal',
          where: `${where} at ${element.start}`,
          value: shortValue(text),
        } as const
        patches.push({ ...range, bytes: null, finding, secrets: [] })
      }
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

  async function hasChild(parent: Element, wanted: number): Promise<boolean> {
    for await (const child of elementsIn(source, parent.body, parent.end))
      if (child.id === wanted) return true
    return false
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
