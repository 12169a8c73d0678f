import { randomFillSync } from 'node:crypto'
import { mkdir, open, rm, stat, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Disk, Log } from '../ports.ts'

/** Enough for many stops, and for Redis to come back. */
export const ballastBytes = 32 * 1024 * 1024
/** With less than that free the ballast is given back before anything fails. */
const spentBytes = 8 * 1024 * 1024
/** How often the disk is looked at, in milliseconds. A look is one statfs(2). */
const lookEveryMs = 1_000
const pieceBytes = 1024 * 1024

export interface DataDisk extends Disk {
  close(): Promise<void>
}

/**
 * The disk of `directory`, with a file that keeps room there: where everything else has filled the disk it is deleted, so
 * that a stop can still be written. It is made again once more than `minFreeBytes` are free beside it. `keepsBallast`
 * false: for a command that runs beside the service.
 */
export async function dataDisk({
  directory,
  minFreeBytes,
  keepsBallast,
  log,
}: {
  directory: string
  minFreeBytes: number
  keepsBallast: boolean
  log: Log
}): Promise<DataDisk> {
  const folder = resolve(directory)
  const ballast = join(folder, 'ballast')
  await mkdir(folder, { recursive: true, mode: 0o700 })

  const hasBallast = async () => (await stat(ballast).catch(() => null))?.size === ballastBytes

  async function available(): Promise<number> {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  }

  async function releaseBallast(): Promise<boolean> {
    if (!(await hasBallast())) return false
    await rm(ballast, { force: true })
    log.error({ directory: folder }, 'the disk is full: the room that was kept for stops is given back')
    return true
  }

  async function look(): Promise<void> {
    const free = await available()
    if (free < spentBytes) await releaseBallast()
    else if (free > ballastBytes + Math.max(minFreeBytes, ballastBytes) && !(await hasBallast()))
      await makeBallast(ballast)
  }

  let looking: Promise<void> = Promise.resolve()
  let isLooking = false
  function lookAgain(): void {
    if (isLooking) return
    isLooking = true
    looking = look()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'cannot maintain the room that is reserved for stops'),
      )
      .finally(() => (isLooking = false))
  }

  if (keepsBallast) {
    lookAgain()
    await looking
  }
  const timer = keepsBallast ? setInterval(lookAgain, lookEveryMs).unref() : undefined

  return {
    async freeBytes() {
      const [free, isThere] = await Promise.all([available(), hasBallast()])
      // What is free only because the ballast was given back is for stops.
      return isThere || !keepsBallast ? free : Math.max(0, free - ballastBytes)
    },
    releaseBallast,
    async close() {
      clearInterval(timer)
      await looking
    },
  }
}

/** Random bytes: a file system that packs files would give no room for zeros. */
async function makeBallast(path: string): Promise<void> {
  const piece = Buffer.allocUnsafe(pieceBytes)
  const file = await open(path, 'w', 0o600)
  try {
    for (let written = 0; written < ballastBytes; written += pieceBytes)
      await file.writeFile(randomFillSync(piece))
    await file.datasync()
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
