import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { redisEvents } from '../../src/adapters/redis-events.ts'
import { StoreUnavailable } from '../../src/ports.ts'
import { eventsContract } from '../contract/events-contract.ts'
import { startRedis, uniqueName } from '../support/servers.ts'
import { startRedisCluster } from './redis-cluster.ts'

eventsContract('Redis', () => {
  const options = { url: inject('redisUrl'), prefix: `${uniqueName('events')}:` }
  return Promise.resolve({
    one: redisEvents(options),
    two: redisEvents(options),
    stop: () => Promise.resolve(),
  })
})

eventsContract('Redis Cluster', async () => {
  const cluster = await startRedisCluster()
  return {
    one: redisEvents({ url: cluster.url }),
    two: redisEvents({ url: cluster.url }),
    stop: cluster.stop,
  }
})

describe('events whose Redis fails', () => {
  it('subscribe again by themselves, and forget what was left meanwhile', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-events-'))
    let redis = await startRedis({ directory })
    const events = redisEvents({ url: redis.url })
    const heard: string[] = []
    await events.subscribe('stays', (message) => heard.push(message))
    const leave = await events.subscribe('left', (message) => heard.push(message))

    await redis.kill()
    await leave()
    await expect(events.subscribe('new', () => undefined)).rejects.toThrow(StoreUnavailable)
    await expect(events.publish('stays', 'lost')).rejects.toThrow(StoreUnavailable)

    redis = await startRedis({ directory, port: redis.port })
    await sleep(1_500)
    await events.publish('left', 'nobody')
    await events.publish('stays', 'back')
    await expect.poll(() => heard).toEqual(['back'])
    const admin = new Redis(redis.url)
    await expect.poll(() => admin.pubsub('CHANNELS', 'mayfly:left')).toEqual([])
    admin.disconnect()
    await events.close()
    await redis.kill()
    await rm(directory, { recursive: true, force: true })
  })

  it('uses one connection to listen, however many subscribe', async () => {
    const prefix = `${uniqueName('events')}:`
    const admin = new Redis(inject('redisUrl'))
    const count = async () => String(await admin.client('LIST', 'TYPE', 'PUBSUB')).split('\n').length - 1
    const before = await count()
    const events = redisEvents({ url: inject('redisUrl'), prefix })
    await Promise.all(Array.from({ length: 30 }, (_, n) => events.subscribe(`c${n % 10}`, () => undefined)))
    expect(await count()).toBe(before + 1)
    await events.close()
    admin.disconnect()
  })
})
