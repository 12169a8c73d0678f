import { backup, pruneBackups } from '../src/domain/backup/backup.ts'
import { keys } from '../src/domain/records/keys.ts'
import type { WorkerContext } from './context.ts'

/** Puts a snapshot of all records into the bucket, and deletes those whose day is over, whether that succeeds or not. */
export async function makeBackup({ ports, time, backupKey }: WorkerContext): Promise<void> {
  try {
    const key = await backup(ports, await backupKey())
    const at = String(ports.clock.now())
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.lastSnapshot, value: at }] })
    ports.log.debug({ key }, 'a snapshot was made')
  } finally {
    await pruneBackups(ports, await time.now())
  }
}
