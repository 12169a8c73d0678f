import { createReadStream } from 'node:fs'
import { lstat, open, rm, stat, statfs, utimes } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { BucketFull } from '../../ports.ts'
import type { Body, ByteRange, ObjectEntry, OpenObject, PutOptions } from '../../ports.ts'
import { bytesOf, endBody, expectFailure } from '../body-bytes.ts'
import type { PlainBucket } from '../hashing/hashed-bucket.ts'
import { checkKey, checkListPrefix, checkPrefix } from '../bucket-key.ts'
import { codeOf, disk, diskError, filesBelow, makeFolder, orWhenAbsent } from './folder-files.ts'
import { flatName, moveFile, openNew, removePrefix } from './folder-files.ts'
import { unfinishedFile, unfinishedMark, unfinishedName, writePiece } from './folder-files.ts'

/** Measured: larger and smaller pieces read slower. */
const readBytes = 256 * 1024
/** So much is read in one go, without the ways of a stream. */
const smallBytes = 128 * 1024
/** With less room than that not even records are sure to be stored: see data-disk.ts, which gives room before. */
const leastFreeBytes = 4 * 1024 * 1024

export interface FolderBucketOptions {
  /** An answered put is on disk, not only in the system's memory (default). Without it a power cut may take what was answered. */
  readonly durable?: boolean
}

/** A bucket in a folder: the object `items/a/original` is the file of that path under `root`. */
export function folderBucket(root: string, { durable = true }: FolderBucketOptions = {}): PlainBucket {
  const folder = resolve(root)
  const unfinished = join(folder, unfinishedName)

  const pathOf = (key: string): string => {
    checkKey(key)
    return join(folder, key)
  }
  const unfinishedPath = (key: string): string => join(unfinished, unfinishedFile(key, unfinishedMark()))

  const moveIn = (from: string, key: string) => moveFile(from, pathOf(key), durable)

  async function put(key: string, body: Body, options: PutOptions): Promise<{ size: number }> {
    expectFailure(body)
    let path: string | null = null
    try {
      checkKey(key)
      path = unfinishedPath(key)
      const file = await openNew(path)
      const size = await writeAll(file, body, options, durable)
      options.signal?.throwIfAborted()
      await disk(moveIn(path, key))
      return { size }
    } catch (error) {
      endBody(body)
      if (path !== null) await discard(path)
      throw error
    }
  }

  const discard = (path: string) => disk(rm(path, { force: true }))

  async function openObject(key: string, range?: ByteRange): Promise<OpenObject | null> {
    const path = pathOf(key)
    const file = await disk(orWhenAbsent(open(path, 'r'), null))
    if (file === null) return null
    try {
      const facts = await file.stat()
      if (!facts.isFile()) {
        await file.close()
        return null
      }
      if (range !== undefined && !(range.start >= 0 && range.start <= range.end && range.end < facts.size)) {
        throw new RangeError('The range is not inside the object')
      }
      const wanted = range ?? { start: 0, end: facts.size - 1 }
      const length = wanted.end - wanted.start + 1
      if (length > smallBytes)
        return { body: file.createReadStream({ ...range, highWaterMark: readBytes }), size: facts.size }
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, wanted.start)
      await file.close()
      return { body: streamOf(buffer.subarray(0, bytesRead)), size: facts.size }
    } catch (error) {
      await file.close()
      throw error instanceof RangeError ? error : diskError(error)
    }
  }

  async function* list(prefix: string): AsyncGenerator<ObjectEntry> {
    checkListPrefix(prefix)
    const slash = prefix.lastIndexOf('/') + 1
    for await (const path of filesBelow(join(folder, prefix.slice(0, slash)), unfinishedName)) {
      const key = prefix.slice(0, slash) + path
      if (!key.startsWith(prefix)) continue
      const facts = await disk(orWhenAbsent(stat(join(folder, key)), null))
      if (facts !== null) yield { key, size: facts.size, modifiedAt: Math.floor(facts.mtimeMs) }
    }
  }

  return {
    open: openObject,
    put,

    async localFile(key) {
      const path = pathOf(key)
      const facts = await disk(orWhenAbsent(stat(path), null))
      return facts?.isFile() === true ? path : null
    },

    async putFile(key, path, options) {
      checkKey(key)
      const facts = await lstat(path)
      if (!facts.isFile()) throw new TypeError('Only a file can be put')
      try {
        if (durable) await syncFile(path)
        // Its age is the object's from now on.
        await utimes(path, new Date(), new Date())
        await moveIn(path, key)
        return { size: facts.size }
      } catch (error) {
        if (codeOf(error) !== 'EXDEV') throw diskError(error)
      }
      const body = createReadStream(path, { highWaterMark: readBytes })
      return await put(key, body, { ...options, size: facts.size })
    },

    async removeAll(prefix) {
      checkPrefix(prefix)
      // Unfinished first: a put that ends between the two finds its file gone.
      await disk(removePrefix(unfinished, flatName(prefix)))
      await disk(removePrefix(folder, prefix))
    },

    list,

    async sweepUnfinished(olderThanMs, prefix = '') {
      const before = Date.now() - olderThanMs
      let ended = 0
      for await (const path of filesBelow(unfinished)) {
        if (!path.startsWith(flatName(prefix))) continue
        const began = Number(path.slice(path.lastIndexOf('~') + 1).split('-')[0])
        if (began >= before) continue
        await discard(join(unfinished, path))
        ended += 1
      }
      return ended
    },

    presign: () => Promise.resolve(null),

    time: () => Promise.resolve(null),

    async check() {
      await disk(makeFolder(unfinished))
      const room = await disk(statfs(folder))
      if (room.bavail * room.bsize < leastFreeBytes) throw new BucketFull('The disk is full')
      const path = unfinishedPath('check')
      const file = await openNew(path)
      try {
        await disk(file.writeFile('x'))
      } finally {
        await file.close()
        await discard(path)
      }
    },

    close: () => Promise.resolve(),
  }
}

/** A stream of bytes that are there. */
const streamOf = (bytes: Buffer): Readable =>
  new Readable({
    read() {
      this.push(bytes)
      this.push(null)
    },
  })

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Writes `body` to `file`, closes it, where `durable` after it is on disk, and answers how much it was. */
async function writeAll(
  file: FileHandle,
  body: Body,
  { size: expected, signal }: PutOptions,
  durable: boolean,
): Promise<number> {
  const stop = (): void => endBody(body, signal?.reason)
  signal?.addEventListener('abort', stop)
  try {
    signal?.throwIfAborted()
    let size = 0
    for await (const piece of bytesOf(body, expected)) {
      signal?.throwIfAborted()
      await disk(writePiece(file, piece, size))
      size += piece.length
    }
    if (durable) await disk(file.datasync())
    return size
  } finally {
    signal?.removeEventListener('abort', stop)
    await file.close()
  }
}
