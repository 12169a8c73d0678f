import {
  enqueueBundles,
  bundledFiles,
  missingBundles,
  recordMade,
  settledAlbum,
  type AlbumState,
} from '../src/domain/preparing/bundle.ts'
import { WrongBytes } from '../src/domain/backup/integrity/integrity.ts'
import { keys, objects } from '../src/domain/records/keys.ts'
import { readRecord } from '../src/domain/records/read-records.ts'
import { albumSchema } from '../src/domain/records/records.ts'
import { doneAfter } from '../src/domain/records/store/outbox.ts'
import { uniqueNames } from '../src/media/names/names.ts'
import { dateInZip, shownName } from '../src/domain/items/shown-text.ts'
import type { MetadataPolicy } from '../src/media/types.ts'
import { writeBundle, type BundleEntry } from '../src/media/rendering/write-bundle.ts'
import type { Bucket, Job, JobContext } from '../src/ports.ts'
import type { WorkerContext } from './context.ts'
import { removeOutdated } from './remove-outdated.ts'

/** A larger album has no bundle, which would take its room a second time: it is streamed when it is asked for. */
const maxBundleBytes = 20 * 1024 ** 3

/**
 * Makes the bundles of an album: a ZIP for each policy that one of its links has, where they are wanted. Makes none while items are
 * still to be prepared: the last of them queues the job again. Queues itself again if the album changed meanwhile.
 */
export async function bundle(
  { ports, makesBundles }: Pick<WorkerContext, 'ports' | 'makesBundles'>,
  job: Extract<Job, { kind: 'bundle' }>,
  { signal }: Pick<JobContext, 'signal'>,
): Promise<void> {
  await doneAfter(ports, job, () =>
    makesBundles ? makeBundles(ports, job, signal) : removeBundles(ports, job),
  )
}

/** Nobody can be given them any more: those of an earlier setting go with the album's next change. */
async function removeBundles(
  { store, bucket }: WorkerContext['ports'],
  { owner, album: id }: Extract<Job, { kind: 'bundle' }>,
): Promise<void> {
  const album = await readRecord(store, albumSchema, keys.album(owner, id))
  if (album) await removeOutdated(bucket, album, 'bundle')
}

async function makeBundles(
  ports: WorkerContext['ports'],
  { owner, album: id }: Extract<Job, { kind: 'bundle' }>,
  signal: AbortSignal,
): Promise<void> {
  const state = await settledAlbum(ports, owner, id)
  if (!state) return
  const { album } = state
  for (const policy of missingBundles(state)) {
    const entries = entriesOf(ports.bucket, state, policy)
    const bytes = entries.reduce((sum, { size }) => sum + size, 0)
    // One file is downloaded as it is.
    if (entries.length < 2 || bytes > maxBundleBytes) continue
    const key = objects.bundle(id, policy, album.version)
    const stored = await ports.bucket.put(key, writeBundle(entries), { mime: 'application/zip', signal })
    if (await recordMade(ports.store, album, policy, stored)) continue
    await ports.bucket.removeAll(key)
    await enqueueBundles(ports, owner, [id])
    return
  }
  await removeOutdated(ports.bucket, album, 'bundle')
}

function entriesOf(bucket: Bucket, state: AlbumState, policy: MetadataPolicy): BundleEntry[] {
  const files = bundledFiles(state, policy)
  const names = uniqueNames(files.map((file) => shownName(file, file.name, policy)))
  return files.map(({ key, size, crc32, sha256, facts }, index) => ({
    name: names[index] ?? `file-${index + 1}`,
    size,
    crc32,
    changed: new WrongBytes({ key, stored: { size, crc32, sha256 } }),
    takenAt: dateInZip(facts?.capturedAt?.local ?? null, policy),
    open: () => bucket.open(key),
  }))
}
