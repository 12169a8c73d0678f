import { randomBytes, scryptSync } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../ports.ts'

/**
 * The key of snapshots, 32 bytes: from the setting, or from a file beside the bucket's folder that is made the first time.
 * It never stands in the bucket.
 */
export async function backupKey(
  { BACKUP_KEY, DATA_DIR }: Pick<Config, 'BACKUP_KEY' | 'DATA_DIR'>,
  log: Log,
): Promise<Buffer> {
  if (BACKUP_KEY !== undefined) return scryptSync(BACKUP_KEY, 'mayfly-backup', 32)
  const path = join(DATA_DIR, 'backup.key')
  await mkdir(DATA_DIR, { recursive: true })
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(32).toString('hex')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    log.info({ path }, 'created a key for snapshots: keep a copy elsewhere, or set BACKUP_KEY')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const text = (await readFile(path, 'utf8')).trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} holds no key: bring it back, or set BACKUP_KEY`)
  return Buffer.from(text, 'hex')
}
