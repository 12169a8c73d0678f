import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashedBucket } from '../../src/adapters/hashing/hashed-bucket.ts'
import { hashThreads } from '../../src/adapters/hashing/hash-threads.ts'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import type { Bucket, Store } from '../../src/ports.ts'
import { freePort, startRedis } from '../../test/support/servers.ts'
import { usageOf } from './measure.ts'

const root = join(import.meta.dirname, '..', '..')

export interface Service {
  readonly url: string
  readonly directory: string
  readonly redisUrl: string
  /** The service's own store and bucket, to fill them. */
  readonly store: Store
  readonly bucket: Bucket
  usage(): Promise<{ cpuSeconds: number; peakMegabytes: number }>
  stop(): Promise<void>
}

/** `mayfly web`, as `npm run build` makes it (or BENCH_MAIN), as a process of its own, with a real Redis and a bucket in a temporary folder. */
export async function startService(environment: Record<string, string> = {}): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  const redis = await startRedis({ directory })
  const port = await freePort()
  const child = spawn(process.execPath, [process.env['BENCH_MAIN'] ?? 'dist/src/main.js', 'web'], {
    cwd: root,
    env: {
      ...process.env,
      LOG_LEVEL: 'error',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: directory,
      REDIS_URL: redis.url,
      MAX_ALBUM_ITEMS: '20000',
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const store = redisStore({ url: redis.url })
  const bucket = hashedBucket(folderBucket(join(directory, 'bucket'), { durable: false }), hashThreads())
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await Promise.race([exited, sleep(5000)])
    child.kill('SIGKILL')
    await store.close()
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 300; tries++) {
    const isReady = await fetch(`${url}/readyz`).then(
      (res) => res.ok,
      () => false,
    )
    if (isReady)
      return {
        url,
        directory,
        redisUrl: redis.url,
        store,
        bucket,
        usage: () => usageOf(child.pid ?? 0),
        stop,
      }
    if (child.exitCode !== null) break
    await sleep(100)
  }
  await stop()
  throw new Error('mayfly web did not get ready')
}
