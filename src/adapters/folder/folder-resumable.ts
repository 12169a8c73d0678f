import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BucketUnavailable } from '../../ports.ts'
import type { PartialObject } from '../../ports.ts'
import { BreakableBody } from '../body-bytes.ts'
import type { PlainResumable } from '../hashing/hashed-bucket.ts'
import { checkKey } from '../bucket-key.ts'
import {
  disk,
  diskError,
  moveFile,
  openNew,
  orWhenAbsent,
  unfinishedFile,
  unfinishedMark,
  unfinishedName,
  writePiece,
} from './folder-files.ts'

/** So often what was written is put on disk for good: no more than twice that is sent again after a crash. */
const syncBytes = 32 * 1024 * 1024

/** Resumable writing for `folderBucket` of the same `root`: an unfinished file that grows, and is moved in at the end. */
export function folderResumable(root: string): PlainResumable {
  const folder = resolve(root)
  const unfinished = join(folder, unfinishedName)

  const pathOf = ({ key, state }: PartialObject): string => {
    checkKey(key)
    if (!/^\d+-[0-9a-f]+$/.test(state)) throw new TypeError('That is no unfinished file')
    return join(unfinished, unfinishedFile(key, state))
  }

  return {
    async *append(growing, body) {
      const known = growing.state === '' ? { ...growing, state: unfinishedMark() } : growing
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
      } catch (error) {
        throw diskError(error)
      }
    },

    close: () => Promise.resolve(),
  }
}

const lost = ({ key }: PartialObject) =>
  new BucketUnavailable(`The unfinished file of ${key} is not as it was left`)

/** Opens an unfinished file; what was written past what is known to be durable goes. */
async function reopen(path: string, growing: PartialObject): Promise<FileHandle> {
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
  growing: PartialObject,
  body: AsyncIterable<Buffer>,
): AsyncGenerator<PartialObject> {
  let written = growing.offset
  let durable = written
  let told = written
  /** Syncs one at a time, beside the writing. */
  let syncing = Promise.resolve()
  let isSyncing = false
  const startSync = (): void => {
    const end = written
    isSyncing = true
    syncing = disk(file.datasync()).then(() => {
      durable = end
      isSyncing = false
    })
    // Thrown where it is waited for.
    syncing.catch(() => {})
  }
  const breakable = new BreakableBody(body)
  try {
    for await (const piece of breakable.pieces()) {
      await disk(writePiece(file, piece, written))
      written += piece.length
      // A disk that does not keep up slows the body.
      if (written - durable >= 2 * syncBytes) await syncing
      if (!isSyncing && written - durable >= syncBytes) startSync()
      if (durable === told) continue
      told = durable
      yield { ...growing, offset: told }
    }
    await syncing
    startSync()
    await syncing
    yield { ...growing, offset: written }
    breakable.check()
  } finally {
    // A file is not closed under a running sync.
    await syncing.catch(() => {})
  }
}
