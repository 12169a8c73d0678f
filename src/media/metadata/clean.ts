import { constants } from 'node:fs'
import { copyFile, rename, rm, truncate } from 'node:fs/promises'
import type { Exiftool } from '../tools/exiftool.ts'
import {
  type Cleaned,
  type FileFault,
  fileFaultOf,
  type MediaType,
  type MetadataPolicy,
  rawFormats,
} from '../types.ts'
import { withBytes } from './bytes/byte-source.ts'
import { checkCopy, describeOriginal, type Original, readTags, type Verdict } from './check.ts'
import {
  dateArguments,
  datedArguments,
  everyPlaceArguments,
  everythingArguments,
  groupArguments,
  placesArguments,
} from './exif-arguments.ts'
import { writeFileBy } from './bytes/file-writer.ts'
import { webpLength } from './containers/riff.ts'
import { ownLength } from './iso-bmff/iso-bmff.ts'
import { findMetadata, type Found, isMovie } from './find.ts'
import { filterJxl } from './containers/jxl.ts'
import { lostBetween } from './lost.ts'
import { applyPatches } from './bytes/patch.ts'
import { filterPng } from './containers/png.ts'
import { fileDeadline } from './stream-hash.ts'
import { keptOf } from './tags.ts'
import { copyTransportStream, hasTimecodes } from './containers/transport-stream.ts'

type CleaningPolicy = Exclude<MetadataPolicy, 'everything'>

/** One way to make a copy; it may go on from what the step before it left at `output`. Returns what is lost. */
type Step = (context: Context) => Promise<readonly string[]>

interface Context {
  readonly exiftool: Exiftool
  readonly original: Original
  readonly policy: CleaningPolicy
  readonly output: string
  /** What the check of the step before found; null before the first. */
  readonly verdict: Verdict | null
}

/**
 * Makes the copy of `path` under `policy` at `output` and checks it. Each step is tried, the gentlest first, until a
 * copy passes; what passes none is withheld, with `fault` where an error kept one from being made. Never throws for a bad
 * file; throws where the machine or a tool failed.
 */
export async function cleanFile(
  exiftool: Exiftool,
  path: string,
  type: MediaType,
  policy: CleaningPolicy,
  output: string,
): Promise<Cleaned> {
  if (policy === 'none' && rawFormats.has(type.format)) {
    return {
      state: 'withheld',
      reason: 'Raw files keep the camera’s serial number, which cannot be taken out.',
    }
  }
  try {
    return await withBytes(path, async (source) => {
      const original = await describeOriginal(exiftool, path, type, policy, source)
      return tryEach(stepsFor(type, policy), { exiftool, original, policy, output })
    })
  } catch (error) {
    await rm(output, { force: true })
    return { state: 'withheld', ...reasonForError(error) }
  }
}

async function tryEach(steps: readonly Step[], task: Omit<Context, 'verdict'>): Promise<Cleaned> {
  const { exiftool, original, policy, output } = task
  let reason: string | null = null
  let fault: FileFault | null = null
  let verdict: Verdict | null = null
  for (const step of steps) {
    try {
      const lost = await step({ ...task, verdict })
      verdict = await checkCopy(exiftool, original, output, policy)
      if (verdict.leftovers.length === 0 && verdict.damage === null) {
        const missing = lostBetween(original.tags, verdict.tags, policy)
        return { state: 'clean', path: output, lost: [...new Set([...lost, ...missing])] }
      }
      reason = reasonFor(verdict)
    } catch (error) {
      // What a step cannot do, the next may; what the machine cannot do, none can: then this throws.
      const failed = reasonForError(error)
      fault ??= failed.fault
      // What the check of an earlier step said tells more than that exiftool cannot write the format.
      reason ??= failed.reason
    }
  }
  await rm(output, { force: true })
  return {
    state: 'withheld',
    reason: reason ?? 'Its metadata could not be taken out.',
    ...(fault === null ? {} : { fault }),
  }
}

function stepsFor(type: MediaType, policy: CleaningPolicy): Step[] {
  const { format } = type
  if (format === 'png') return policy === 'none' ? [pngStep(false)] : [pngStep(true), pngStep(false)]
  if (format === 'jxl') return policy === 'none' ? [jxlStep(true)] : [jxlStep(false), jxlStep(true)]
  if (format === 'mts') return policy === 'none' ? [bareStreams] : [plainCopy, filmStreams, bareStreams]
  if (isMovie(format)) return [patchStep, exiftoolStep(placesArguments)]
  if (type.kind === 'video') return [patchStep]
  if (policy === 'none') return [everythingStep]
  const gentle = [patchStep, exiftoolStep(placesArguments), exiftoolStep(everyPlaceArguments), groupsStep]
  return rawFormats.has(format) ? gentle : [...gentle, everythingStep]
}

async function startOver({ original, output }: Context): Promise<void> {
  // On file systems that can share blocks (Btrfs, XFS) the copy costs nothing until it is changed.
  await copyFile(original.path, output, constants.COPYFILE_FICLONE)
}

const plainCopy: Step = async (context) => {
  await startOver(context)
  return []
}

const patchStep: Step = async (context) => {
  await startOver(context)
  const { type } = context.original
  const { patches } = await withBytes(context.output, (source) =>
    findMetadata(source, type.format, context.policy),
  )
  await applyPatches(context.output, patches)
  return lostBy(context.original.found)
}

/** What goes with the places that a person might miss, by where our walk found it. */
const missed: readonly (readonly [where: RegExp, words: string])[] = [
  [/^track \d+ \((tx3g|text|c608|stpp|mett|metx)\)/, 'a text track that told of the place'],
  [/^track at /, 'a track that is neither film nor sound'],
  [/^attachment/, 'attachments'],
  [/^content credentials/, 'its content credentials'],
  [/^original raw file/, 'the raw file inside it'],
  [/^(segment|trailer|element|block (?!MCC_Data))/, 'parts of an unknown kind'],
]

const lostBy = ({ patches }: Found): string[] =>
  missed
    .filter(([where]) => patches.some(({ finding }) => where.test(finding?.where ?? '')))
    .map(([, words]) => words)

function exiftoolStep(argumentsFor: (format: MediaType['format']) => string[]): Step {
  return async ({ exiftool, original, output }) => {
    await exiftool.write(output, argumentsFor(original.type.format))
    return []
  }
}

/** Deletes the whole group of each tag that is left. */
const groupsStep: Step = async ({ exiftool, original, output, verdict }) => {
  const groups = (verdict?.leftovers ?? []).flatMap((finding) => {
    const [top = '', second = ''] = finding.where.split(':')
    if (top === 'MakerNotes') return ['MakerNotes']
    return top === 'XMP' || top === 'EXIF' ? [second] : [top, second]
  })
  await exiftool.write(output, [
    ...groupArguments(groups),
    ...placesArguments(original.type.format).slice(2),
    ...dateArguments(missingDate(original)),
  ])
  return ['what stood beside its location']
}

const everythingStep: Step = async (context) => {
  await startOver(context)
  const { original, exiftool, output, policy } = context
  const { format } = original.type
  // exiftool gives up at what stands behind the picture's own end.
  if (format === 'webp') await truncate(output, await webpLength(original.source))
  if (format === 'heic' && policy === 'none') await truncate(output, await ownLength(original.source))
  await exiftool.write(
    output,
    policy === 'none' ? everythingArguments(format) : datedArguments(format, missingDate(original)),
  )
  // What exiftool does not open (the MP4 of a motion photo) is for our own walk.
  const { patches } = await withBytes(output, (source) => findMetadata(source, format, policy))
  await applyPatches(output, patches)
  return policy === 'none' ? [] : ['all of its other metadata']
}

/** The capture date where Exif does not hold it: it would go with the group that does. */
function missingDate(original: Original): string | null {
  const inExif = original.tags.some((tag) => tag.name === 'DateTimeOriginal' && tag.groups[0] === 'EXIF')
  return inExif ? null : keptOf(original.tags, 'no-location').capturedAt
}

function pngStep(keepTexts: boolean): Step {
  return async ({ original, output, policy }) => {
    const filter = { keepTexts, kept: keptOf(original.tags, policy) }
    await writeFileBy(output, (writer) => filterPng(original.source, writer, filter))
    return keepTexts || policy === 'none' ? [] : ['its texts and camera details']
  }
}

function jxlStep(bare: boolean): Step {
  return async ({ exiftool, original, output, policy }) => {
    // exiftool cannot unpack Brotli boxes: what must stay is read from an unpacked form.
    const unpacked = `${output}.unpacked`
    try {
      await writeFileBy(unpacked, async (writer) => {
        await filterJxl(original.source, writer, { keep: 'unpacked' })
      })
      const kept = keptOf(await readTags(exiftool, unpacked, original.type, 'own'), policy)
      const filter = bare ? ({ keep: 'bare', kept } as const) : ({ keep: 'without location' } as const)
      let lost: string[] = []
      await withBytes(unpacked, (source) =>
        writeFileBy(output, async (writer) => {
          lost = await filterJxl(source, writer, filter)
        }),
      )
      return bare && policy !== 'none' ? [...lost, 'its camera details'] : lost
    } finally {
      await rm(unpacked, { force: true })
    }
  }
}

const filmStreams: Step = async (context) => {
  await copyStreams(context, true)
  return ['streams that are neither film nor sound']
}

const bareStreams: Step = async (context) => {
  await copyStreams(context, false)
  return ['closed captions', 'the camera’s notes in the stream']
}

async function copyStreams({ original, output }: Context, messages: boolean): Promise<void> {
  const timecodes = await hasTimecodes(original.source)
  const partial = `${output}.partial`
  try {
    await copyTransportStream(original.path, partial, {
      timecodes,
      messages,
      deadlineMs: fileDeadline(original.source.size),
    })
    await rename(partial, output)
  } finally {
    await rm(partial, { force: true })
  }
}

function reasonFor(verdict: Verdict): string {
  const [first] = verdict.leftovers
  if (!first) return `The copy did not pass its check: ${verdict.damage ?? 'unknown'}.`
  const what = first.kind === 'location' ? 'Its location' : 'Its personal data'
  return `${what} could not be taken out (${first.where}).`
}

/** What an error says against the file, in words for its sender. Throws it where it says nothing against the file. */
function reasonForError(error: unknown): { readonly reason: string; readonly fault: FileFault } {
  // Our own walks leave the file's bounds where its structure is broken.
  const isBroken = error instanceof RangeError && !/allocation/i.test(error.message)
  const fault = isBroken ? 'damaged' : fileFaultOf(error)
  if (fault === null) throw error
  if (fault === 'timeout') return { reason: 'Cleaning it took too long.', fault }
  return {
    reason: 'The file is damaged or of an unusual kind, so its metadata could not be taken out safely.',
    fault,
  }
}
