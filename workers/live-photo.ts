import { findPair, joinPair, objectsToCopy, type Pair } from '../src/domain/preparing/live-photo.ts'
import { markPrepared, removeIfGone, tellOwner } from '../src/domain/preparing/prepare.ts'
import { WrongBytes } from '../src/domain/backup/integrity/integrity.ts'
import type { Item, StoredObject } from '../src/domain/records/records.ts'
import type { Bucket } from '../src/ports.ts'
import type { WorkerContext } from './context.ts'
import { enqueue, note, toPlay } from '../src/domain/records/store/outbox.ts'

/**
 * Makes one item of a Live Photo's two files, once both are prepared. What it copies is small: a video of seconds.
 * Returns the joined item, or null when there is none.
 */
export async function joinLivePhoto(
  { ports }: Pick<WorkerContext, 'ports'>,
  item: Item,
): Promise<Item | null> {
  const pair = await findPair(ports, item)
  if (!pair || pair.video.original.isWrong) return null
  const joined = await copyAndJoin(ports, pair).finally(() => removeIfGone(ports, pair.still))
  if (!joined) return null
  await tellOwner(ports, joined)
  await enqueue(ports, [toPlay(joined)])
  // The album has changed once more, and the video's own job cannot tell which it was any longer.
  await markPrepared(ports, joined.owner, joined.id)
  return joined
}

async function copyAndJoin(ports: WorkerContext['ports'], pair: Pair): Promise<Item | null> {
  for (const { from, to, stored } of objectsToCopy(pair))
    // Gone: the other half's job was quicker.
    if (!(await copy(ports.bucket, from, to, { stored, mime: pair.video.type.mime }))) return null
  await note(ports, [toPlay(pair.still)])
  return joinPair(ports, pair)
}

async function copy(
  bucket: Bucket,
  from: string,
  to: string,
  options: { stored: StoredObject; mime: string },
): Promise<boolean> {
  const opened = await bucket.open(from)
  if (!opened) return false
  const { sha256 } = await bucket.put(to, opened.body, { mime: options.mime, size: options.stored.size })
  if (sha256 === options.stored.sha256) return true
  await bucket.removeAll(to)
  throw new WrongBytes({ key: from, stored: options.stored })
}
