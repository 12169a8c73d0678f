import { findPair, joinPair, objectsToCopy, type Pair } from '../src/domain/live-photo.ts'
import { askForPlayable, expectPlayable } from '../src/domain/playable.ts'
import { isPrepared, removeIfGone, tellOwner } from '../src/domain/prepare.ts'
import type { Item } from '../src/domain/records.ts'
import type { Bucket } from '../src/ports.ts'
import type { WorkerContext } from './context.ts'

/**
 * Makes one item of a Live Photo's two files, once both are prepared. What it copies is small: a video of seconds.
 * Answers the joined item, or null when there is none.
 */
export async function joinLivePhoto(
  { ports }: Pick<WorkerContext, 'ports'>,
  item: Item,
): Promise<Item | null> {
  const pair = await findPair(ports, item)
  if (!pair) return null
  const joined = await copyAndJoin(ports, pair).finally(() => removeIfGone(ports, pair.still))
  if (!joined) return null
  await tellOwner(ports, joined)
  await askForPlayable(ports, joined)
  // The album has changed once more, and the video's own job cannot tell which it was any longer.
  await isPrepared(ports, joined.owner, joined.id)
  return joined
}

async function copyAndJoin(ports: WorkerContext['ports'], pair: Pair): Promise<Item | null> {
  for (const { from, to, size } of objectsToCopy(pair))
    // Gone: the other half's job was quicker.
    if (!(await copy(ports.bucket, from, to, { size, mime: pair.video.type.mime }))) return null
  await expectPlayable(ports, pair.still)
  return joinPair(ports, pair)
}

async function copy(
  bucket: Bucket,
  from: string,
  to: string,
  options: { size: number; mime: string },
): Promise<boolean> {
  const opened = await bucket.open(from)
  if (!opened) return false
  await bucket.put(to, opened.body, options)
  return true
}
