import { createWriteStream } from 'node:fs'
import { lstat, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { backup, makeSnapshot } from '../domain/backup/backup.ts'
import { withDeps } from './with-deps.ts'

const usage = `usage: mayfly backup [FILE]

Writes an encrypted snapshot of all records to FILE, else into the bucket. Pictures and videos are not in it.
It can be restored for 24 hours.`

/** `mayfly backup [FILE]`. Returns the exit status. */
export async function runBackup(args: string[]): Promise<number> {
  const [file, ...rest] = args
  if (rest.length > 0 || file?.startsWith('-')) {
    console.error(usage)
    return 2
  }
  return withDeps(async ({ ports, backupKey }) => {
    const key = await backupKey()
    if (file === undefined) {
      console.log(`a snapshot was put into the bucket: ${await backup(ports, key)}`)
      return 0
    }
    // The finished file takes its place: a device or a link there would be gone.
    const there = await lstat(file).catch(() => null)
    if (there && !there.isFile()) {
      console.error(`mayfly backup: ${file} is no regular file.`)
      return 2
    }
    const unfinished = `${file}.unfinished`
    try {
      await pipeline(makeSnapshot(ports, key), createWriteStream(unfinished, { mode: 0o600, flush: true }))
      await rename(unfinished, file)
    } catch (error) {
      await rm(unfinished, { force: true })
      throw error
    }
    console.log(`a snapshot was written to ${file}`)
    return 0
  })
}
