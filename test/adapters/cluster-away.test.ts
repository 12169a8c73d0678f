import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { bullmqQueue } from '../../src/adapters/queue/bullmq-queue.ts'
import { bullmqRunner } from '../../src/adapters/queue/bullmq-runner.ts'
import { redisEvents } from '../../src/adapters/redis/redis-events.ts'
import type { Job, Log } from '../../src/ports.ts'
import { everyKind } from '../contract/queue-contract.ts'
import { onBusyMachine } from '../support/timing.ts'
import { startRedisCluster } from './redis-cluster.ts'

const silent = () => undefined
const log: Log = { debug: silent, info: silent, warn: silent, error: silent }

/** BullMQ's workers reset a connection that gave no answer for 6 s: the cluster stays away for longer than that. */
const awayMs = 9_000

it('a Redis Cluster that is away costs next to nothing, and events and jobs come again when it is back', async () => {
  const cluster = await startRedisCluster()
  const events = redisEvents({ url: cluster.url })
  const queue = bullmqQueue({ url: cluster.url, log })
  const runner = bullmqRunner({ url: cluster.url, concurrency: 1, log })
  try {
    const heard: string[] = []
    await events.subscribe('news', (message) => heard.push(message))
    const begun: string[] = []
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    await runner.run(
      everyKind(async (job) => {
        begun.push(job.kind)
        if (job.kind === 'remove') await finished
      }),
    )
    await queue.add({ kind: 'remove', owner: 'under-way-while-the-cluster-goes' })
    await expect.poll(() => begun).toEqual(['remove'])
    await cluster.takeAway()
    const memory = process.memoryUsage().rss
    const before = process.cpuUsage()
    const from = performance.now()
    // What is measured is what it costs to wait.
    await sleep(awayMs)
    const { user, system } = process.cpuUsage(before)
    const share = (user + system) / 1000 / (performance.now() - from)
    const grown = (process.memoryUsage().rss - memory) / 1024 ** 2
    finish()
    await cluster.bringBack()
    const comesThrough = async (): Promise<boolean> => {
      await events.publish('news', 'back').catch(() => undefined)
      return heard.length > 0
    }
    await expect.poll(comesThrough, { timeout: 60_000 }).toBe(true)
    const jobs: readonly Job[] = [
      { kind: 'prepare', owner: 'o', item: 'i' },
      { kind: 'prepare-slow', owner: 'o', item: 'i' },
      { kind: 'playable', owner: 'o', item: 'i' },
      { kind: 'bundle', owner: 'o', album: 'a' },
      { kind: 'card', owner: 'o', album: 'a' },
      { kind: 'sweep' },
      { kind: 'backup' },
    ]
    for (const job of jobs)
      await expect
        .poll(
          () =>
            queue.add(job).then(
              () => true,
              () => false,
            ),
          { timeout: 20_000 },
        )
        .toBe(true)
    // Measured: a second. Each kind has a worker of its own, with connections of its own.
    await expect
      .poll(() => new Set(begun), { timeout: onBusyMachine(20_000) })
      .toEqual(new Set(['remove', ...jobs.map(({ kind }) => kind)]))
    // Measured: 3 %. Without a pause it takes a whole processor, and grows by hundreds of megabytes.
    expect(share).toBeLessThan(0.3)
    expect(grown).toBeLessThan(100)

    await cluster.takeAway()
    const closing = performance.now()
    await Promise.all([runner.close(), queue.close(), events.close()])
    // What a service may take after SIGTERM.
    expect(performance.now() - closing).toBeLessThan(onBusyMachine(10_000))
  } finally {
    await Promise.all([runner.close(), queue.close(), events.close()])
    await cluster.stop()
  }
}, 150_000)
