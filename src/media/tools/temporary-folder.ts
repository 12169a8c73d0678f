import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'

/** Runs `work` with a folder of its own below `parent`, which is removed whatever happens. */
export async function withTemporaryFolder<Result>(
  parent: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  // Somebody may have cleared the work folder away: it is made again.
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(path.join(parent, 'job-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
