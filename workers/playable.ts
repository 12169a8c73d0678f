import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { updateItem } from '../src/domain/items/item.ts'
import { WrongBytes } from '../src/domain/backup/integrity/integrity.ts'
import { keys, objects } from '../src/domain/records/keys.ts'
import { isUnprepared } from '../src/domain/preparing/bundle.ts'
import { isMoving } from '../src/domain/items/playable.ts'
import { removeIfGone, tellOwner } from '../src/domain/preparing/prepare.ts'
import { readRecord } from '../src/domain/records/read-records.ts'
import { itemSchema, type Item, type Rendition } from '../src/domain/records/records.ts'
import {
  countRun,
  hasKilledTooOften,
  isSuspect,
  markGivenUp,
  markRunEnded,
  noteFailure,
} from '../src/domain/preparing/trouble.ts'
import { withTemporaryFolder } from '../src/media/tools/temporary-folder.ts'
import type { MediaType, RenderedFile } from '../src/media/types.ts'
import type { Job, JobContext, Store } from '../src/ports.ts'
import { confirmFault, faultOf, needsPause, oneAtATime } from './attempt.ts'
import type { WorkerContext } from './context.ts'
import { putRendition } from './prepare.ts'
import { rightFile } from './right-file.ts'
import { done, isNoted, note, toPlay } from '../src/domain/records/store/outbox.ts'

type PlayableJob = Extract<Job, { kind: 'playable' }>

/** How often it is looked whether the item is still there, in milliseconds. */
const lookEvery = 3000
/** How often the sender's page hears of the progress at most, in milliseconds. */
const tellEvery = 1000

/**
 * Makes what moves of an item play in every browser: a video's `playable`, where it does not play as it is, or
 * the `motion` of a photo. The item is shared already; without this it is downloaded as well, and only not played. As with
 * `prepare`, only what the file itself causes, twice, ends the tries.
 */
export async function playable(context: WorkerContext, job: PlayableJob, run: JobContext): Promise<void> {
  const { ports } = context
  const { owner, item: id } = job
  const [item, noted] = await Promise.all([
    findItem(ports.store, owner, id),
    isNoted(ports, toPlay({ owner, id })),
  ])
  // Not prepared yet: that comes first, and asks for this again.
  if (item && isUnprepared(item)) return
  if (noted && item?.state === 'ready' && isMoving(item)) {
    const work = () => tryToConvert(context, item, run)
    const outcome = await (isSuspect(item, 'playable') ? oneAtATime(work) : work())
    if (outcome !== 'done') return note(ports, [toPlay(item)], outcome.waitMs)
  }
  await done(ports, toPlay({ owner, id }))
}

type Outcome = 'done' | { readonly waitMs: number }

async function tryToConvert(
  context: WorkerContext,
  { owner, id }: Item,
  { lastTry, signal }: JobContext,
): Promise<Outcome> {
  const { ports } = context
  const item = await updateItem(ports.store, owner, id, (found) => countRun(found, 'playable'))
  if (!item) return 'done'
  if (hasKilledTooOften(item, 'playable')) {
    ports.log.error({ item: id, format: item.type.format }, 'converting killed its process')
    await markGivenUp(ports.store, item, 'playable')
    return 'done'
  }
  const gone = new AbortController()
  const ended = new AbortController()
  const watching = watch(ports.store, item, gone, ended.signal)
  try {
    await convert(context, item, AbortSignal.any([signal, gone.signal]))
    await markRunEnded(ports.store, item, 'playable')
    return 'done'
  } catch (error) {
    if (gone.signal.aborted) return 'done'
    if (signal.aborted) {
      // We ended it ourselves: that says nothing about the file.
      await markRunEnded(ports.store, item, 'playable')
      throw error
    }
    return await fail(context, item, error, lastTry)
  } finally {
    ended.abort()
    await watching
  }
}

async function findItem(store: Store, owner: string, id: string): Promise<Item | null> {
  return readRecord(store, itemSchema, keys.item(owner, id))
}

/** Aborts `gone` when the item is removed, so that nobody converts for an hour what nobody may see. */
async function watch(store: Store, { owner, id }: Item, gone: AbortController, ended: AbortSignal) {
  while (!ended.aborted) {
    try {
      await sleep(lookEvery, undefined, { signal: ended })
      if ((await findItem(store, owner, id)) === null) return gone.abort(new Error('the item is gone'))
    } catch {
      // Ended, or a store that cannot tell: the next look will.
    }
  }
}

async function convert(context: WorkerContext, item: Item, signal: AbortSignal): Promise<void> {
  const { ports, workDirectory } = context
  const name = item.type.kind === 'video' ? 'playable' : 'motion'
  if (item.renditions[name]) return
  const rendition = await withTemporaryFolder(workDirectory, async (folder): Promise<Rendition | null> => {
    const output = path.join(folder, `${name}.mp4`)
    const file = await (name === 'playable'
      ? playableVideo(context, item, folder, output, signal)
      : playableMotion(context, item, folder, output, signal))
    signal.throwIfAborted()
    return file && putRendition(ports.bucket, objects.rendition(item.id, name), file)
  })
  if (!rendition) return
  // The album's version stays: its pages, bundles and card are the same, and the bundle is long in the making.
  const recorded = await updateItem(ports.store, item.owner, item.id, (found) => ({
    ...found,
    renditions: { ...found.renditions, [name]: rendition },
  }))
  if (!recorded) await removeIfGone(ports, item)
  else await tellOwner(ports, recorded, { converted: 1 })
}

async function playableVideo(
  { ports, slowMedia: media }: WorkerContext,
  item: Item,
  folder: string,
  output: string,
  signal: AbortSignal,
): Promise<RenderedFile | null> {
  const source = await rightFile(
    ports.bucket,
    { key: objects.original(item.id), stored: item.original },
    folder,
  )
  if (source === null) throw new Error(`the original of ${item.id} is not in the bucket`)
  let toldAt = 0
  return media.playable(source, item.type, output, {
    signal,
    onProgress: (fraction) => {
      if (Date.now() - toldAt < tellEvery) return
      toldAt = Date.now()
      void tellOwner(ports, item, { converted: Math.min(fraction, 0.99) })
    },
  })
}

/** The motion of a Live Photo or a motion photo, without personal metadata: every visitor may see it. */
async function playableMotion(
  context: WorkerContext,
  item: Item,
  folder: string,
  output: string,
  signal: AbortSignal,
): Promise<RenderedFile | null> {
  const { slowMedia: media } = context
  const motion = await motionFile(context, item, folder)
  if (!motion) return null
  const converted = await media.playable(motion.path, motion.type, output, { signal })
  if (converted) return converted
  const cleaned = await media.clean(motion.path, motion.type, 'none', output)
  if (cleaned.state === 'withheld') {
    if (cleaned.fault) confirmFault(item, 'playable', `clean/${cleaned.fault}`, cleaned.reason)
    return null
  }
  const { width, height } = await media.facts(cleaned.path, motion.type)
  return { path: cleaned.path, mime: motion.type.mime, width: width ?? 0, height: height ?? 0 }
}

async function motionFile(
  { ports, slowMedia: media }: WorkerContext,
  item: Item,
  folder: string,
): Promise<{ path: string; type: MediaType } | null> {
  if (item.motion) {
    const file = await rightFile(
      ports.bucket,
      { key: objects.motionOriginal(item.id), stored: item.motion.original },
      folder,
    )
    if (file === null) throw new Error(`the motion of ${item.id} is not in the bucket`)
    return { path: file, type: item.motion.type }
  }
  const source = await rightFile(
    ports.bucket,
    { key: objects.original(item.id), stored: item.original },
    folder,
  )
  if (source === null) throw new Error(`the original of ${item.id} is not in the bucket`)
  const file = path.join(folder, 'embedded-motion')
  const type = await media.extractMotion(source, item.type, file)
  return type && { path: file, type }
}

/** As `fail` of `prepare`: the item stays shared whatever comes of it. */
async function fail(
  { ports }: WorkerContext,
  item: Item,
  error: unknown,
  lastTry: boolean,
): Promise<Outcome> {
  const fault = faultOf(error)
  // Its length is what the file says of itself: no need to ask again.
  const isCertain = fault === 'too-long'
  const noted = await noteFailure(ports.store, item, 'playable', fault)
  if (!noted) return 'done'
  // The bytes were changed in storage. They are withheld, and the job runs again without them.
  if (error instanceof WrongBytes) throw error
  const facts = { err: error, item: item.id, format: item.type.format }
  if (noted.isConfirmed || isCertain) {
    ports.log.warn(facts, 'could not be made playable')
    await markGivenUp(ports.store, item, 'playable')
    return 'done'
  }
  if (!lastTry && !needsPause(fault)) throw error
  ports.log.warn({ ...facts, waitMs: noted.waitMs }, 'could not be made playable yet')
  return { waitMs: noted.waitMs }
}
