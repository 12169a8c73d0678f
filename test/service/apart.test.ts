import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sweepOrphans } from '../../src/domain/removal/orphans.ts'
import { newBucket } from '../adapters/s3-ground.ts'
import { startService } from '../support/app.ts'
import { pathOf, postShare, untilReady } from '../support/client.ts'
import { ageFiles, filesOf, readyOf, startMayfly, type MayflyProcess } from '../support/mayfly-process.ts'
import { jpeg } from '../support/pictures.ts'
import { startRedis, type RedisProcess } from '../support/servers.ts'

const day = 24 * 3_600_000

let directory: string
let bucket: string
const running: MayflyProcess[] = []
const servers: RedisProcess[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-apart-'))
  bucket = join(directory, 'bucket')
})
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop()
  for (const server of servers.splice(0)) await server.kill()
  await rm(directory, { recursive: true, force: true })
})

async function start(environment: Record<string, string> = {}): Promise<MayflyProcess> {
  const service = await startMayfly({ DATA_DIR: directory, ...environment })
  running.push(service)
  return service
}

async function stop(service: MayflyProcess): Promise<void> {
  running.splice(running.indexOf(service), 1)
  await service.stop()
}

async function redis(): Promise<RedisProcess> {
  const server = await startRedis({ directory: await mkdtemp(join(directory, 'redis-')) })
  servers.push(server)
  return server
}

/** Everything of it is made: no file comes later. */
const shareOne = async (service: MayflyProcess, folder = bucket) => {
  const share = await postShare(service.url, { 'a.jpg': await jpeg('green') }, { title: 'Kept' })
  await untilReady(service.url, share)
  await expect.poll(async () => (await filesOf(folder)).join()).toContain('card-')
  return share
}

/** Expects that nothing is served, that the reason is told, and, over several sweeps' time, that nothing is deleted. */
async function expectStandstill(service: MayflyProcess, path: string, files: string[], reason: string) {
  const ready = await readyOf(service.url)
  expect(ready).toMatchObject({ status: 503, ready: false, instance: 'apart', reason })
  expect(ready.message).toMatch(/mayfly (restore|adopt)/)
  expect(service.log()).toContain(ready.message)
  for (const address of [
    '/',
    path,
    `${path}/zip`,
    '/api/v1/openapi.json',
    '/assets/none.js',
    '/s/some-secret',
  ])
    expect([address, (await fetch(service.url + address)).status]).toEqual([address, 503])
  const refused = await fetch(`${service.url}/api/v1/openapi.json`)
  expect(await refused.json()).toMatchObject({ error: { code: 'out-of-order' } })
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200)
  await sleep(5_000)
  expect(await filesOf(bucket)).toEqual(files)
}

describe('protection 47: an absent record is not proof that bytes may go', { timeout: 300_000 }, () => {
  it('DATA_DIR/redis is removed: nothing is deleted, nothing is served, and with its return all goes on', async () => {
    const first = await start()
    const share = await shareOne(first)
    await stop(first)
    await ageFiles(bucket, 2 * day)
    const files = await filesOf(bucket)
    expect(files.length).toBeGreaterThan(2)
    await rename(join(directory, 'redis'), join(directory, 'redis-away'))

    const second = await start()
    await expectStandstill(second, pathOf(share), files, 'store-empty')
    await stop(second)

    await rm(join(directory, 'redis'), { recursive: true })
    await rename(join(directory, 'redis-away'), join(directory, 'redis'))
    const third = await start()
    expect((await readyOf(third.url)).status).toBe(200)
    expect((await fetch(third.url + pathOf(share))).status).toBe(200)
    expect(await filesOf(bucket)).toEqual(files)
  })

  it('REDIS_URL names another database for one start', async () => {
    const { url } = await redis()
    const first = await start({ REDIS_URL: `${url}/0` })
    const share = await shareOne(first)
    await stop(first)
    await ageFiles(bucket, 2 * day)
    const files = await filesOf(bucket)
    const second = await start({ REDIS_URL: `${url}/1` })
    await expectStandstill(second, pathOf(share), files, 'store-empty')
    await stop(second)
    const third = await start({ REDIS_URL: `${url}/0` })
    expect((await fetch(third.url + pathOf(share))).status).toBe(200)
  })

  it('FLUSHALL under a running process', async () => {
    const { url } = await redis()
    const service = await start({ REDIS_URL: url })
    const share = await shareOne(service)
    await ageFiles(bucket, 2 * day)
    const files = await filesOf(bucket)
    const client = new Redis(url)
    try {
      await client.flushall()
      await expect.poll(async () => (await readyOf(service.url)).status).toBe(503)
      await expectStandstill(service, pathOf(share), files, 'store-empty')
    } finally {
      client.disconnect()
    }
  })

  it('the Redis of another instance, and the right one again, under a running process', async () => {
    const [ours, theirs] = [await redis(), await redis()]
    const other = await start({ REDIS_URL: theirs.url, DATA_DIR: join(directory, 'other') })
    await shareOne(other, join(directory, 'other', 'bucket'))
    await stop(other)
    const client = new Redis(theirs.url)
    const [otherIdentity] = [await client.get('mayfly:instance')]
    client.disconnect()
    const service = await start({ REDIS_URL: ours.url })
    const share = await shareOne(service)
    await ageFiles(bucket, 2 * day)
    const files = await filesOf(bucket)
    const own = new Redis(ours.url)
    try {
      const identity = await own.get('mayfly:instance')
      await own.set('mayfly:instance', otherIdentity ?? '')
      await expect.poll(async () => (await readyOf(service.url)).status).toBe(503)
      await expectStandstill(service, pathOf(share), files, 'other-instance')
      await own.set('mayfly:instance', identity ?? '')
      await expect.poll(async () => (await readyOf(service.url)).status).toBe(200)
      expect((await fetch(service.url + pathOf(share))).status).toBe(200)
    } finally {
      own.disconnect()
    }
  })

  it('a clock that is 40 days ahead for one start closes links and deletes nothing', async () => {
    const first = await start()
    const share = await shareOne(first)
    await stop(first)
    const files = await filesOf(bucket)
    const second = await startMayfly({ DATA_DIR: directory, CLOCK_AHEAD_MS: String(40 * day) }, [
      '--import',
      './test/support/clock-ahead.mjs',
    ])
    running.push(second)
    expect((await fetch(second.url + pathOf(share))).status).toBe(410)
    await expect.poll(() => second.log()).toContain('nothing is deleted by date')
    await sleep(5_000)
    expect(await filesOf(bucket)).toEqual(files)
    await stop(second)
    const third = await start()
    expect((await fetch(third.url + pathOf(share))).status).toBe(200)
  })

  it('a second instance on the same S3 bucket, until it has a prefix of its own', async () => {
    const options = await newBucket()
    const environment = {
      BUCKET: 's3',
      S3_ENDPOINT: options.endpoint ?? '',
      S3_REGION: options.region,
      S3_BUCKET: options.bucket,
      S3_ACCESS_KEY_ID: options.accessKeyId,
      S3_SECRET_ACCESS_KEY: options.secretAccessKey,
    }
    const first = await startService({ environment })
    const second = await startService({ environment })
    const third = await startService({ environment: { ...environment, S3_PREFIX: 'third' } })
    try {
      expect(await readyOf(first.url)).toMatchObject({ status: 200, instance: 'together' })
      expect(await readyOf(second.url)).toMatchObject({ status: 503, reason: 'store-empty' })
      const share = await postShare(first.url, { 'a.jpg': await jpeg('green') })
      await untilReady(first.url, share)
      second.clock.move(3 * day)
      third.clock.move(3 * day)
      expect((await fetch(second.url)).status).toBe(503)
      await expect(second.ports.bucket.removeAll('items/')).rejects.toThrow('Nothing is deleted')
      expect(await readyOf(third.url)).toMatchObject({ status: 200, instance: 'together' })
      expect(await sweepOrphans(third.ports)).toBe(0)
      expect((await fetch(`${first.url}${pathOf(share)}/zip`)).status).toBe(200)
    } finally {
      await Promise.all([first, second, third].map((service) => service.close()))
    }
  })

  it('the bucket is another one', async () => {
    const { url } = await redis()
    const first = await start({ REDIS_URL: url })
    const share = await shareOne(first)
    await stop(first)
    await rename(bucket, join(directory, 'away'))
    const second = await start({ REDIS_URL: url })
    await expectStandstill(second, pathOf(share), [], 'bucket-empty')
    await stop(second)
  })
})
