import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { randomToken } from '../src/domain/records/tokens.ts'
import { lockFile } from '../src/flock.ts'

const day = 24 * 3_600_000

/** Folders that this process has made. */
const ours = new Set<string>()

/** Holds no `-`, which separates it from what follows. */
const machine = hostname().replace(/[^A-Za-z0-9.]/g, '_')

const lockEnding = '.lock'

export interface WorkFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Makes a folder for this process's jobs below `parent`, and removes those whose processes have ended. Each folder has a
 * lock file beside it, locked for as long as its process lives, so that nobody removes the folder of another container or
 * machine. Folders without one (no flock there, or of an older version) are judged by their names and dates.
 */
export async function openWorkFolder(parent: string): Promise<WorkFolder> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await removeAbandoned(parent)
  const { folder, lockPath, lock } = await lockNewName(parent)
  await mkdir(folder, { mode: 0o700 })
  ours.add(folder)
  return {
    path: folder,
    async remove() {
      await rm(folder, { recursive: true, force: true })
      if (typeof lock === 'string') return
      await rm(lockPath, { force: true })
      await lock.release()
    },
  }
}

/** A name for a folder that is locked before the folder is there: at no moment does it look abandoned. */
async function lockNewName(parent: string) {
  for (;;) {
    const folder = path.join(parent, `${machine}-${process.pid}-${randomToken()}`)
    const lockPath = folder + lockEnding
    const lock = await lockFile(lockPath)
    // Another process removed it first.
    if (lock === 'held') continue
    if (lock === 'impossible') await rm(lockPath, { force: true })
    return { folder, lockPath, lock }
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  const found = await readdir(parent)
  for (const name of new Set(found.map((entry) => entry.replace(/\.lock$/, '')))) {
    const folder = path.join(parent, name)
    // Looked for anew: a folder that was made meanwhile has had its lock since before.
    if (!existsSync(folder + lockEnding)) {
      if (await isAbandonedByName(folder)) await rm(folder, { recursive: true, force: true })
      continue
    }
    const lock = await lockFile(folder + lockEnding)
    if (typeof lock === 'string') continue
    await rm(folder, { recursive: true, force: true })
    // Last: a folder that could not be removed is found again.
    await rm(folder + lockEnding, { force: true })
    await lock.release()
  }
}

/** What can be told of a folder without a lock: at once where its process ran on this machine, else after a day. */
async function isAbandonedByName(folder: string): Promise<boolean> {
  if (ours.has(folder)) return false
  const [host, pid] = path.basename(folder).split('-')
  if (host === machine && pid !== undefined && /^\d+$/.test(pid)) return !isRunning(Number(pid))
  const facts = await stat(folder).catch(() => null)
  return facts !== null && Date.now() - facts.mtimeMs > day
}

/** Our own number counts as ended: a container's processes have the same number each time. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
