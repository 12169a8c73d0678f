import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import type { Log, Store } from '../../src/ports.ts'
import { startRedisCluster } from '../adapters/redis-cluster.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, errorOf, pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { quietLog } from '../support/ports.ts'
import { startRedis, type RedisProcess } from '../support/servers.ts'
import { onBusyMachine } from '../support/timing.ts'

interface Ready {
  readonly status: number
  readonly reasons: readonly string[]
}

let web: TestWeb | null = null
let store: Store | null = null
const logged: string[] = []
const log: Log = { ...quietLog, error: (facts) => void logged.push(JSON.stringify(facts)) }

async function startOn(url: string, isDurable = false): Promise<void> {
  const own = redisStore({ url, isDurable })
  store = own
  web = await startWeb({ ports: (ports) => ({ ...ports, store: own, log }) })
}

async function readyz(): Promise<Ready> {
  const res = await fetch(`${web?.url}/readyz`)
  const { reasons } = (await res.json()) as { reasons: string[] }
  return { status: res.status, reasons }
}

/** What is found is kept for a second, and a connection may be made anew. */
const soon = (check: (ready: Ready) => void) =>
  vi.waitFor(async () => check(await readyz()), { timeout: onBusyMachine(10_000), interval: 100 })

const soonReady = () => soon(({ status, reasons }) => expect([status, reasons]).toEqual([200, []]))
const soonNot = (words: RegExp) =>
  soon(({ status, reasons }) => {
    expect(status).toBe(503)
    expect(reasons.join()).toMatch(words)
  })

afterEach(async () => {
  await web?.close()
  await store?.close()
  logged.length = 0
})

describe('protection 57: a Redis that must not be used', () => {
  let directory: string
  let server: RedisProcess
  let redis: Redis
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-readiness-'))
    server = await startRedis({ directory })
    redis = new Redis(server.url)
    await startOn(server.url)
    await soonReady()
  })
  afterEach(async () => {
    redis.disconnect()
    await server.kill()
    await rm(directory, { recursive: true, force: true })
  })

  it('is full', async () => {
    await redis.config('SET', 'maxmemory', '1mb')
    await soonNot(/store: Redis is full/)
    await redis.config('SET', 'maxmemory', '0')
    await soonReady()
  })

  it.each(['allkeys-lru', 'volatile-ttl'])('evicts by %s', async (policy) => {
    await redis.config('SET', 'maxmemory-policy', policy)
    await soonNot(new RegExp(`drop records to make room: maxmemory-policy is ${policy}`))
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
    await soonReady()
  })

  it('is a replica', async () => {
    await redis.replicaof('127.0.0.1', 1)
    await soonNot(/read-only replica/)
    await redis.replicaof('NO', 'ONE')
    await soonReady()
  })

  it('wants more replicas than there are', async () => {
    await redis.config('SET', 'min-replicas-to-write', '1')
    await soonNot(/too few replicas/)
  })

  it('cannot write its snapshots', async () => {
    await redis.config('SET', 'save', '3600 1')
    await rm(directory, { recursive: true, force: true })
    await redis.bgsave()
    await soonNot(/cannot write to its disk/)
  })

  it('cannot write to its disk: pages answer, a stop says that it has not happened', async () => {
    const url = web?.url ?? ''
    const share = await postShare(url, { 'a.jpg': await jpeg('green') })
    const page = async () => (await fetch(url + pathOf(share))).status
    const stop = () =>
      fetch(`${url}/api/v1/links/${share.link.id}`, { method: 'DELETE', headers: bearer(share.ownerKey) })
    await redis.config('SET', 'save', '3600 1')
    await rm(directory, { recursive: true, force: true })
    await redis.bgsave()
    await soonNot(/cannot write to its disk/)
    expect(await page()).toBe(200)
    expect(await errorOf(await stop())).toMatchObject({ status: 503, code: 'unavailable' })
    expect(await page()).toBe(200)
    await redis.config('SET', 'stop-writes-on-bgsave-error', 'no')
    expect((await stop()).status).toBe(204)
    expect(await page()).toBe(410)
  })

  it('keeps no append-only file: snapshots alone would lose what was acknowledged since the last one', async () => {
    await redis.config('SET', 'appendonly', 'no')
    await redis.config('SET', 'save', '3600 1')
    await soonNot(/may lose what it has answered/)
    await redis.config('SET', 'appendonly', 'yes')
    await soonReady()
  })

  it('hides its settings, and the operator vouches for it', async () => {
    await web?.close()
    await store?.close()
    await redis.config('SET', 'appendonly', 'no')
    await redis.acl('SETUSER', 'default', '-config')
    await startOn(server.url, true)
    await soonReady()
  })

  it('lets its user read only', async () => {
    await redis.acl('SETUSER', 'default', '-set')
    await soonNot(/may not write/)
  })

  it('wants another password', async () => {
    await web?.close()
    await store?.close()
    await redis.config('SET', 'requirepass', 'secret')
    await startOn(server.url)
    await soonNot(/refuses the user or password/)
  })

  it('is told of in the log once for each change', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await soonNot(/allkeys-lru/)
    for (let times = 0; times < 3; times += 1) await readyz()
    expect(logged.filter((line) => line.includes('allkeys-lru'))).toHaveLength(1)
  })
})

it('protection 57: one primary of a Redis Cluster is full', async () => {
  const cluster = await startRedisCluster()
  const [first = '', second = ''] = cluster.url.split(',')
  const primaries = [new Redis(first), new Redis(second)]
  try {
    await startOn(cluster.url)
    await soonReady()
    for (const primary of primaries) {
      await primary.config('SET', 'maxmemory', '1mb')
      await soonNot(/Redis is full/)
      await primary.config('SET', 'maxmemory', '0')
      await soonReady()
    }
  } finally {
    for (const primary of primaries) primary.disconnect()
    await cluster.stop()
  }
})
