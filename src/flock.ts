import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'

/** util-linux's flock(1); undefined where there is none, as on macOS. */
export const flockCommand = ['/usr/bin/flock', '/bin/flock'].find((command) => existsSync(command))

/** What flock(1) exits with where another process holds the lock. */
const heldElsewhere = 1

/** A file that nothing refers to is closed when memory is tidied up, and its lock would go with it. */
const held = new Set<FileHandle>()

/** `held`: by another process. `impossible`: there is no flock(1), or the file system has no such locks. */
export type FileLock = { readonly release: () => Promise<void> } | 'held' | 'impossible'

/**
 * Locks the file at `path`, and creates it where it is absent. The kernel gives the lock up when this process ends, however
 * it ends: it holds across containers and machines that share the file, while the process is stopped, and with any clock.
 * Whoever holds the lock may remove the file.
 */
export async function lockFile(path: string): Promise<FileLock> {
  if (flockCommand === undefined) return 'impossible'
  for (;;) {
    // For writing: NFS wants that for an exclusive lock.
    const file = await open(path, 'a', 0o600)
    const code = await lockOpened(flockCommand, file.fd)
    if (code === 0 && (await isStillThere(path, file))) {
      held.add(file)
      return {
        async release() {
          held.delete(file)
          await file.close()
        },
      }
    }
    await file.close()
    // Somebody removed the file between our opening it and locking it.
    if (code === 0) continue
    return code === heldElsewhere ? 'held' : 'impossible'
  }
}

/** flock(2) locks what was opened, not who opened it: what the child locks stays locked with us when it has ended. */
async function lockOpened(command: string, fd: number): Promise<number | null> {
  const child = spawn(command, ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

async function isStillThere(path: string, file: FileHandle): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  return found !== null && found.ino === (await file.stat()).ino
}
