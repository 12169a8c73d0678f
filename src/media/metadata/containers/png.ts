import { crc32, inflateSync } from 'node:zlib'
import { type ByteRange, type ByteSource, bufferBytes } from '../bytes/byte-source.ts'
import { buildExif, type KeptExif } from '../locations/exif-build.ts'
import { findExifLocation } from '../locations/exif-location.ts'
import { findTextPlaces } from '../words/text-patches.ts'
import { applyInMemory } from '../bytes/patch.ts'
import type { FileWriter } from '../bytes/file-writer.ts'
import { blankPlaces } from '../words/places-in-text.ts'
import { blankXmpLocation } from '../locations/xmp-location.ts'

export interface PngChunk extends ByteRange {
  readonly type: string
  /** Bytes of the payload alone. */
  readonly payload: number
}

/** Chunks that decide how the picture looks and moves (PNG 3rd edition §11; APNG). */
const pictureChunk =
  /^(IHDR|PLTE|IDAT|IEND|tRNS|cHRM|gAMA|iCCP|sBIT|sRGB|cICP|mDCV|cLLI|mDCv|cLLi|bKGD|hIST|pHYs|sPLT|oFFs|sTER|acTL|fcTL|fdAT)$/
const readableKeywords =
  /^(Title|Author|Description|Copyright|Creation Time|Software|Disclaimer|Warning|Source|Comment|XML:com\.adobe\.xmp)$/
const maxTextBytes = 16 * 1024 * 1024
const maxChunks = 2_000_000

/** Goes through the chunks (PNG §5.3) up to and with `IEND`. Throws RangeError where the file is cut short. */
export async function* pngChunks(source: ByteSource): AsyncGenerator<PngChunk> {
  let offset = 8
  for (let count = 0; count < maxChunks; count++) {
    const head = await source.read(offset, 8)
    if (head.length < 8) throw new RangeError('the PNG ends before its end chunk')
    const payload = head.readUInt32BE(0)
    const type = head.toString('latin1', 4, 8)
    if (offset + 12 + payload > source.size) throw new RangeError('a PNG chunk is cut short')
    yield { offset, length: payload + 12, payload, type }
    if (type === 'IEND') return
    offset += 12 + payload
  }
  throw new RangeError('too many PNG chunks')
}

/** The parts of a PNG that decide how it looks. */
export async function pngPicture(source: ByteSource): Promise<ByteRange[]> {
  const ranges: ByteRange[] = []
  for await (const chunk of pngChunks(source)) {
    if (pictureChunk.test(chunk.type)) ranges.push({ offset: chunk.offset, length: chunk.length })
  }
  return ranges
}

export interface PngFilter {
  /** Texts, XMP and Exif without what says where (true), or only the dates and the orientation in `kept` (false). */
  readonly keepTexts: boolean
  readonly kept: KeptExif
}

/** Writes the PNG again chunk by chunk; the picture's own chunks pass untouched, what follows `IEND` is left out. */
export async function filterPng(source: ByteSource, writer: FileWriter, filter: PngFilter): Promise<void> {
  await writer.copy(source, { offset: 0, length: 8 })
  const exifKept = filter.keepTexts && (await hasDatedExif(source))
  for await (const chunk of pngChunks(source)) {
    if (pictureChunk.test(chunk.type)) {
      await writer.copy(source, chunk)
      if (chunk.type === 'IHDR' && !exifKept) {
        const exif = buildExif(filter.kept)
        if (exif) await writer.write(pngChunk('eXIf', exif))
      }
    } else if (!filter.keepTexts || chunk.payload > maxTextBytes) continue
    else if (chunk.type === 'tIME') await writer.copy(source, chunk)
    else if (chunk.type === 'eXIf' && exifKept) {
      const exif = Buffer.from(await source.read(chunk.offset + 8, chunk.payload))
      await writer.write(pngChunk('eXIf', await withoutGps(exif)))
    } else {
      const kept = keptText(chunk.type, await source.read(chunk.offset + 8, chunk.payload))
      if (kept === 'as it is') await writer.copy(source, chunk)
      else if (kept) await writer.write(kept)
    }
  }
}

async function hasDatedExif(source: ByteSource): Promise<boolean> {
  for await (const chunk of pngChunks(source)) if (chunk.type === 'eXIf') return true
  return false
}

/** A TIFF block of Exif with its GPS directories blanked. */
export async function withoutGps(exif: Buffer): Promise<Buffer> {
  const texts = await findTextPlaces(bufferBytes(exif), [{ offset: 0, length: exif.length }])
  return applyInMemory(exif, [...texts, ...(await findExifLocation(bufferBytes(exif), 0, exif.length))])
}

function pngChunk(type: string, payload: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), payload])
  const chunk = Buffer.alloc(body.length + 8)
  chunk.writeUInt32BE(payload.length, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), body.length + 4)
  return chunk
}

/** `tEXt`, `zTXt` and `iTXt` (PNG §11.3.3) without what says where: as it is, as a new chunk, or null to leave out. */
function keptText(type: string, payload: Buffer): Buffer | 'as it is' | null {
  if (type !== 'tEXt' && type !== 'zTXt' && type !== 'iTXt') return null
  const keywordEnd = payload.indexOf(0)
  if (keywordEnd < 1 || keywordEnd > 79) return null
  const keyword = payload.toString('latin1', 0, keywordEnd)
  if (!readableKeywords.test(keyword)) return null
  const text = textOf(type, payload, keywordEnd)
  if (text === null) return null
  if (keyword === 'XML:com.adobe.xmp') {
    const packet = blankXmpLocation(text)
    const blanked = blankPlaces(Buffer.from(packet, 'latin1'))?.toString('latin1') ?? packet
    if (blanked === text) return 'as it is'
    const head = Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1')
    return pngChunk('iTXt', Buffer.concat([head, Buffer.from(blanked, 'latin1')]))
  }
  const blanked = blankPlaces(Buffer.from(text, 'latin1'))
  if (!blanked) return 'as it is'
  // As plain text, where it was packed.
  const head = Buffer.from(`${keyword}\0`, 'latin1')
  return type === 'iTXt'
    ? pngChunk('iTXt', Buffer.concat([head, Buffer.alloc(4), blanked]))
    : pngChunk('tEXt', Buffer.concat([head, blanked]))
}

function textOf(type: string, payload: Buffer, keywordEnd: number): string | null {
  try {
    if (type === 'tEXt') return payload.toString('latin1', keywordEnd + 1)
    if (type === 'zTXt') return inflated(payload.subarray(keywordEnd + 2))
    const compressed = payload[keywordEnd + 1] === 1
    const languageEnd = payload.indexOf(0, keywordEnd + 3)
    const keywordAgainEnd = payload.indexOf(0, languageEnd + 1)
    if (languageEnd < 0 || keywordAgainEnd < 0) return null
    const body = payload.subarray(keywordAgainEnd + 1)
    return compressed ? inflated(body) : body.toString('latin1')
  } catch {
    // A text that does not unpack cannot be looked into, so it is left out.
    return null
  }
}

function inflated(bytes: Buffer): string {
  return inflateSync(bytes, { maxOutputLength: maxTextBytes }).toString('latin1')
}
