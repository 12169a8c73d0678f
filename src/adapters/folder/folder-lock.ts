import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

/** Who holds a folder: the process, and the Redis that it started there. */
const Holder = z.object({
  pid: z.int().positive(),
  /** When the process began, in the kernel's ticks: a number of a process is given again, this pair is not. */
  began: z.string(),
  redis: z.int().positive().optional(),
  socket: z.string().optional(),
})
type Holder = z.infer<typeof Holder>

export interface FolderLock {
  /** Remembers what must be ended before the folder can be taken over. */
  note(facts: { redis?: number; socket?: string }): Promise<void>
  release(): Promise<void>
}

const endMs = 5_000

/**
 * Takes `folder` for this process. A Redis that a killed process left running there is ended first, since two on the same
 * append-only file destroy it. Throws when the process that holds the folder is alive.
 */
export async function takeFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, 'mayfly.lock')
  let holder: Holder = { pid: process.pid, began: (await statOf(process.pid))?.began ?? '' }
  for (let tries = 0; !(await create(path, holder)); tries += 1) {
    if (tries === 10) throw new Error(`${path} cannot be taken`)
    await removeStale(folder, path)
  }
  return {
    async note(facts) {
      holder = { ...holder, ...facts }
      // In one step: whoever takes over after a crash reads all of it or what was there before.
      const next = `${path}.${process.pid}`
      await rm(next, { force: true })
      await create(next, holder)
      await rename(next, path)
    },
    async release() {
      await rm(path, { force: true })
    },
  }
}

/** Removes the lock of a process that is gone, and ends its Redis. Throws when the process is alive. */
async function removeStale(folder: string, path: string): Promise<void> {
  // Moved away before it is judged: of two that come at once, one finds nothing instead of removing the other's.
  const aside = `${path}.stale.${process.pid}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const other = await readHolder(aside)
  if (other !== null && (await isAlive(other))) {
    await rename(aside, path)
    throw new Error(`${folder} is in use by another Mayfly (process ${other.pid})`)
  }
  try {
    if (other?.redis !== undefined && other.socket !== undefined) await endRedis(other.redis, other.socket)
  } catch (error) {
    await rename(aside, path)
    throw error
  }
  await rm(aside, { force: true })
}

/** Returns false when the file is there already. */
async function create(path: string, holder: Holder): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(JSON.stringify(holder))
      await file.sync()
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Null for a file that is gone or was cut off by a crash. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return Holder.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (!exists(holder.pid)) return false
  const stat = await statOf(holder.pid)
  // A zombie has ended; where nobody waits for it, as in many containers, it stays listed.
  if (stat !== null && /^[ZX]/.test(stat.state)) return false
  return stat === null || holder.began === '' || stat.began === holder.began
}

/**
 * A process' state and when it began, in ticks since the machine did (proc(5), /proc/pid/stat, fields 3 and 22). Null where
 * there is no /proc.
 */
async function statOf(pid: number): Promise<{ state: string; began: string } | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold anything, closing brackets too: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', began: fields[19] ?? '' }
  } catch {
    return null
  }
}

/** Ends process `pid` if it is still the redis-server of `socket`: politely, then not. Throws where it cannot tell. */
async function endRedis(pid: number, socket: string): Promise<void> {
  if ((await statOf(process.pid)) === null) {
    if (!exists(pid)) return
    throw new Error(`Process ${pid} may be a Redis on this folder that a killed Mayfly left: end it first`)
  }
  const isOurs = async () => {
    try {
      // Redis writes its socket into the title that it gives itself: “redis-server unixsocket:/path”.
      const title = await readFile(`/proc/${pid}/cmdline`, 'utf8')
      return title.includes('redis-server') && title.includes(socket)
    } catch {
      return false
    }
  }
  if (!(await isOurs())) return
  process.kill(pid, 'SIGTERM')
  const deadline = Date.now() + endMs
  while (await isOurs()) {
    if (Date.now() > deadline && exists(pid)) process.kill(pid, 'SIGKILL')
    await sleep(20)
  }
}

/** Whether there is a process `pid`, ours or another user's. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
