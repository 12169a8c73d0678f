import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { redisEvents } from '../../src/adapters/redis/redis-events.ts'
import { StoreUnavailable } from '../../src/ports.ts'
import { eventsContract } from '../contract/events-contract.ts'
import { portOf, startRedis, uniqueName } from '../support/servers.ts'
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

/** A way to Redis that, while it is `deaf`, carries everything but subscriptions. */
async function deafWay(target: string): Promise<{
  readonly url: string
  isDeaf: boolean
  swallowed: number
  cut(): void
  stop(): Promise<void>
}> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const inner = connect(Number(port), hostname)
    for (const one of [socket, inner]) {
      sockets.add(one)
      one.on('error', () => one.destroy())
    }
    socket.on('data', (bytes) => {
      if (way.isDeaf && bytes.includes('subscribe')) way.swallowed += 1
      else inner.write(bytes)
    })
    inner.pipe(socket)
    socket.once('close', () => inner.destroy())
    inner.once('close', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const way = {
    url: `redis://127.0.0.1:${portOf(server)}`,
    isDeaf: false,
    swallowed: 0,
    cut() {
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    },
    async stop() {
      server.close()
      way.cut()
      await once(server, 'close')
    },
  }
  return way
}

describe('events whose Redis fails', () => {
  it('subscribe again though Redis gave no answer to the first try, and leave no rejection unheard', async () => {
    const way = await deafWay(inject('redisUrl'))
    const events = redisEvents({ url: way.url, prefix: `${uniqueName('events')}:` })
    const unheard: unknown[] = []
    const note = (reason: unknown): void => void unheard.push(reason)
    process.on('unhandledRejection', note)
    const heard: string[] = []
    await events.subscribe('stays', (message) => heard.push(message))
    way.isDeaf = true
    way.cut()
    // The second time tells that the first one was given up.
    await expect.poll(() => way.swallowed, { timeout: 30_000 }).toBeGreaterThanOrEqual(2)
    way.isDeaf = false
    const tell = async () => {
      await events.publish('stays', 'back').catch(() => undefined)
      return heard
    }
    await expect.poll(tell, { timeout: 30_000 }).toContain('back')
    expect(unheard).toEqual([])
    process.off('unhandledRejection', note)
    await events.close()
    await way.stop()
  }, 90_000)

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
    // Told again until it is heard: until it has its connections back it refuses, and what was told before is lost.
    const tell = async () => {
      await events.publish('left', 'nobody')
      await events.publish('stays', 'back')
      return heard
    }
    await expect.poll(tell).toContain('back')
    expect(new Set(heard)).toEqual(new Set(['back']))
    const admin = new Redis(redis.url)
    const leftIn = async () => {
      await tell()
      return admin.pubsub('CHANNELS', 'mayfly:left')
    }
    await expect.poll(leftIn).toEqual([])
    expect(new Set(heard)).toEqual(new Set(['back']))
    admin.disconnect()
    await events.close()
    await redis.kill()
    await rm(directory, { recursive: true, force: true })
  })

  it('uses one connection to listen, however many subscribe', async () => {
    // A Redis of its own: on the one that all test files share, others listen too.
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-events-'))
    const redis = await startRedis({ directory })
    const admin = new Redis(redis.url)
    const count = async () => String(await admin.client('LIST', 'TYPE', 'PUBSUB')).split('\n').length - 1
    const events = redisEvents({ url: redis.url })
    await Promise.all(Array.from({ length: 30 }, (_, n) => events.subscribe(`c${n % 10}`, () => undefined)))
    expect(await count()).toBe(1)
    await events.close()
    admin.disconnect()
    await redis.kill()
    await rm(directory, { recursive: true, force: true })
  })
})
