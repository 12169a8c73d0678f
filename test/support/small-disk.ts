import { execFile } from 'node:child_process'
import { mkdir, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface SmallDisk {
  readonly path: string
  freeBytes(): Promise<number>
  /** Writes a file until only `leave` bytes are free. */
  fill(leave: number): Promise<void>
  /** Deletes that file. */
  empty(): Promise<void>
  unmount(): Promise<void>
}

/** A real file system of `megabytes` in memory, mounted at `path`; null where this user may not mount one. */
export async function smallDisk(path: string, megabytes: number): Promise<SmallDisk | null> {
  await mkdir(path, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'mayfly-test', path])
  } catch {
    return null
  }
  const filler = join(path, 'filler')
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  }
  return {
    path,
    freeBytes,
    async fill(leave) {
      const file = await open(filler, 'a')
      try {
        for (let free = await freeBytes(); free > leave; free = await freeBytes())
          await file.write(Buffer.alloc(Math.min(free - leave, 1024 * 1024)))
      } catch (error) {
        // Somebody else took the last of it.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      } finally {
        await file.close()
      }
    },
    empty: () => rm(filler, { force: true }),
    unmount: async () => void (await run('umount', ['-l', path])),
  }
}
