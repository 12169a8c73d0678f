import { readConfig } from '../config.ts'
import { openDeps, openLog, type Deps } from '../deps.ts'

/** Runs a command beside the service or without it, on the same store and bucket. Returns its exit status. */
export async function withDeps(work: (deps: Deps) => Promise<number>): Promise<number> {
  const config = readConfig({ LOG_LEVEL: 'warn', ...process.env })
  const deps = await openDeps(config, { log: openLog(config), hasWorker: false, isCommand: true })
  try {
    return await work(deps)
  } finally {
    await deps.close()
  }
}
