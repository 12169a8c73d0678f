import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { redisEvents } from '../../src/adapters/redis-events.ts'
import { startRedisCluster } from './redis-cluster.ts'

it('a Redis Cluster that is away costs next to nothing, and events come again when it is back', async () => {
  const cluster = await startRedisCluster()
  const events = redisEvents({ url: cluster.url })
  try {
    const heard: string[] = []
    await events.subscribe('news', (message) => heard.push(message))
    await cluster.takeAway()
    const memory = process.memoryUsage().rss
    const before = process.cpuUsage()
    const begun = performance.now()
    // What is measured is what it costs to wait.
    await sleep(6_000)
    const { user, system } = process.cpuUsage(before)
    const share = (user + system) / 1000 / (performance.now() - begun)
    const grown = (process.memoryUsage().rss - memory) / 1024 ** 2
    await cluster.bringBack()
    const comesThrough = async (): Promise<boolean> => {
      await events.publish('news', 'back').catch(() => undefined)
      return heard.length > 0
    }
    await expect.poll(comesThrough, { timeout: 60_000 }).toBe(true)
    // Measured: 1 %. Without a pause it takes a whole processor, and grows by hundreds of megabytes.
    expect(share).toBeLessThan(0.3)
    expect(grown).toBeLessThan(100)
  } finally {
    await events.close()
    await cluster.stop()
  }
}, 150_000)
