import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startRedis, uniqueName } from './servers.ts'

test('the shared Redis keeps what it acknowledged and evicts nothing', async () => {
  const client = new Redis(inject('redisUrl'))
  onTestFinished(() => client.quit().then(() => undefined))
  const settings = await client.config('GET', 'append*')
  expect(settings).toMatchObject(expect.anything())
  expect(JSON.stringify(settings)).toContain('always')
  expect(JSON.stringify(await client.config('GET', 'maxmemory-policy'))).toContain('noeviction')
})

test('a private Redis comes back after kill -9 with every write, under the same address', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-redis-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const first = await startRedis({ directory })
  const client = new Redis(first.url)
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  await client.set('kept', 'yes')
  await first.kill()
  const second = await startRedis({ directory, port: first.port })
  onTestFinished(() => second.stop())
  expect(second.pid).not.toBe(first.pid)
  expect(await client.get('kept')).toBe('yes')
})

test('a Redis on a taken port is refused, not mistaken for its holder', async () => {
  const port = Number(new URL(inject('redisUrl')).port)
  await expect(startRedis({ directory: tmpdir(), port })).rejects.toThrow('did not start')
})

test('the shared S3 server answers, keeps objects and refuses a wrong key', async () => {
  const { endpoint, region, accessKeyId, secretAccessKey } = inject('s3')
  const open = (secret: string): S3Client => {
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      credentials: { accessKeyId, secretAccessKey: secret },
    })
    onTestFinished(() => client.destroy())
    return client
  }
  const bucket = uniqueName('servers')
  const client = open(secretAccessKey)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'a', Body: 'bytes' }))
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'a' }))
  expect(await Body?.transformToString()).toBe('bytes')
  await expect(open('wrong').send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 403 },
  })
})
