import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, inject } from 'vitest'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import {
  compareIdentities,
  growGeneration,
  readBucketIdentity,
  readStoreIdentity,
  writeBucketIdentity,
} from '../../src/domain/records/instance/instance.ts'
import { guardRemovals, watchInstance } from '../../src/domain/removal/instance-watch.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { adopt } from '../../src/domain/backup/reunite.ts'
import { BucketUnavailable, value, type Store } from '../../src/ports.ts'
import { uniqueName } from '../support/servers.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share } from './sharing.ts'

let ports: TestPorts
const stores: Store[] = []
beforeEach(async () => {
  ports = await openTestPorts()
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  await ports.close()
})

function anotherStore(): Store {
  const store = redisStore({ url: inject('redisUrl'), prefix: `${uniqueName('test')}:` })
  stores.push(store)
  return store
}

const isTogether = async (store = ports.store) => (await compareIdentities(store, ports.bucket)).kind
const reasonOf = async (store = ports.store) => compareIdentities(store, ports.bucket)

describe('an instance', () => {
  it('is new where both are empty, and the same for all processes that start at once', async () => {
    const found = await Promise.all(
      Array.from({ length: 8 }, () => compareIdentities(ports.store, ports.bucket)),
    )
    expect(new Set(found.map((state) => JSON.stringify(state))).size).toBe(1)
    expect(found[0]?.kind).toBe('together')
    expect(await readBucketIdentity(ports.bucket)).toMatchObject({
      id: (await readStoreIdentity(ports.store))?.id,
    })
  })

  it('of version 0.1.0, which had no ids, gets them without help', async () => {
    await share(ports, 2)
    expect(await isTogether()).toBe('together')
    expect(await isTogether()).toBe('together')
  })

  it('goes on with what a crash left half done', async () => {
    const half = { id: 'half-done', generation: 1, isMade: false }
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.instance, value: JSON.stringify(half) }] })
    expect(await reasonOf()).toEqual({ kind: 'together', id: 'half-done' })
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.instance, value: JSON.stringify(half) }] })
    expect(await reasonOf()).toEqual({ kind: 'together', id: 'half-done' })
  })

  it('tells an empty store, another one, and an empty bucket', async () => {
    await share(ports, 1)
    await isTogether()
    const other = anotherStore()
    expect(await reasonOf(other)).toEqual({ kind: 'apart', reason: 'store-empty' })
    const elsewhere = await openTestPorts()
    try {
      await compareIdentities(other, elsewhere.bucket)
      expect(await reasonOf(other)).toEqual({ kind: 'apart', reason: 'other-instance' })
    } finally {
      await elsewhere.close()
    }
    await ports.bucket.removeAll('instance')
    expect(await reasonOf()).toEqual({ kind: 'apart', reason: 'bucket-empty' })
  })

  it('takes an empty store for none, also where the bucket has no id and where counters were written since', async () => {
    await share(ports, 1)
    const other = anotherStore()
    await other.hit('sweep-orphans', 1, 60)
    await other.commit({ writes: [{ kind: 'rank', key: keys.due, member: 'someone', score: 1 }] })
    expect(await reasonOf(other)).toEqual({ kind: 'apart', reason: 'store-empty' })
  })

  it('knows a store that was set back to an earlier state', async () => {
    await isTogether()
    const before = await readStoreIdentity(ports.store)
    await growGeneration(ports.store, ports.bucket)
    expect(await isTogether()).toBe('together')
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.instance, value: JSON.stringify(before) }] })
    expect(await reasonOf()).toEqual({ kind: 'apart', reason: 'store-older' })
  })

  it('knows a store that was set back to before a stop, however short ago', async () => {
    const { link } = await share(ports, 1)
    await isTogether()
    const before = await ports.store.read([value(keys.link(link.owner, link.id)), value(keys.instance)])
    await stopSharing(ports, { owner: link.owner, link: link.id })
    expect(await isTogether()).toBe('together')
    await ports.store.commit({
      writes: [{ kind: 'set', key: keys.link(link.owner, link.id), value: before[0] ?? '' }],
    })
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.instance, value: before[1] ?? '' }] })
    expect(await reasonOf()).toEqual({ kind: 'apart', reason: 'store-older' })
  })

  it('says that the bucket’s own word cannot be read, and writes it anew when told to', async () => {
    await isTogether()
    for (const said of ['', '{"id":"x', '{}']) {
      await ports.bucket.put('instance', Readable.from([Buffer.from(said)]), { mime: 'application/json' })
      expect(await reasonOf()).toEqual({ kind: 'apart', reason: 'bucket-unreadable' })
      await adopt(ports)
      expect(await isTogether()).toBe('together')
    }
  })

  it('deletes nothing by a decision that an emptied store led to, not even a moment later', async () => {
    const watch = watchInstance(ports)
    try {
      await watch.check()
      const bucket = guardRemovals(ports.bucket, watch)
      await ports.bucket.put('items/one/original', bytes(), { mime: 'image/jpeg' })
      await ports.store.commit({ writes: [{ kind: 'remove', key: keys.instance }] })
      const tries = [
        bucket.removeAll('items/one/'),
        bucket.sweepUnfinished(0),
        bucket.removeAll('items/one/'),
      ]
      for (const tried of tries) await expect(tried).rejects.toThrow(BucketUnavailable)
      expect(await ports.bucket.open('items/one/original').then((found) => found?.size)).toBe(1)
    } finally {
      await watch.close()
    }
  })

  it('loses a bucket that another one took at the same moment, and says so', async () => {
    await isTogether()
    await writeBucketIdentity(ports.bucket, { id: 'other', generation: 1 })
    expect(await reasonOf()).toEqual({ kind: 'apart', reason: 'other-instance' })
  })
})

async function* bytes() {
  yield await Promise.resolve(Buffer.from('x'))
}
