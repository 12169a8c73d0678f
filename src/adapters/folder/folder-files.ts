import { randomBytes } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BucketFull, BucketUnavailable } from '../../ports.ts'

/** The folder of files that are not objects yet. No part of a key starts with a dot, so it never collides with one. */
export const unfinishedName = '.unfinished'

/** Replaces a slash of the key in the name of its unfinished file: no key has a tilde. */
export const flatName = (key: string): string => key.replaceAll('/', '~')

/** What follows its key in the name of an unfinished file: its beginning, so that sweepUnfinished can judge it. */
export const unfinishedMark = (): string => `${Date.now()}-${randomBytes(8).toString('hex')}`

/** All unfinished files are in one folder, so that no folders are made and removed for each. */
export const unfinishedFile = (key: string, mark: string): string => `${flatName(key)}~${mark}`

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** What the disk says, in the bucket's words. */
export function diskError(error: unknown): Error {
  if (error instanceof BucketFull || error instanceof BucketUnavailable) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new BucketFull('The disk is full', { cause: error })
  return new BucketUnavailable('The folder cannot be used', { cause: error })
}

/** Does `work`; what fails of it is said in the bucket's words. */
export async function disk<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    throw diskError(error)
  }
}

/** Returns `absent` if the file is missing; throws every other error of the disk. */
export async function orWhenAbsent<Result, Absent>(
  work: Promise<Result>,
  absent: Absent,
): Promise<Result | Absent> {
  try {
    return await work
  } catch (error) {
    if (isAbsence(error)) return absent
    throw error
  }
}

function isAbsence(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}

/** The entries of a folder, none where it is absent. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  return await orWhenAbsent(readdir(folder, { withFileTypes: true }), [])
}

/** Every file below `folder`, as paths from it with slashes. What vanishes meanwhile is passed over. */
export async function* filesBelow(folder: string, skip?: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(folder)) {
    if (entry.name === skip) continue
    if (entry.isFile()) yield entry.name
    if (!entry.isDirectory()) continue
    for await (const path of filesBelow(join(folder, entry.name))) yield `${entry.name}/${path}`
  }
}

/** Makes a folder and those above it. Returns the folders whose names in them are new: the lowest first. */
export async function makeFolder(folder: string): Promise<string[]> {
  const first = await makeAll(folder)
  const changed: string[] = []
  for (let made = folder; first !== undefined; made = dirname(made)) {
    changed.push(dirname(made))
    if (made === first) break
  }
  return changed
}

async function makeAll(folder: string): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await mkdir(folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      // One of those above was removed as empty between two steps.
      if (!isAbsence(error) || tries === 10) throw error
    }
  }
}

const syncing = new Map<string, Promise<void>>()
const waiting = new Map<string, Promise<void>>()

/** A file's name is on disk when its folder is (fsync(2)). One sync does for all who came before it began. */
function syncFolder(folder: string): Promise<void> {
  const joined = waiting.get(folder)
  if (joined) return joined
  const running = syncing.get(folder)
  if (!running) return beginSync(folder)
  const next = running
    .catch(() => {})
    .then(() => {
      waiting.delete(folder)
      return beginSync(folder)
    })
  waiting.set(folder, next)
  return next
}

function beginSync(folder: string): Promise<void> {
  const sync = syncNow(folder).finally(() => {
    if (syncing.get(folder) === sync) syncing.delete(folder)
  })
  syncing.set(folder, sync)
  return sync
}

async function syncNow(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes everything under `root` whose path from it starts with `prefix`, then the folders that this left empty. */
export async function removePrefix(root: string, prefix: string): Promise<void> {
  const slash = prefix.lastIndexOf('/')
  const folder = join(root, prefix.slice(0, slash + 1))
  const start = prefix.slice(slash + 1)
  for (const entry of await entriesOf(folder)) {
    // What starts with a dot is not an object: unfinished ones have their own root.
    if (!entry.name.startsWith(start) || entry.name.startsWith('.')) continue
    await rm(join(folder, entry.name), { recursive: true, force: true, maxRetries: 3 })
  }
  await removeEmpty(folder, root)
}

/** Removes `folder` and those above it as long as they are empty, up to and without `root`. */
export async function removeEmpty(folder: string, root: string): Promise<void> {
  const end = join(root)
  for (let empty = join(folder, '.'); empty.length > end.length; empty = dirname(empty)) {
    try {
      await rmdir(empty)
    } catch (error) {
      if (isAbsence(error)) continue
      // Somebody else's file is in it, or it is being filled at this moment.
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST' || codeOf(error) === 'EBUSY') return
      throw error
    }
  }
}

/** Makes a new file for its user alone, and the folders above it. */
export async function openNew(path: string): Promise<FileHandle> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await open(path, 'wx', 0o600)
    } catch (error) {
      // Its folder is not there yet, or was empty for a moment and removed.
      if (codeOf(error) !== 'ENOENT' || tries === 10) throw diskError(error)
    }
    await disk(makeFolder(dirname(path)))
  }
}

/** Moves a file into the bucket. Throws when removeAll took `from` meanwhile: what was removed stays so. */
export async function moveFile(from: string, to: string, durable: boolean): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const changed = [dirname(to), ...(await makeFolder(dirname(to)))]
    try {
      await rename(from, to)
    } catch (error) {
      // A folder was empty for a moment, and removeAll of a neighbour took it.
      const taken = codeOf(error) === 'ENOENT' && (await orWhenAbsent(lstat(from), null)) !== null
      if (!taken || tries === 10) throw error
      continue
    }
    // What they hold is on disk by now; that it is in them follows in one go.
    if (durable) await Promise.all(changed.map(syncFolder))
    return
  }
}

/** Writes all of `bytes` at `position`: one call may write less (write(2)). */
export async function writePiece(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}
