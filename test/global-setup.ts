import { rmSync } from 'node:fs'
import { mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { lazyS3 } from './support/lazy-s3.ts'
import type { S3Settings } from './support/lazy-s3.ts'
import { startRedis } from './support/servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Redis that all test files share: each uses key prefixes or owners of its own. */
    redisUrl: string
    /** An S3 server that all test files share: each makes a bucket of its own. Starts with the first request. */
    s3: S3Settings
  }
}

const memoryFolder = '/dev/shm'

/**
 * A folder in memory, if there is room. The shared Redis syncs every write, and a disk that other tests fill may take
 * seconds for that. Tests of what survives on a disk start a Redis of their own.
 */
async function folderOfRedis(): Promise<string> {
  const { bavail, bsize } = await statfs(memoryFolder).catch(() => ({ bavail: 0, bsize: 0 }))
  return mkdtemp(join(bavail * bsize > 1024 ** 3 ? memoryFolder : tmpdir(), 'mayfly-test-redis-'))
}

/** Starts what the tests share and stops it after them, after Ctrl-C too. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-test-'))
  const redisDirectory = await folderOfRedis()
  const redis = await startRedis({ directory: redisDirectory })
  const given = givenS3()
  const own = given === null ? await lazyS3(`${directory}-s3`) : null
  project.provide('redisUrl', redis.url)
  const settings = given ?? own?.settings
  if (settings !== undefined) project.provide('s3', settings)

  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= Promise.all([redis.stop(), own?.stop()]).then(() => {
      for (const folder of [directory, redisDirectory]) rmSync(folder, { recursive: true, force: true })
    })
    return stopping
  }
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      void stop().finally(() => process.exit(code))
    })
  }
  // Vitest may be quicker to leave than the above; the S3 server then sees its input end and cleans up by itself.
  process.once('exit', () => {
    redis.killNow()
    rmSync(directory, { recursive: true, force: true })
  })
  return stop
}

/** Another S3 server to test against: MinIO, Garage, a real one. */
function givenS3(): S3Settings | null {
  const endpoint = process.env.TEST_S3_ENDPOINT
  if (endpoint === undefined || endpoint === '') return null
  const accessKeyId = process.env.TEST_S3_ACCESS_KEY_ID
  const secretAccessKey = process.env.TEST_S3_SECRET_ACCESS_KEY
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error('TEST_S3_ENDPOINT needs TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY')
  return { endpoint, region: process.env.TEST_S3_REGION ?? 'us-east-1', accessKeyId, secretAccessKey }
}
