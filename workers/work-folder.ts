import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'

const day = 24 * 3_600_000

/** Folders that this process has made. */
const ours = new Set<string>()

/** Holds no `-`, which separates it from what follows. */
const machine = hostname().replace(/[^A-Za-z0-9.]/g, '_')

/**
 * Makes a folder for this process's jobs below `parent`, and removes those that killed processes left there:
 * at once where they ran on this machine, after a day where they may run on another one. Answers its path.
 */
export async function openWorkFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  for (const name of await readdir(parent)) {
    if (await isLeftOver(parent, name)) await rm(path.join(parent, name), { recursive: true, force: true })
  }
  const folder = await mkdtemp(path.join(parent, `${machine}-${process.pid}-`))
  ours.add(folder)
  return folder
}

async function isLeftOver(parent: string, name: string): Promise<boolean> {
  if (ours.has(path.join(parent, name))) return false
  const [host, pid] = name.split('-')
  if (host === machine && pid !== undefined && /^\d+$/.test(pid)) return !isRunning(Number(pid))
  const facts = await stat(path.join(parent, name)).catch(() => null)
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
