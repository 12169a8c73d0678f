import path from 'node:path'
import { updateAlbum } from '../src/domain/albums/album.ts'
import { recordMade, settledAlbum } from '../src/domain/preparing/bundle.ts'
import { isShown } from '../src/domain/items/recipient-copies.ts'
import { objects } from '../src/domain/records/keys.ts'
import type { Item } from '../src/domain/records/records.ts'
import { doneAfter } from '../src/domain/records/store/outbox.ts'
import { maxCardPictures } from '../src/media/types.ts'
import { withTemporaryFolder } from '../src/media/tools/temporary-folder.ts'
import type { Job } from '../src/ports.ts'
import type { WorkerContext } from './context.ts'
import { rightFile } from './right-file.ts'
import { removeOutdated } from './remove-outdated.ts'

/**
 * Makes the picture that messengers show of an album's link, of a few of its items. As with bundles: not while
 * items are still to be prepared, and for one version of the album.
 */
export async function card(
  context: Pick<WorkerContext, 'ports' | 'media' | 'workDirectory'>,
  job: Extract<Job, { kind: 'card' }>,
): Promise<void> {
  await doneAfter(context.ports, job, () => makeCard(context, job))
}

async function makeCard(
  { ports, media, workDirectory }: Pick<WorkerContext, 'ports' | 'media' | 'workDirectory'>,
  { owner, album: id }: Extract<Job, { kind: 'card' }>,
): Promise<void> {
  const state = await settledAlbum(ports, owner, id)
  if (!state || state.album.card?.version === state.album.version) return
  const { album } = state
  const chosen = choose(
    state.items.filter((item) => isShown(item) && item.renditions.preview),
    album.cover,
  )
  if (chosen.length === 0) {
    await updateAlbum(ports.store, owner, id, (found) => ({ ...found, card: null }))
  } else {
    const key = objects.card(id, album.version)
    const stored = await withTemporaryFolder(workDirectory, async (folder) => {
      const pictures: string[] = []
      for (const item of chosen) {
        const key = objects.rendition(item.id, 'preview')
        const { preview: stored } = item.renditions
        const file = stored ? await rightFile(ports.bucket, { key, stored }, folder) : null
        if (file === null) throw new Error(`the preview of ${item.id} is not in the bucket`)
        pictures.push(file)
      }
      const output = path.join(folder, 'card.jpg')
      await media.card(pictures, output)
      return ports.bucket.putFile(key, output, { mime: 'image/jpeg' })
    })
    // The album changed meanwhile: what changed it has asked for a new card.
    if (!(await recordMade(ports.store, album, 'card', stored))) return ports.bucket.removeAll(key)
  }
  await removeOutdated(ports.bucket, album, 'card')
}

/** The cover first, then items from all over the album. */
function choose(items: readonly Item[], cover: string | null): Item[] {
  const first = items.find(({ id }) => id === cover)
  const rest = items.filter((item) => item !== first)
  const room = maxCardPictures - (first ? 1 : 0)
  const step = Math.max(rest.length / room, 1)
  const spread = Array.from(
    { length: Math.min(room, rest.length) },
    (_, index) => rest[Math.floor(index * step)],
  )
  return [first, ...spread].filter((item) => item !== undefined)
}
