import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Exiftool } from '../tools/exiftool.ts'
import { acceptedFormatsText } from '../formats/media-type.ts'
import { withBytes } from './bytes/byte-source.ts'
import { readTags } from './check.ts'
import { findMetadata, metadataRanges } from './find.ts'
import { writeFileBy } from './bytes/file-writer.ts'
import { filterJxl } from './containers/jxl.ts'
import { findNeedle } from './locations/needles.ts'
import { findingsOf, type Tag } from './tags.ts'
import { sniff, sniffBytes } from '../formats/sniff.ts'
import { withTemporaryFolder } from '../tools/temporary-folder.ts'
import { type Finding, MediaError, type MediaType } from '../types.ts'

const maxFindings = 2000

/**
 * Lists what location and personal data the file at `file` holds: by our own walk of its container, by exiftool's
 * tags with embedded documents and timed metadata, and by a search of its bytes for ISO 6709 positions. Location
 * comes first; what repeats in timed metadata is told once. Throws MediaError (`unsupported`, `damaged`, …).
 */
export async function inspectFile(exiftool: Exiftool, file: string): Promise<Finding[]> {
  const type = await typeOf(file)
  if (type.format !== 'jxl') return findings(exiftool, file, type)
  // exiftool cannot open Brotli boxes: it is given them unpacked.
  return withTemporaryFolder(tmpdir(), async (folder) => {
    const unpacked = path.join(folder, 'unpacked.jxl')
    await withBytes(file, (source) =>
      writeFileBy(unpacked, async (writer) => {
        await filterJxl(source, writer, { keep: 'unpacked' })
      }),
    )
    return findings(exiftool, unpacked, type)
  })
}

/** The type of the file at `file`, told by content. Throws MediaError (`unsupported`). */
export async function typeOf(file: string): Promise<MediaType> {
  const handle = await open(file, 'r')
  try {
    const head = Buffer.alloc(sniffBytes)
    const { bytesRead } = await handle.read(head, 0, sniffBytes, 0)
    const type = await sniff(head.subarray(0, bytesRead))
    if (type) return type
  } finally {
    await handle.close()
  }
  throw new MediaError('unsupported', `not a file that Mayfly knows. ${acceptedFormatsText}`)
}

async function findings(exiftool: Exiftool, file: string, type: MediaType): Promise<Finding[]> {
  const found: Finding[] = []
  await withBytes(file, async (source) => {
    try {
      const { patches } = await findMetadata(source, type.format, 'none')
      for (const patch of patches) if (patch.finding) found.push(patch.finding)
      const hit = await findNeedle(source, await metadataRanges(source, type.format), [])
      if (hit) found.push({ kind: 'location', where: `byte ${hit.offset}`, value: hit.what })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new MediaError('damaged', 'the file’s structure is broken', { cause: error })
    }
  })
  const tags = await readEmbedded(exiftool, file, type)
  // exiftool's Composite tags only say again what others say.
  found.push(
    ...findingsOf(
      tags.filter((tag) => tag.groups[0] !== 'Composite'),
      'none',
    ),
  )
  const once = new Map<string, Finding>()
  for (const finding of found) {
    const where = finding.where.replace(/:(Doc|Copy)[\d-]+/g, '')
    if (!once.has(where) && once.size < maxFindings) once.set(where, { ...finding, where })
  }
  return [...once.values()].sort((one, other) => one.kind.localeCompare(other.kind))
}

/** Hours of telemetry may take longer than a call may: then the file's own tags, and our walk, must do. */
async function readEmbedded(exiftool: Exiftool, file: string, type: MediaType): Promise<Tag[]> {
  try {
    return await readTags(exiftool, file, type, 'embedded')
  } catch (error) {
    if (!(error instanceof MediaError && error.reason === 'timeout')) throw error
    return readTags(exiftool, file, type, 'own')
  }
}
