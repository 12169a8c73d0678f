import path from 'node:path'
import { killerText, mediaErrorText } from '../src/domain/items/failure.ts'
import { keys, objects } from '../src/domain/records/keys.ts'
import { WrongBytes, type Recorded } from '../src/domain/backup/integrity/integrity.ts'
import { isMoving } from '../src/domain/items/playable.ts'
import {
  beginPreparing,
  markPrepared,
  markWaiting,
  prepareSlowly,
  recordPrepared,
  removeIfGone,
  wantedCopies,
} from '../src/domain/preparing/prepare.ts'
import { readRecord } from '../src/domain/records/read-records.ts'
import {
  itemSchema,
  type Copy,
  type CopyPolicy,
  type Item,
  type Rendition,
} from '../src/domain/records/records.ts'
import {
  hasKilledTooOften,
  isSuspect,
  isSlow,
  markRunEnded,
  noteFailure,
  withoutTrouble,
} from '../src/domain/preparing/trouble.ts'
import { withTemporaryFolder } from '../src/media/tools/temporary-folder.ts'
import { OutOfTime, withTimeBudget } from '../src/media/tools/time-budget.ts'
import {
  fileFaultOf,
  MediaError,
  type Cleaned,
  type Facts,
  type MediaTools,
  type MediaType,
  type Rendered,
} from '../src/media/types.ts'
import type { Bucket, Job, JobContext } from '../src/ports.ts'
import { confirmFault, faultOf, needsPause, oneAtATime } from './attempt.ts'
import type { WorkerContext } from './context.ts'
import { joinLivePhoto } from './live-photo.ts'
import { rightFile } from './right-file.ts'
import { enqueue, note, toPlay } from '../src/domain/records/store/outbox.ts'

type PrepareJob = Extract<Job, { kind: 'prepare' | 'prepare-slow' }>

/** What visitors see of an item: renditions and facts. */
type Look = Pick<Item, 'facts' | 'place' | 'thumbhash' | 'color' | 'damaged' | 'renditions'>

/** What one run of the job has made. */
interface Made {
  readonly look: Look | null
  readonly copies: Item['copies']
  readonly motionCopies: Item['copies']
}

/** How one kind of job prepares: by which tools, and how long they may take for `bytes`. */
interface Lane {
  readonly media: MediaTools
  readonly allowedMs: ((bytes: number) => number) | null
}

/** What a large file has more, as the deadlines of the tools that read it whole: 16 MiB a second. */
const bytesPerMs = (16 * 1024 * 1024) / 1_000

/**
 * Makes of an uploaded file what visitors see and download: facts, renditions, and its checked copies. What is
 * recorded is not made again, so that it may run twice or be cut short anywhere. A file that cannot be opened, twice, ends
 * as `failed` with a reason; where anything else fails it is tried again, at once and then later. What takes
 * long is left to `prepareSlow`: a stranger's photo must not wait for it.
 */
export async function prepare(
  context: WorkerContext,
  job: PrepareJob,
  run: Pick<JobContext, 'lastTry'>,
): Promise<void> {
  const item = await readRecord(context.ports.store, itemSchema, keys.item(job.owner, job.item))
  if (item && isSlow(item, 'prepare')) return prepareSlowly(context.ports, item)
  const lane = {
    media: context.media,
    allowedMs: (bytes: number) => context.quickMs + bytes / bytesPerMs,
  }
  await runInLane(context, lane, item, job, run)
}

/** Prepares an item that takes long, in the time that each tool has for it. */
export async function prepareSlow(
  context: WorkerContext,
  job: PrepareJob,
  run: Pick<JobContext, 'lastTry'>,
): Promise<void> {
  const item = await readRecord(context.ports.store, itemSchema, keys.item(job.owner, job.item))
  await runInLane(context, { media: context.slowMedia, allowedMs: null }, item, job, run)
}

async function runInLane(
  context: WorkerContext,
  lane: Lane,
  item: Item | null,
  job: PrepareJob,
  run: Pick<JobContext, 'lastTry'>,
): Promise<void> {
  const work = () => runPrepare(context, lane, job, run)
  await (item && isSuspect(item, 'prepare') ? oneAtATime(work) : work())
}

async function runPrepare(
  context: WorkerContext,
  lane: Lane,
  { owner, item: id }: PrepareJob,
  { lastTry }: Pick<JobContext, 'lastTry'>,
): Promise<void> {
  const { ports } = context
  const item = await beginPreparing(ports, owner, id)
  const outcome = item ? await tryToPrepare(context, lane, item, lastTry) : 'done'
  await removeIfGone(ports, { owner, id })
  if (outcome === 'slow') await prepareSlowly(ports, { owner, id })
  else if (outcome === 'done') await markPrepared(ports, owner, id)
  else await markWaiting(ports, { owner, id }, outcome.waitMs)
}

type Outcome = 'done' | 'slow' | { readonly waitMs: number }

async function tryToPrepare(
  context: WorkerContext,
  lane: Lane,
  item: Item,
  lastTry: boolean,
): Promise<Outcome> {
  if (hasKilledTooOften(item, 'prepare')) {
    context.ports.log.error({ item: item.id, format: item.type.format }, 'preparing killed its process')
    await giveUp(context, item, killerText)
    return 'done'
  }
  try {
    const prepared = await prepareItem(context, lane, item)
    const joined = prepared && (await joinLivePhoto(context, prepared))
    // Its video may lack a copy that a new link asked for while the two were joined.
    const last = joined ? await prepareItem(context, lane, joined) : prepared
    if (last?.troubles.prepare) await markRunEnded(context.ports.store, item, 'prepare')
    return 'done'
  } catch (error) {
    if (error instanceof OutOfTime) return 'slow'
    return fail(context, item, error, lastTry)
  }
}

/** Makes what is missing and records it in one step. Returns the record, or null if the item is gone. */
async function prepareItem(context: WorkerContext, lane: Lane, item: Item): Promise<Item | null> {
  const { ports } = context
  const wanted = await wantedCopies(ports, item)
  const missing = wanted.filter((policy) => item.copies[policy] === undefined)
  const { motion } = item
  const missingOfMotion = motion ? wanted.filter((policy) => motion.copies[policy] === undefined) : []
  const needsLook = item.state !== 'ready'
  if (!needsLook && missing.length === 0 && missingOfMotion.length === 0) return item

  const make = () =>
    withTemporaryFolder(context.workDirectory, async (folder): Promise<Made> => {
      const original = await fetch(
        ports.bucket,
        { key: objects.original(item.id), stored: item.original },
        folder,
      )
      const [look, copies] = await allDone([
        needsLook ? takeLook(context, lane, item, original, folder) : null,
        makeCopies(context, lane, item, original, item.type, folder, missing, (policy) =>
          objects.copy(item.id, policy),
        ),
      ])
      if (!motion || missingOfMotion.length === 0) return { look, copies, motionCopies: {} }
      const file = await fetch(
        ports.bucket,
        { key: objects.motionOriginal(item.id), stored: motion.original },
        folder,
      )
      const key = (policy: CopyPolicy) => objects.motionCopy(item.id, policy)
      const motionCopies = await makeCopies(
        context,
        lane,
        item,
        file,
        motion.type,
        folder,
        missingOfMotion,
        key,
      )
      return { look, copies, motionCopies }
    })
  const bytes = item.original.size + (motion?.original.size ?? 0)
  const made = await (lane.allowedMs ? withTimeBudget(lane.allowedMs(bytes), make) : make())

  const moves = isMoving({ ...item, ...made.look })
  if (needsLook && moves) await note(ports, [toPlay(item)])
  const recorded = await recordPrepared(ports, item.owner, item.id, (found) => ({
    ...withoutTrouble(found, 'prepare'),
    ...made.look,
    state: 'ready',
    reason: null,
    renditions: { ...found.renditions, ...made.look?.renditions },
    copies: { ...found.copies, ...made.copies },
    motion: found.motion && {
      ...found.motion,
      copies: { ...found.motion.copies, ...made.motionCopies },
    },
  }))
  if (!recorded) return null
  if (needsLook && moves) await enqueue(ports, [toPlay(item)])
  // A link that asks for a further copy may have come meanwhile.
  return prepareItem(context, lane, recorded)
}

async function fetch(bucket: Bucket, object: Recorded, folder: string): Promise<string> {
  const file = await rightFile(bucket, object, folder)
  if (file === null) throw new Error(`${object.key} is not in the bucket`)
  return file
}

/** Reads facts and makes renditions. A file that no program here can show is shared all the same, without them. */
async function takeLook(
  { ports, findPlace }: WorkerContext,
  { media }: Lane,
  item: Item,
  original: string,
  folder: string,
): Promise<Look> {
  const [facts, rendered] = await allDone([
    orMediaError<Facts>(media.facts(original, item.type)),
    orMediaError<Rendered>(media.render(original, item.type, folder)),
  ])
  if (rendered instanceof MediaError) {
    if (rendered.reason !== 'unsupported') throw rendered
    if (facts instanceof MediaError) throw facts
    ports.log.info({ item: item.id, format: item.type.format, reason: rendered.message }, 'cannot be shown')
    return {
      facts,
      place: placeOf(facts, findPlace),
      thumbhash: null,
      color: null,
      damaged: false,
      renditions: {},
    }
  }
  // A picture without facts is better than none, where it is the file that has none to tell.
  if (facts instanceof MediaError) {
    const fault = fileFaultOf(facts)
    if (fault === null) throw facts
    confirmFault(item, 'prepare', `facts/${fault}`, facts)
  }
  const put = (name: 'small' | 'thumb' | 'preview') =>
    putRendition(ports.bucket, objects.rendition(item.id, name), rendered[name])
  const [[small, thumb], preview] = await allDone([allDone([put('small'), put('thumb')]), put('preview')])
  const { thumbhash, color, damaged } = rendered
  const known = facts instanceof MediaError ? null : facts
  return {
    facts: known,
    place: placeOf(known, findPlace),
    thumbhash,
    color,
    damaged: damaged || facts instanceof MediaError,
    renditions: { small, thumb, preview },
  }
}

const placeOf = (facts: Facts | null, findPlace: WorkerContext['findPlace']): Item['place'] =>
  facts?.coordinates ? findPlace(facts.coordinates.latitude, facts.coordinates.longitude) : null

export async function putRendition(
  bucket: Bucket,
  key: string,
  { path: file, mime, width, height }: Rendered['thumb'],
): Promise<Rendition> {
  const stored = await bucket.putFile(key, file, { mime })
  return { ...stored, mime, width, height }
}

/** Makes the copies that are missing, one after the other: each may keep a processor busy. */
async function makeCopies(
  { ports }: WorkerContext,
  { media }: Lane,
  item: Item,
  source: string,
  type: MediaType,
  folder: string,
  policies: readonly CopyPolicy[],
  keyOf: (policy: CopyPolicy) => string,
): Promise<Item['copies']> {
  const copies: { [K in CopyPolicy]?: Copy } = {}
  for (const policy of policies) {
    const key = keyOf(policy)
    const output = path.join(folder, `${path.basename(key)}.${type.extension}`)
    const cleaned = await media.clean(source, type, policy, output)
    if (cleaned.state === 'withheld' && cleaned.fault)
      confirmFault(item, 'prepare', `${path.basename(key)}/${cleaned.fault}`, cleaned.reason)
    copies[policy] = await store(ports.bucket, key, type, cleaned)
  }
  return copies
}

async function store(bucket: Bucket, key: string, type: MediaType, cleaned: Cleaned): Promise<Copy> {
  if (cleaned.state === 'withheld') return { state: 'withheld', reason: cleaned.reason }
  const stored = await bucket.putFile(key, cleaned.path, { mime: type.mime })
  return { state: 'clean', lost: [...cleaned.lost], ...stored }
}

/** Waits for both, also when one fails: nothing may still read the folder when it is removed. */
async function allDone<A, B>(work: [A | Promise<A>, B | Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

async function orMediaError<T>(work: Promise<T>): Promise<T | MediaError> {
  try {
    return await work
  } catch (error) {
    if (error instanceof MediaError) return error
    throw error
  }
}

/**
 * Records the failure where the file is at fault and was found so before; throws where another try at once may help;
 * else returns how long to wait for the next try.
 */
async function fail(context: WorkerContext, item: Item, error: unknown, lastTry: boolean): Promise<Outcome> {
  const { ports } = context
  const fault = faultOf(error)
  const noted = await noteFailure(ports.store, item, 'prepare', fault)
  if (!noted) return 'done'
  // The bytes were changed in storage. They are withheld, and the job runs again without them.
  if (error instanceof WrongBytes) throw error
  const facts = { err: error, item: item.id, format: item.type.format }
  if (noted.isConfirmed) {
    ports.log.warn(facts, 'could not be prepared')
    await giveUp(context, item, error instanceof MediaError ? mediaErrorText[error.reason] : killerText)
    return 'done'
  }
  if (!lastTry && !needsPause(fault)) throw error
  ports.log.warn({ ...facts, waitMs: noted.waitMs }, 'could not be prepared yet')
  return { waitMs: noted.waitMs }
}

/** Ends the tries. What visitors see already stays so; the copies that it still lacks are withheld from them. */
async function giveUp({ ports }: WorkerContext, item: Item, reason: string): Promise<void> {
  const wanted = await wantedCopies(ports, item)
  const withhold = (copies: Item['copies']): Item['copies'] => {
    const missing = wanted.filter((policy) => copies[policy] === undefined)
    return {
      ...copies,
      ...Object.fromEntries(missing.map((policy) => [policy, { state: 'withheld', reason }])),
    }
  }
  await recordPrepared(ports, item.owner, item.id, (found) => {
    const ended = withoutTrouble(found, 'prepare')
    if (found.state !== 'ready') return { ...ended, state: 'failed', reason }
    const { motion } = found
    return {
      ...ended,
      copies: withhold(found.copies),
      motion: motion && { ...motion, copies: withhold(motion.copies) },
    }
  })
}
