import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Queue as BullQueue } from 'bullmq'
import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { bullmqQueue } from '../../src/adapters/queue/bullmq-queue.ts'
import { bullmqRunner } from '../../src/adapters/queue/bullmq-runner.ts'
import { JobFailed, StoreUnavailable } from '../../src/ports.ts'
import type { Job, Log } from '../../src/ports.ts'
import { everyKind, queueContract } from '../contract/queue-contract.ts'
import { startRedis, uniqueName } from '../support/servers.ts'
import { onBusyMachine } from '../support/timing.ts'
import { startRedisCluster } from './redis-cluster.ts'

const silent = () => undefined
const log: Log = { debug: silent, info: silent, warn: silent, error: silent }
const program = fileURLToPath(new URL('./bullmq-process.ts', import.meta.url))

queueContract('BullMQ', () => {
  const options = { url: inject('redisUrl'), prefix: uniqueName('queue'), log }
  return Promise.resolve({
    queue: bullmqQueue(options),
    runner: (more) => bullmqRunner({ ...options, concurrency: 2, ...more }),
    stop: () => Promise.resolve(),
  })
})

describe('what BullMQ keeps in Redis', () => {
  it('is ids, never what an error says: not while a job waits for its next try, nor when it was given up', async () => {
    const options = { url: inject('redisUrl'), prefix: uniqueName('queue'), log }
    const redis = new Redis(options.url)
    const queue = bullmqQueue(options)
    const told: unknown[] = []
    const runner = bullmqRunner({
      ...options,
      concurrency: 1,
      log: { ...log, warn: (facts) => void told.push(facts) },
    })
    const everything = async (): Promise<string> => {
      const found = await redis.keys(`*${options.prefix.replace(/:$/, '')}*`)
      return Buffer.concat(
        await Promise.all(found.map(async (key) => (await redis.dumpBuffer(key)) ?? Buffer.alloc(0))),
      ).toString('latin1')
    }
    await runner.run(
      everyKind((job) => Promise.reject(job.kind === 'card' ? new JobFailed('canary') : new Error('canary'))),
    )
    await queue.add({ kind: 'prepare', owner: 'visible', item: 'i' })
    await queue.add({ kind: 'card', owner: 'o', album: 'a' })
    await expect.poll(() => told.length).toBeGreaterThanOrEqual(2)
    expect(await everything()).toContain('visible')
    expect(await everything()).not.toContain('canary')
    expect(
      told.some((facts) =>
        JSON.stringify(facts, (_key, value: unknown) =>
          value instanceof Error ? [value.message, value.cause] : value,
        ).includes('canary'),
      ),
    ).toBe(true)
    await runner.close()
    await queue.close()
    redis.disconnect()
  })
})

describe('BullMQ on a Redis Cluster', () => {
  it('runs jobs', async () => {
    const cluster = await startRedisCluster()
    const queue = bullmqQueue({ url: cluster.url, log })
    const runner = bullmqRunner({ url: cluster.url, concurrency: 1, log })
    const ran: Job[] = []
    await runner.run(everyKind((job) => Promise.resolve(void ran.push(job))))
    await queue.add({ kind: 'sweep' })
    await queue.add({ kind: 'remove', owner: 'o' })
    await expect.poll(() => ran.length).toBe(2)
    await runner.close()
    await queue.close()
    await cluster.stop()
  })
})

describe('BullMQ', () => {
  it('gives up on data that is no job', async () => {
    const options = { url: inject('redisUrl'), prefix: uniqueName('queue'), log }
    const connection = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
    const bad = new BullQueue('prepare', { connection, prefix: `{${options.prefix}}` })
    await bad.add('prepare', { kind: 'prepare', owner: 'o' }, { attempts: 5 })
    await bad.add('prepare', { kind: 'sweep' }, { attempts: 5 })
    await bad.add('prepare', 'text', { attempts: 5 })
    let runs = 0
    const runner = bullmqRunner({ ...options, concurrency: 1 })
    await runner.run(everyKind(() => Promise.resolve(void (runs += 1))))
    await expect.poll(() => bad.getFailedCount()).toBe(3)
    expect(runs).toBe(0)
    await runner.close()
    await bad.close()
    connection.disconnect()
  })

  it('takes up the job of a worker that was killed, some 20 seconds later', async () => {
    const options = { url: inject('redisUrl'), prefix: uniqueName('queue'), log }
    const queue = bullmqQueue(options)
    const child = spawn(process.execPath, ['--import', 'tsx', program, options.url, options.prefix], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await queue.add({ kind: 'prepare', owner: 'o', item: 'i' })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    const killed = Date.now()
    const runner = bullmqRunner({ ...options, concurrency: 1 })
    const ran: Job[] = []
    await runner.run(everyKind((job) => Promise.resolve(void ran.push(job))))
    await expect.poll(() => ran.length, { timeout: 60_000, interval: 200 }).toBe(1)
    expect(Date.now() - killed).toBeLessThan(onBusyMachine(20_000))
    await runner.close()
    await queue.close()
  })

  it('survives a Redis that is killed: jobs are there afterwards, adding fails meanwhile, and soon', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-queue-'))
    let redis = await startRedis({ directory })
    const queue = bullmqQueue({ url: redis.url, log })
    const runner = bullmqRunner({ url: redis.url, concurrency: 1, log })
    await queue.add({ kind: 'remove', owner: 'before' }, { delayMs: 3_000 })
    const ran: Job[] = []
    await runner.run(everyKind((job) => Promise.resolve(void ran.push(job))))
    const removed = () => ran.flatMap((job) => (job.kind === 'remove' ? [job.owner] : [])).sort()
    const add = (owner: string) =>
      expect.poll(() => queue.add({ kind: 'remove', owner }).then(() => 'added', String)).toBe('added')
    await redis.kill()
    const began = Date.now()
    await expect(queue.add({ kind: 'sweep' })).rejects.toThrow(StoreUnavailable)
    expect(Date.now() - began).toBeLessThan(onBusyMachine(2_000))
    redis = await startRedis({ directory, port: redis.port })
    await add('after')
    await expect.poll(removed).toEqual(['after', 'before'])
    // What would run twice would have done so before this.
    await add('last')
    await expect.poll(removed).toEqual(['after', 'before', 'last'])
    // The one that was refused had left already when Redis died, or waits to be sent: then it runs, and once.
    expect(ran.filter(({ kind }) => kind === 'sweep').length).toBeLessThanOrEqual(1)
    await runner.close()
    await queue.close()
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('fails an add soon when Redis hangs', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-queue-'))
    const redis = await startRedis({ directory })
    const queue = bullmqQueue({ url: redis.url, log })
    await queue.add({ kind: 'sweep' })
    process.kill(redis.pid, 'SIGSTOP')
    const began = Date.now()
    await expect(queue.add({ kind: 'remove', owner: 'o' })).rejects.toThrow(StoreUnavailable)
    expect(Date.now() - began).toBeLessThan(onBusyMachine(2_000))
    process.kill(redis.pid, 'SIGCONT')
    await expect.poll(() => queue.add({ kind: 'sweep' }).then(() => 'added', String)).toBe('added')
    await queue.close()
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  })
})
