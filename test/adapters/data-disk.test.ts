import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ballastBytes, dataDisk, type DataDisk } from '../../src/adapters/data-disk.ts'
import { startEmbeddedRedis } from '../../src/adapters/redis/embedded-redis.ts'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { noteActs, readTombstones, writeTombstones } from '../../src/domain/records/instance/tombstones.ts'
import { BucketFull, value } from '../../src/ports.ts'
import { withHashes } from '../support/buckets.ts'
import { openTestPorts, quietLog } from '../support/ports.ts'
import { smallDisk, type SmallDisk } from '../support/small-disk.ts'

let directory: string
let small: SmallDisk | null = null
let disk: DataDisk
const theDisk = (): SmallDisk => small ?? expect.fail('there is no disk')
const hasBallast = async () => (await stat(join(directory, 'ballast')).catch(() => null)) !== null

beforeEach(async (context) => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-data-disk-'))
  small = await smallDisk(directory, 80)
  if (small === null) context.skip('only root may mount a small disk')
  const options = { directory, minFreeBytes: 0, log: quietLog }
  await (await dataDisk({ ...options, keepsBallast: true })).close()
  expect(await hasBallast()).toBe(true)
  // Does not look at the disk by itself.
  disk = await dataDisk({ ...options, keepsBallast: false })
})
afterEach(async () => {
  if (small) await small.unmount()
  await rm(directory, { recursive: true, force: true })
})

describe('the room that is kept for stops', () => {
  it('is not for uploads, is given back on a full disk, and is kept again once there is room', async () => {
    const options = { directory, minFreeBytes: 0, log: quietLog }
    await theDisk().fill(0)
    const keeping = await dataDisk({ ...options, keepsBallast: true })
    try {
      expect(await theDisk().freeBytes()).toBe(ballastBytes)
      expect(await keeping.freeBytes()).toBe(0)
      expect(await hasBallast()).toBe(false)
      await theDisk().empty()
      await expect.poll(hasBallast, { timeout: 10_000 }).toBe(true)
    } finally {
      await keeping.close()
    }
  })

  it('takes the note of a stop where the bucket is full', async () => {
    const { store, close } = await openTestPorts()
    const bucket = withHashes(folderBucket(join(directory, 'bucket')))
    try {
      await store.commit({ writes: noteActs('owner', [{ kind: 'stop', id: 'link', at: 1 }]) })
      await theDisk().fill(0)
      await expect(writeTombstones({ store, bucket }, 'owner')).rejects.toThrow(BucketFull)
      await writeTombstones({ store, bucket, disk }, 'owner')
      expect([...(await readTombstones(bucket)).keys()]).toEqual(['owner'])
    } finally {
      await close()
    }
  })

  it('lets a Redis of our own that ended on the full disk come back with all that it has answered', async () => {
    const redis = await startEmbeddedRedis({ directory: join(directory, 'redis'), log: quietLog, disk })
    const store = redisStore({ url: redis.url })
    const put = (text: string) => store.commit({ writes: [{ kind: 'set', key: 'k', value: text }] })
    try {
      await put('before')
      await theDisk().fill(0)
      // A page is larger than what the last block of Redis' file may still hold.
      await expect(put('x'.repeat(100_000))).rejects.toThrow()
      await expect.poll(() => put('after').catch(() => 'failed'), { timeout: 30_000 }).toBe('done')
      expect(await store.read([value('k')])).toEqual(['after'])
    } finally {
      await store.close()
      await redis.stop()
    }
  })
})
