import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { fileBoxes } from '../formats/iso-boxes.ts'
import { sniff } from '../formats/sniff.ts'
import type { MediaType } from '../types.ts'

/** A part of a file in bytes; `end` is past its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

const maxStillBytes = 512 * 1024 * 1024
const chunkBytes = 1024 * 1024
/** What a phone's MP4 has at its top level; anything else behind it is the phone's own trailer. */
const videoBoxes = new Set([
  ...['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'uuid', 'udta', 'meta', 'moof', 'mfra', 'styp', 'sidx'],
])

/**
 * Finds the video inside a motion photo: in a HEIC's `mpvd` box, or appended to a JPEG or HEIC (Google), also
 * within Samsung's trailer. Found by its own boxes, since the lengths written in XMP are often stale. Null where
 * there is none.
 */
export async function locateMotion(path: string, type: MediaType): Promise<Span | null> {
  if (type.format !== 'jpeg' && type.format !== 'heic') return null
  const file = await open(path)
  try {
    const { size } = await file.stat()
    if (size > maxStillBytes) return null
    return type.format === 'heic' ? await inHeic(file, size) : await appended(file, size)
  } finally {
    await file.close()
  }
}

/** Writes the video inside a motion photo to `output` and tells its type; null where there is none. */
export async function extractMotion(
  path: string,
  type: MediaType,
  output: string,
): Promise<MediaType | null> {
  const span = await locateMotion(path, type)
  if (span === null) return null
  const file = await open(path)
  const head = Buffer.alloc(Math.min(4096, span.end - span.start))
  try {
    await file.read(head, 0, head.length, span.start)
  } finally {
    await file.close()
  }
  const motion = await sniff(head)
  if (motion?.kind !== 'video') return null
  await pipeline(createReadStream(path, { start: span.start, end: span.end - 1 }), createWriteStream(output))
  return motion
}

async function inHeic(file: FileHandle, size: number): Promise<Span | null> {
  let seenPicture = false
  for await (const box of fileBoxes(file, 0, size)) {
    if (box.type === 'mpvd') return videoAt(file, box.content, box.end)
    if (box.type === 'ftyp' && seenPicture) return videoAt(file, box.start, size)
    if (box.type === 'meta') seenPicture = true
  }
  return null
}

async function appended(file: FileHandle, size: number): Promise<Span | null> {
  const overlap = 8
  const chunk = Buffer.alloc(chunkBytes + overlap)
  for (let from = 0; from < size; from += chunkBytes) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, from)
    const bytes = chunk.subarray(0, bytesRead)
    for (let at = bytes.indexOf('ftyp'); at >= 0; at = bytes.indexOf('ftyp', at + 4)) {
      const start = from + at - 4
      const span = start > 0 ? await videoAt(file, start, size) : null
      if (span) return span
    }
  }
  return null
}

/** The video whose first box starts there, if it is one: `ftyp` first, a `moov`, nothing foreign between. */
async function videoAt(file: FileHandle, start: number, limit: number): Promise<Span | null> {
  let end = start
  let hasMovie = false
  for await (const box of fileBoxes(file, start, limit)) {
    if (!videoBoxes.has(box.type) || (end === start && box.type !== 'ftyp')) break
    if (box.type === 'ftyp' && end !== start) break
    hasMovie ||= box.type === 'moov'
    end = box.end
  }
  return hasMovie ? { start, end } : null
}
