import { fileTypeFromBuffer } from 'file-type'
import { mediaTypes } from './media-type.ts'
import { sniffTiff } from './sniff-tiff.ts'
import type { Format, MediaType } from '../types.ts'

/** How much of a file's start `sniff` looks at, in bytes. */
export const sniffBytes = 64 * 1024

/**
 * Tells a file's type from its first bytes (at most `sniffBytes` are read), never from its name.
 * Null for whatever Mayfly does not accept: documents, archives, SVG, audio, playlists, unknown bytes.
 */
export async function sniff(head: Uint8Array): Promise<MediaType | null> {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, sniffBytes))
  if (bytes.length < 12) return null // shorter than any header: no file of ours
  const format = bySignature(bytes) ?? (await byLibrary(bytes))
  return format === null ? null : mediaTypes[format]
}

/** The families where file-type's answer was wrong for real files: TIFF's, ISO media's, Matroska, MPEG-TS, broken PNGs. */
function bySignature(bytes: Buffer): Format | null {
  if (bytes.subarray(0, 8).equals(pngSignature)) return 'png'
  if (text(bytes, 4, 4) === 'ftyp') return byBrands(bytes)
  if (bytes.readUInt32BE(0) === 0x1a45dfa3) return byDocType(bytes)
  if (/^FUJIFILM(?:CCD|M)-RAW /.test(text(bytes, 0, 16))) return 'raf'
  if (isTransportStream(bytes)) return 'mts'
  if (isOldQuickTime(bytes)) return 'mov'
  return sniffTiff(bytes)
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/**
 * file-type names the rest. It skips ID3 tags and byte order marks and names what follows them, so its answer
 * counts only where the file itself starts with the format's signature.
 */
async function byLibrary(bytes: Buffer): Promise<Format | null> {
  if (!librarySignatures.some((signature) => signature.test(text(bytes, 0, 12)))) return null
  const found = await fileTypeFromBuffer(bytes)
  return (found && libraryFormats.get(found.ext)) ?? null
}

const librarySignatures = [
  /^\xff\xd8\xff/,
  /^GIF8[79]a/,
  /^RIFF[\s\S]{4}(?:WEBP|AVI )/,
  /^\xff\x0a/, // a bare JPEG XL codestream (ISO/IEC 18181-1)
  /^\0\0\0\x0cJXL \r\n\x87\n/,
]

const libraryFormats: ReadonlyMap<string, Format> = new Map([
  ['jpg', 'jpeg'],
  ['gif', 'gif'],
  ['webp', 'webp'],
  ['avi', 'avi'],
  ['jxl', 'jxl'],
])

/** ISO/IEC 14496-12 `ftyp`: the major brand decides, and where that says only “image”, the compatible ones. */
function byBrands(bytes: Buffer): Format | null {
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 512)
  if (end < 12) return null
  const major = text(bytes, 8, 4)
  const compatible: string[] = []
  for (let at = 16; at + 4 <= end; at += 4) compatible.push(text(bytes, at, 4))

  if (major === 'crx ') return 'cr3'
  if (avifBrands.has(major)) return 'avif'
  if (heicBrands.has(major)) return 'heic'
  if (imageBrands.has(major)) {
    if (compatible.some((brand) => avifBrands.has(brand))) return 'avif'
    return compatible.some((brand) => refusedBrands.has(brand)) ? null : 'heic'
  }
  if (refusedBrands.has(major) || !/^[\x20-\x7e\xa9\0]{4}$/.test(major)) return null
  if (major === 'qt  ') return 'mov'
  if (/^M4V/.test(major)) return 'm4v'
  if (/^3g[2epgrs]/.test(major)) return '3gp'
  return 'mp4'
}

const avifBrands = new Set(['avif', 'avis'])
const heicBrands = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'])
const imageBrands = new Set(['mif1', 'mif2', 'msf1', 'miaf'])
/** Audio books, songs, JPEG 2000, other codecs' images: ISO media, but nothing that is accepted. */
const refusedBrands = new Set([
  ...['M4A ', 'M4B ', 'M4P ', 'F4A ', 'F4B ', 'F4P ', 'aax ', 'aaxc'],
  ...['jp2 ', 'jph ', 'jpx ', 'jpm ', 'mjp2', 'mj2s', 'jxl '],
  ...['avci', 'avcs', 'jpeg', 'jpgs', 'j2ki', 'j2is', 'vvic', 'vvis', 'evbi', 'evbs'],
])

/** QuickTime before `ftyp` existed: the first atom is one of a few, and its size is plausible. */
function isOldQuickTime(bytes: Buffer): boolean {
  const size = bytes.readUInt32BE(0)
  const sizeIsPlausible = size >= 8 || size === 1 || size === 0
  const atom = text(bytes, 4, 4)
  if (!sizeIsPlausible) return false
  if (atom === 'moov') return size >= 8 && ['mvhd', 'cmov', 'udta'].includes(text(bytes, 12, 4))
  if (atom === 'mdat') return true
  if (!['wide', 'free', 'skip', 'pnot'].includes(atom) || size < 8) return false
  const next = text(bytes, size + 4, 4)
  return next === '' || ['mdat', 'moov', 'wide', 'free', 'skip', 'PICT'].includes(next)
}

/** Matroska (RFC 9559): the DocType element, 0x4282, within the EBML header. */
function byDocType(bytes: Buffer): Format | null {
  const at = bytes.subarray(0, 4096).indexOf(Buffer.from([0x42, 0x82]))
  if (at < 0) return null
  const value = text(bytes, at + 3, 8)
  if (value.startsWith('webm')) return 'webm'
  return value === 'matroska' ? 'mkv' : null
}

/** MPEG-TS (ISO/IEC 13818-1), plain or with AVCHD's four-byte time stamps: the sync byte where each packet starts. */
function isTransportStream(bytes: Buffer): boolean {
  const packets = 5
  const synchronised = (first: number, length: number): boolean => {
    for (let packet = 0; packet < packets; packet += 1) {
      if (bytes[first + packet * length] !== 0x47) return false
    }
    return true
  }
  return synchronised(0, 188) || synchronised(4, 192)
}

function text(bytes: Buffer, start: number, length: number): string {
  return bytes.toString('latin1', start, start + length)
}
