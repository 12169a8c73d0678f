import { mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'

/** Runs `work` with a folder of its own below `parent`, which is removed whatever happens. */
export async function withTemporaryFolder<Result>(
  parent: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(path.join(parent, 'job-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
