import exifr from 'exifr'
import { parseDate, parseOffset } from './capture-date.ts'
import type { FirstLook, MediaType } from '../types.ts'

/**
 * A first look at a JPEG or HEIC by the bytes at its start (256 KiB are plenty): milliseconds, no child process.
 * Null for other formats and for whatever cannot be read; `facts` tells all later.
 */
export async function quickFacts(head: Uint8Array, type: MediaType): Promise<FirstLook | null> {
  if (type.format !== 'jpeg' && type.format !== 'heic') return null
  const exif = await readExif(head)
  const written = parseDate(exif?.['DateTimeOriginal']) ?? parseDate(exif?.['CreateDate'])
  const zone = parseOffset(exif?.['OffsetTimeOriginal'])
  const capturedAt = written && {
    ...written,
    offset: written.offset ?? zone,
    source: 'EXIF:DateTimeOriginal',
  }

  const size =
    type.format === 'jpeg' ? jpegSize(Buffer.from(head.buffer, head.byteOffset, head.byteLength)) : null
  const isTurned = Number(exif?.['Orientation'] ?? 1) >= 5
  return {
    capturedAt: capturedAt ?? null,
    width: (isTurned ? size?.height : size?.width) ?? null,
    height: (isTurned ? size?.width : size?.height) ?? null,
  }
}

async function readExif(head: Uint8Array): Promise<Record<string, unknown> | null> {
  try {
    const tags: unknown = await exifr.parse(head, {
      pick: ['DateTimeOriginal', 'CreateDate', 'OffsetTimeOriginal', 'Orientation'],
      reviveValues: false,
      translateValues: false,
    })
    return tags !== null && typeof tags === 'object' ? { ...tags } : null
  } catch {
    // exifr throws on what it does not know and on what is cut off. It is only a first look.
    return null
  }
}

/** The frame header of a JPEG (ITU-T T.81, B.2.2). */
function jpegSize(bytes: Buffer): { width: number; height: number } | null {
  let at = 2
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) }
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2)
  }
  return null
}
