import { createReadStream } from 'node:fs'
import { listSnapshots } from '../domain/backup/backup.ts'
import { apartSentences, readBucketIdentity } from '../domain/records/instance/instance.ts'
import { inspectSnapshot, tombstoneHorizon, type Source } from '../domain/backup/restore.ts'
import { restoreStore } from '../domain/backup/reunite.ts'
import { BadSnapshot } from '../domain/backup/snapshot.ts'
import { BucketUnavailable, type Bucket, type Ports } from '../ports.ts'
import { withDeps } from './with-deps.ts'

const usage = `usage: mayfly restore [--from FILE]

Fills an empty store from the newest snapshot in the bucket, or from FILE. Stops and deletions since then are done again.
The service may run meanwhile; it goes on by itself.`

/** `mayfly restore [--from FILE]`. Returns the exit status. */
export async function runRestore(args: string[]): Promise<number> {
  const [option, file, ...rest] = args
  const isRight = args.length === 0 || (option === '--from' && file !== undefined && rest.length === 0)
  if (!isRight) {
    console.error(usage)
    return 2
  }
  return withDeps(async ({ ports, backupKey }) => {
    const problem = await whyNot(ports)
    if (problem !== null) {
      console.error(`mayfly restore: ${problem}`)
      return 1
    }
    const key = await backupKey()
    const found = await newestGood(ports, key, file)
    if (!found) return 1
    console.log(`restoring the snapshot of ${new Date(found.began).toISOString()}`)
    const { owners, items, links, dropped, acts } = await restoreStore(ports, key, found.source, found.began)
    console.log(
      `restored: ${owners} senders, ${links} links, ${items} items; ${dropped} items were dropped, for their files are gone; ` +
        `${acts} stops and deletions were done again. Files that no record knows wait for a week: see mayfly orphans.`,
    )
    return 0
  })
}

/** Why nothing can be restored; null where it can. */
async function whyNot(ports: Ports): Promise<string | null> {
  const state = await ports.instance.check()
  if (state.kind === 'together') return 'store and bucket belong together; there is nothing to restore.'
  if (state.kind === 'unknown') return 'the store or the bucket gives no answer.'
  if (state.reason !== 'store-empty') return apartSentences[state.reason]
  return null
}

/** The file, or the newest snapshot in the bucket that is whole, of this instance, and not too old; says what is wrong with others. */
async function newestGood(
  { bucket }: Ports,
  key: Buffer,
  file: string | undefined,
): Promise<{ source: Source; began: number } | null> {
  const read = await readBucketIdentity(bucket)
  const identity = read === 'unreadable' ? null : read
  const horizon = await tombstoneHorizon(bucket)
  const candidates =
    file === undefined
      ? (await listSnapshots(bucket)).map(({ key: name }) => ({ name, source: fromBucket(bucket, name) }))
      : [{ name: file, source: () => Promise.resolve(createReadStream(file) as AsyncIterable<Buffer>) }]
  if (candidates.length === 0) console.error('mayfly restore: the bucket holds no snapshot.')
  for (const { name, source } of candidates) {
    try {
      const { instance, began } = await inspectSnapshot(key, source)
      if (instance !== identity?.id) throw new BadSnapshot('It is of another instance than the bucket.')
      if (began < horizon)
        throw new BadSnapshot('It is too old: what was stopped or deleted since then is not known any more.')
      return { source, began }
    } catch (error) {
      if (!(error instanceof BadSnapshot)) throw error
      console.error(`mayfly restore: ${name}: ${error.message}`)
    }
  }
  return null
}

const fromBucket =
  (bucket: Bucket, key: string): Source =>
  async () => {
    const opened = await bucket.open(key)
    if (!opened) throw new BucketUnavailable('The snapshot is gone')
    return opened.body as AsyncIterable<Buffer>
  }
