import { stat } from 'node:fs/promises'
import type { Exiftool } from '../tools/exiftool.ts'
import type { Finding, MediaType, MetadataPolicy } from '../types.ts'
import { type ByteSource, withBytes } from './bytes/byte-source.ts'
import { findMetadata, type Found, metadataRanges } from './find.ts'
import { walkJpeg } from './containers/jpeg.ts'
import { findNeedle, needlesFor } from './locations/needles.ts'
import { pictureDifference } from './picture.ts'
import {
  coordinatesOf,
  embeddedArguments,
  framePositions,
  searchedBytes,
  findingsOf,
  judgingArguments,
  orientationOf,
  type Tag,
  tagsOf,
} from './tags.ts'

/** What is known of a source file before its copy is made. */
export interface Original {
  readonly path: string
  readonly type: MediaType
  readonly source: ByteSource
  /** What our own walk found that the policy takes out. */
  readonly found: Found
  readonly tags: readonly Tag[]
  /** Byte strings that must not occur anywhere in the copy. */
  readonly needles: readonly Buffer[]
}

export interface Verdict {
  /** What the policy takes out and the copy still holds. */
  readonly leftovers: readonly Finding[]
  /** What the copy lacks that it must have, in plain words; null for nothing. */
  readonly damage: string | null
  readonly tags: readonly Tag[]
}

/** Reads tags for judging; embedded documents and timed metadata too where a file can hold them. */
export async function readTags(
  exiftool: Exiftool,
  path: string,
  type: MediaType,
  depth: 'own' | 'embedded',
): Promise<Tag[]> {
  const { size } = await stat(path)
  const shallow = type.format === 'jpeg' ? ['-fast'] : []
  const args = depth === 'own' ? shallow : embeddedArguments(size)
  return tagsOf(await exiftool.read(path, [...judgingArguments, ...args]))
}

/** A JPEG with nothing after its end-of-image marker: exiftool then need not search for more. */
async function depthOf(source: ByteSource, type: MediaType): Promise<'own' | 'embedded'> {
  const layout = type.format === 'jpeg' ? await walkJpeg(source) : null
  return layout && layout.end >= source.size ? 'own' : 'embedded'
}

/** Gathers what the check of any copy of this file needs. */
export async function describeOriginal(
  exiftool: Exiftool,
  path: string,
  type: MediaType,
  policy: Exclude<MetadataPolicy, 'everything'>,
  source: ByteSource,
): Promise<Original> {
  // Our walk first: it gives up on what would keep exiftool busy until its deadline.
  const found = await findMetadata(source, type.format, policy)
  const tags = await readTags(exiftool, path, type, 'own')
  const secrets = found.patches.flatMap((patch) => patch.secrets)
  return { path, type, source, found, tags, needles: needlesFor(secrets, coordinatesOf(tags)) }
}

/**
 * Judges a copy by means that do not depend on what made it: our own walk of its container, exiftool's tags with
 * embedded documents, a search of its bytes for the original's coordinates and for any ISO 6709 position, and
 * the comparison of its picture or streams with the original's.
 */
export function checkCopy(
  exiftool: Exiftool,
  original: Original,
  path: string,
  policy: Exclude<MetadataPolicy, 'everything'>,
): Promise<Verdict> {
  const { type } = original
  return withBytes(path, async (copy) => {
    const walked = await findMetadata(copy, type.format, policy)
    const leftovers = walked.patches.flatMap((patch) => patch.finding ?? [])
    const tags = await readTags(exiftool, path, type, await depthOf(copy, type))
    leftovers.push(...findingsOf(tags, policy))
    const unsearched = type.kind === 'video' && copy.size > searchedBytes ? [framePositions] : []
    const ranges = await metadataRanges(copy, type.format)
    const hit = await findNeedle(copy, ranges, [...original.needles, ...unsearched])
    if (hit) leftovers.push({ kind: 'location', where: `byte ${hit.offset}`, value: hit.what })
    if (leftovers.length > 0) return { leftovers, damage: null, tags }
    const broken = tags.find((tag) => tag.groups[0] === 'ExifTool' && tag.name === 'Error')
    const damage =
      (broken ? `the copy cannot be read: ${broken.value}` : null) ??
      keptDifference(original.tags, tags) ??
      (await pictureDifference(exiftool, type, original, { path, source: copy }))
    return { leftovers, damage, tags }
  })
}

function keptDifference(before: readonly Tag[], after: readonly Tag[]): string | null {
  if ((orientationOf(before) ?? 1) !== (orientationOf(after) ?? 1)) return 'the orientation was lost'
  const turned = (tags: readonly Tag[]) =>
    tags
      .filter((tag) => tag.groups[0] === 'QuickTime' && /^(Rotation|Mirroring)$/.test(tag.name))
      .map((tag) => tag.value)
      .join()
  if (turned(before) !== turned(after)) return 'the orientation was lost'
  const profile = (tags: readonly Tag[]) =>
    tags
      .filter((tag) => tag.groups[0] === 'ICC_Profile')
      .map((tag) => `${tag.name}=${tag.value}`)
      .join('\n')
  return profile(before) === profile(after) ? null : 'the colour profile was lost'
}
