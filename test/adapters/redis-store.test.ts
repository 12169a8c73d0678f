import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { hashTag, redisStore } from '../../src/adapters/redis/redis-store.ts'
import { StoreUnavailable, value } from '../../src/ports.ts'
import type { Store } from '../../src/ports.ts'
import { storeContract } from '../contract/store-contract.ts'
import { startRedis, uniqueName } from '../support/servers.ts'
import type { RedisProcess } from '../support/servers.ts'
import { onBusyMachine } from '../support/timing.ts'
import { startRedisCluster } from './redis-cluster.ts'

storeContract('Redis', () =>
  Promise.resolve({
    store: redisStore({ url: inject('redisUrl'), prefix: `${uniqueName('store')}:` }),
    stop: () => Promise.resolve(),
  }),
)

storeContract('Redis Cluster', async () => {
  const cluster = await startRedisCluster()
  return { store: redisStore({ url: cluster.url }), stop: cluster.stop }
})

describe('hash tags', () => {
  it.each([
    ['a{b}c', 'b'],
    ['{b}{c}', 'b'],
    ['plain', 'plain'],
    ['a{}b', 'a{}b'],
    ['a{b', 'a{b'],
    ['a}b{c}', 'c'],
  ])('%s → %s', (key, tag) => expect(hashTag(key)).toBe(tag))

  it('puts the prefix before every key and refuses one that is a hash tag itself', async () => {
    const prefix = `${uniqueName('prefix')}:`
    const store = redisStore({ url: inject('redisUrl'), prefix })
    const redis = new Redis(inject('redisUrl'))
    await store.commit({ writes: [{ kind: 'set', key: '{o}v', value: '1' }] })
    await store.hit('h', 1, 60)
    expect((await redis.keys(`${prefix}*`)).sort()).toEqual([`${prefix}h`, `${prefix}{o}v`])
    expect(() => redisStore({ url: inject('redisUrl'), prefix: '{x}' })).toThrow(TypeError)
    redis.disconnect()
    await store.close()
  })

  it.each(['http://127.0.0.1', 'localhost', ''])('takes no address like “%s”', (url) => {
    expect(() => redisStore({ url })).toThrow(TypeError)
  })
})

describe('a store whose Redis fails', () => {
  let directory: string
  let redis: RedisProcess
  let store: Store
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-redis-'))
    redis = await startRedis({ directory })
    store = redisStore({ url: redis.url })
    await store.commit({ writes: [{ kind: 'set', key: 'k', value: 'kept' }] })
  })
  afterEach(async () => {
    await store.close()
    await redis.kill()
    await rm(directory, { recursive: true, force: true })
  })

  const operations: [string, () => Promise<unknown>][] = [
    ['read', () => store.read([value('k')])],
    ['commit', () => store.commit({ writes: [{ kind: 'set', key: 'k', value: 'lost' }] })],
    ['hit', () => store.hit('h', 1, 60)],
    ['check', () => store.check()],
  ]

  async function failsWithin(ms: number, operation: () => Promise<unknown>) {
    const began = Date.now()
    await expect(operation()).rejects.toThrow(StoreUnavailable)
    expect(Date.now() - began).toBeLessThan(onBusyMachine(ms))
  }

  async function answersWithin(ms: number) {
    const deadline = Date.now() + onBusyMachine(ms)
    for (;;) {
      try {
        return await store.read([value('k')])
      } catch (error) {
        if (Date.now() > deadline) throw error
        await sleep(50)
      }
    }
  }

  it('hangs: StoreUnavailable within 2 seconds, again and again; answers when it goes on', async () => {
    process.kill(redis.pid, 'SIGSTOP')
    await Promise.all(operations.map(([, operation]) => failsWithin(2_000, operation)))
    await Promise.all(operations.map(([, operation]) => failsWithin(2_000, operation)))
    await sleep(3_000)
    await failsWithin(2_000, () => store.check())
    process.kill(redis.pid, 'SIGCONT')
    await expect(answersWithin(5_000)).resolves.toBeDefined()
  })

  it('is killed: fails fast, and answers with its data within 5 seconds of its return', async () => {
    await redis.kill()
    await Promise.all(operations.map(([, operation]) => failsWithin(2_000, operation)))
    await sleep(2_000)
    await Promise.all(operations.map(([, operation]) => failsWithin(500, operation)))
    redis = await startRedis({ directory, port: redis.port })
    expect(await answersWithin(5_000)).toEqual(['kept'])
  })

  it('is not there at the start: fails within 2 seconds and comes by itself', async () => {
    await redis.kill()
    const late = redisStore({ url: redis.url })
    await failsWithin(2_000, () => late.check())
    redis = await startRedis({ directory, port: redis.port })
    await expect.poll(() => late.check().then(() => 'answers', String)).toBe('answers')
    await late.close()
  })

  it('loses the connection in the middle: a commit whose answer was lost is not made twice', async () => {
    const admin = new Redis(redis.url)
    process.kill(redis.pid, 'SIGSTOP')
    const attempt = store.commit({ writes: [{ kind: 'increase', key: 'n', field: 'n', by: 1 }] })
    await expect(attempt).rejects.toThrow(StoreUnavailable)
    process.kill(redis.pid, 'SIGCONT')
    await answersWithin(5_000)
    await sleep(500)
    expect(Number((await admin.hget('mayfly:n', 'n')) ?? 0)).toBeLessThanOrEqual(1)
    admin.disconnect()
  })

  it('has no room: StoreUnavailable, nothing written', async () => {
    const admin = new Redis(redis.url)
    await admin.config('SET', 'maxmemory', '1')
    await failsWithin(2_000, () => store.commit({ writes: [{ kind: 'set', key: 'k', value: 'x' }] }))
    expect(await answersWithin(1_000)).toEqual(['kept'])
    admin.disconnect()
  })

  it('forgets its scripts: they are sent again', async () => {
    const admin = new Redis(redis.url)
    await admin.script('FLUSH')
    expect(await store.hit('h', 1, 60)).toEqual({ allowed: true, retryAfterSeconds: 0 })
    admin.disconnect()
  })

  it('refuses after close', async () => {
    const closed = redisStore({ url: redis.url })
    await closed.close()
    await failsWithin(500, () => closed.check())
  })
})
