import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openDeps, type Deps } from '../../src/deps.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { BucketUnavailable, score, type Bucket, type Ports } from '../../src/ports.ts'
import { startWorker, type Worker } from '../../workers/start-worker.ts'
import { newBucket } from '../adapters/s3-ground.ts'
import { picture } from '../media/fixtures.ts'
import { movableClock, quietLog, type MovableClock } from '../support/ports.ts'
import { startRedis, type RedisProcess } from '../support/servers.ts'
import {
  albumOf,
  filesOfEachFormat,
  itemOf,
  keysBelow,
  keysOfShares,
  shareFiles,
  type File,
} from './bench.ts'

const hour = 3_600_000
const projectRoot = join(import.meta.dirname, '..', '..')

let folder: string
let files: File[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-service-'))
  await mkdir(join(folder, 'made'))
  files = await filesOfEachFormat(join(folder, 'made'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function until(what: () => Promise<boolean>, seconds = 180): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what.toString()}`)
    await sleep(50)
  }
}

async function open(
  environment: Record<string, string> = {},
): Promise<{ deps: Deps; ports: Ports; clock: MovableClock }> {
  const clock = movableClock()
  const directory = join(folder, randomToken())
  const config = readConfig({ REDIS_URL: inject('redisUrl'), DATA_DIR: directory, ...environment })
  const prefix = `test-${randomToken()}:`
  const deps = await openDeps(config, { log: quietLog, hasWorker: true, clock, prefix })
  closers.push(() => deps.close())
  return { deps, ports: deps.ports, clock }
}

async function s3Environment(): Promise<Record<string, string>> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = await newBucket()
  return {
    ...{ BUCKET: 's3', S3_ENDPOINT: endpoint ?? '', S3_REGION: region, S3_BUCKET: bucket },
    ...{ S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey },
  }
}

async function work(deps: Deps, ports: Ports = deps.ports): Promise<Worker> {
  const worker = await startWorker({ ...deps.worker!, ports })
  closers.push(() => worker.stop())
  return worker
}

const allReady =
  (ports: Ports, items: readonly { owner: string; id: string }[]) => async (): Promise<boolean> => {
    const found = await Promise.all(items.map((item) => itemOf(ports, item)))
    return found.every((item) => item?.state === 'ready')
  }

describe('a worker', { timeout: 600_000 }, () => {
  it.each([
    ['folder', 'makes no bundle, which nobody could be given', false],
    ['s3', 'bundles it for redirects', true],
  ] as const)(
    'prepares what is shared, %s: %s, and deletes it when it is stopped',
    async (kind, _what, hasBundle) => {
      const { deps, ports } = await open(
        kind === 's3' ? { ...(await s3Environment()), DELIVERY: 'redirect' } : {},
      )
      await work(deps)
      const { items, album, link } = await shareFiles(ports, files)
      await until(allReady(ports, items))
      await until(async () => {
        const found = await albumOf(ports, album)
        const bundleVersion = hasBundle ? found?.version : undefined
        return (
          found?.bundles['no-location']?.version === bundleVersion && found?.card?.version === found?.version
        )
      })
      // Both jobs have been done by now.
      const jobOf = (what: string) => score(keys.unmade, `${what}/${album.owner}/${album.id}`)
      await until(async () => {
        const notes = await ports.store.read([jobOf('bundle'), jobOf('card')])
        return notes.every((note) => note === null)
      })
      const bundles = (await keysOfShares(ports)).filter((key) => /bundle-/.test(key))
      expect(bundles).toHaveLength(hasBundle ? 1 : 0)
      await stopSharing(ports, { owner: link.owner, link: link.id })
      await until(async () => (await keysOfShares(ports)).length === 0)
    },
  )

  it('tries a removal until the bytes are gone', async () => {
    const { deps, ports } = await open()
    let refusals = 0
    const bucket: Bucket = {
      ...ports.bucket,
      removeAll(prefix) {
        if (++refusals <= 3) return Promise.reject(new BucketUnavailable('no'))
        return ports.bucket.removeAll(prefix)
      },
    }
    await work(deps, { ...ports, bucket })
    const { items, link } = await shareFiles(ports, files.slice(0, 1))
    await until(allReady(ports, items))
    await stopSharing(ports, { owner: link.owner, link: link.id })
    await until(async () => (await keysBelow(ports, 'items/')).length === 0)
    expect(refusals).toBeGreaterThan(3)
  })

  it('finds what the queue has lost, and what has expired a day ago', async () => {
    const { deps, ports, clock } = await open()
    const lost: Ports = { ...ports, queue: { ...ports.queue, add: () => Promise.reject(new Error('lost')) } }
    const { items, album, link } = await shareFiles(lost, files.slice(0, 1))
    clock.move(2 * 60_000)
    await work(deps)
    // What the schedule does every 30 seconds.
    await ports.queue.add({ kind: 'sweep' })
    await until(allReady(ports, items))

    clock.move(link.expiresAt - clock.now() + 23 * hour)
    await ports.queue.add({ kind: 'sweep' })
    await sleep(500)
    expect(await keysBelow(ports, objects.ofItem(items[0]!.id))).not.toEqual([])
    clock.move(hour)
    await ports.queue.add({ kind: 'sweep' })
    await until(async () => (await keysOfShares(ports)).length === 0)
    expect(await albumOf(ports, album)).toBeNull()
  })
})

describe('worker processes', () => {
  const processes: ChildProcess[] = []
  let redis: RedisProcess
  beforeAll(async () => {
    const directory = join(folder, 'redis')
    await mkdir(directory)
    redis = await startRedis({ directory })
  })
  afterAll(async () => {
    for (const child of processes) child.kill('SIGKILL')
    await redis.stop()
  })

  function startProcess(role: string, environment: Record<string, string>): ChildProcess {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', role], {
      cwd: projectRoot,
      env: { PATH: process.env.PATH, ...environment },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    processes.push(child)
    return child
  }

  it(
    'take over from one that is killed in the middle of a job, and end in order',
    { timeout: 600_000 },
    async () => {
      const environment = { REDIS_URL: redis.url, DATA_DIR: join(folder, 'killed'), LOG_LEVEL: 'error' }
      const deps = await openDeps(readConfig(environment), { log: quietLog, hasWorker: false })
      closers.push(() => deps.close())
      const { ports } = deps
      const large = await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async (n) => ({
          name: `${n}.jpg`,
          bytes: await picture(1, { width: 4000, height: 3000 })
            .linear(1, n)
            .jpeg({ quality: 95 })
            .toBuffer(),
        })),
      )
      const first = startProcess('worker', environment)
      const { items } = await shareFiles(ports, large)
      await until(async () => {
        const states = await Promise.all(items.map(async (item) => (await itemOf(ports, item))?.state))
        return states.includes('preparing')
      })
      first.kill('SIGKILL')
      await once(first, 'exit')
      const states = await Promise.all(items.map(async (item) => (await itemOf(ports, item))?.state))
      expect(states).toContain('preparing')

      const second = startProcess('worker', environment)
      await until(allReady(ports, items))
      for (const { id } of items)
        expect(await keysBelow(ports, `${objects.ofItem(id)}/`)).toEqual(
          ['no-location', 'original', 'preview', 'small', 'thumb'].map(
            (name) => `${objects.ofItem(id)}/${name}`,
          ),
        )
      // The bundle and the card may still be under way: it ends all the same.
      second.kill('SIGTERM')
      const [code] = (await once(second, 'exit')) as [number | null]
      expect(code).toBe(0)
      expect(await readdir(join(environment.DATA_DIR, 'work'))).toEqual([])
    },
  )

  it('say which setting is missing', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'worker'], {
      cwd: projectRoot,
      env: { PATH: process.env.PATH, HOST: '0.0.0.0', PORT: 'x' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    const [code] = (await once(child, 'exit')) as [number | null]
    expect(code).toBe(78)
    expect(said).toMatch(/PORT/)
    expect(said).not.toMatch(/at /)
  })
})
