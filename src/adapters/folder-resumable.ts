import { once } from 'node:events'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { BucketUnavailable } from '../ports.ts'
import type { Growing, ResumableBucket } from '../ports.ts'
import { checkKey } from './bucket-key.ts'
import { diskError, moveFile, openNew, orWhenAbsent, removeEmpty } from './folder-files.ts'
import { unfinishedFileName, unfinishedName } from './folder-files.ts'

/** What a body may hold in memory while the disk is slow. */
const writeBytes = 512 * 1024
/** So often what was written is put on disk for good: no more than twice that is sent again after a crash. */
const syncBytes = 32 * 1024 * 1024

/** Resumable writing for `folderBucket` of the same `root`: an unfinished file that grows, and is moved in at the end. */
export function folderResumable(root: string): ResumableBucket {
  const folder = resolve(root)
  const unfinished = join(folder, unfinishedName)

  const pathOf = ({ key, state }: Growing): string => {
    checkKey(key)
    if (!/^\d+-[0-9a-f]+$/.test(state)) throw new TypeError('That is no unfinished file')
    return join(unfinished, key, state)
  }

  return {
    async *append(growing, body) {
      const known = growing.state === '' ? { ...growing, state: unfinishedFileName() } : growing
      const file = growing.state === '' ? await openNew(pathOf(known)) : await reopen(pathOf(known), known)
      try {
        yield* write(file, known, body)
      } finally {
        await file.close()
      }
    },

    async complete(growing) {
      const from = pathOf(growing)
      const to = join(folder, growing.key)
      try {
        const facts = await orWhenAbsent(stat(from), null)
        if (facts === null) {
          const object = await orWhenAbsent(stat(to), null)
          if (object?.size !== growing.size) throw lost(growing)
          return
        }
        if (facts.size !== growing.size) throw lost(growing)
        await moveFile(from, to, true)
        await removeEmpty(dirname(from), unfinished)
      } catch (error) {
        throw diskError(error)
      }
    },

    close: () => Promise.resolve(),
  }
}

const lost = ({ key }: Growing) =>
  new BucketUnavailable(`The unfinished file of ${key} is not as it was left`)

/** Opens an unfinished file; what was written past what is known to be durable goes. */
async function reopen(path: string, growing: Growing): Promise<FileHandle> {
  let file: FileHandle | null = null
  try {
    file = await open(path, 'r+')
    const { size } = await file.stat()
    if (size < growing.offset) throw lost(growing)
    await file.truncate(growing.offset)
    return file
  } catch (error) {
    await file?.close()
    throw diskError(error)
  }
}

async function* write(
  file: FileHandle,
  growing: Growing,
  body: AsyncIterable<Buffer>,
): AsyncGenerator<Growing> {
  const { offset } = growing
  const target = file.createWriteStream({ start: offset, autoClose: false, highWaterMark: writeBytes })
  // Thrown where it is waited for, below.
  const written = finished(target)
  written.catch(() => {})
  let told = offset
  let durable = offset
  /** One at a time, beside the writing. */
  const syncs = new Set<Promise<void>>()
  const startSync = (): void => {
    const end = offset + target.bytesWritten
    const sync = file.datasync().then(
      () => {
        durable = end
        syncs.delete(sync)
      },
      (error: unknown) => {
        throw diskError(error)
      },
    )
    sync.catch(() => {})
    syncs.add(sync)
  }
  try {
    let broken: { error: unknown } | null = null
    try {
      for await (const bytes of body) {
        if (!target.write(bytes)) await once(target, 'drain')
        // A disk that does not keep up slows the body.
        if (offset + target.bytesWritten - durable >= 2 * syncBytes) await Promise.all(syncs)
        if (syncs.size === 0 && offset + target.bytesWritten - durable >= syncBytes) startSync()
        if (durable === told) continue
        told = durable
        yield { ...growing, offset: told }
      }
    } catch (error) {
      // The disk's own failure ends it; a body that breaks off leaves what came.
      if (target.errored) throw error
      broken = { error }
    }
    target.end()
    await written
    await Promise.all(syncs)
    startSync()
    await Promise.all(syncs)
    yield { ...growing, offset: offset + target.bytesWritten }
    if (broken) throw broken.error
  } catch (error) {
    throw target.errored === error ? diskError(error) : error
  } finally {
    target.destroy()
    // A file is not closed under a running sync.
    await Promise.allSettled(syncs)
  }
}
