import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Upload, type UploadOptions } from 'tus-js-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { s3Bucket } from '../../src/adapters/s3/s3-bucket.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { readRecord } from '../../src/domain/records/read-records.ts'
import { itemSchema } from '../../src/domain/records/records.ts'
import { ranks, type Bucket, type Store } from '../../src/ports.ts'
import { newBucket } from '../adapters/s3-ground.ts'
import { withHashes } from '../support/buckets.ts'
import { postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { freePort, startRedis, type RedisProcess } from '../support/servers.ts'
import { createUpload, offsetOf } from '../support/tus.ts'
import { startWebProcess, type WebProcess } from '../support/web-process.ts'

const MiB = 1024 ** 2
const run = promisify(execFile)

async function sha256(bytes: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}

describe.each(['folder', 's3'] as const)('an upload that is cut, in a %s bucket', (kind) => {
  let directory: string
  let redis: RedisProcess
  let web: WebProcess
  let environment: Record<string, string> & { PORT: string }
  let bucket: Bucket
  let store: Store
  let share: ShareAnswer
  let owner: string
  let file: string
  let hash: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-resume-'))
    redis = await startRedis({ directory })
    environment = { PORT: String(await freePort()), DATA_DIR: directory, REDIS_URL: redis.url }
    if (kind === 's3') {
      const s3 = await newBucket()
      Object.assign(environment, {
        BUCKET: 's3',
        S3_ENDPOINT: s3.endpoint,
        S3_REGION: s3.region,
        S3_BUCKET: s3.bucket,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      })
      bucket = withHashes(s3Bucket(s3))
    } else bucket = withHashes(folderBucket(join(directory, 'bucket')))
    web = await startWebProcess(environment)
  }, 300_000)
  afterAll(async () => {
    await web.kill()
    await redis.stop()
    await bucket.close()
    await rm(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    store = redisStore({ url: redis.url })
    share = await postShare(web.url, { 'first.jpg': await jpeg() })
    owner = (await findOwner(store, share.ownerKey ?? ''))?.id ?? ''
    const bytes = randomBytes(100 * MiB)
    ;(await jpeg()).copy(bytes)
    file = join(directory, 'large.jpg')
    await writeFile(file, bytes)
    hash = createHash('sha256').update(bytes).digest('hex')
  })
  afterEach(() => store.close())

  /** Both processes end as in a power cut, and come back on the same addresses. */
  async function crash(): Promise<void> {
    await web.kill()
    await redis.kill()
    redis = await startRedis({ directory, port: redis.port })
    web = await startWebProcess(environment)
  }

  async function expectOneWholeItem(): Promise<void> {
    const [found] = await store.read([ranks(keys.albumItems(owner, share.album.id))])
    const fresh = found.filter(({ member }) => member !== share.items[0]?.id)
    expect(fresh).toHaveLength(1)
    const id = fresh[0]?.member ?? ''
    expect((await readRecord(store, itemSchema, keys.item(owner, id)))?.original).toMatchObject({
      size: 100 * MiB,
      sha256: hash,
    })
    const object = await bucket.open(objects.original(id))
    expect(object && (await sha256(object.body))).toBe(hash)
    const under: string[] = []
    for await (const { key } of bucket.list(`items/${id}/`)) under.push(key)
    expect(under).toEqual([objects.original(id)])
  }

  /** Sends the file as tus-js-client does; `onProgress` sees how far it is. */
  function send(options: UploadOptions, onProgress: (bytes: number, upload: Upload) => void) {
    return new Promise<Upload>((resolve, reject) => {
      const upload = new Upload(createReadStream(file), {
        endpoint: `${web.url}/api/v1/uploads`,
        headers: { Authorization: `Bearer ${share.ownerKey ?? ''}` },
        metadata: { album: share.album.id, filename: 'large.jpg', filetype: 'image/jpeg' },
        uploadSize: 100 * MiB,
        chunkSize: 32 * MiB,
        uploadDataDuringCreation: true,
        retryDelays: [500, 1000, 1000, 2000, 2000, 4000, 4000, ...Array<number>(12).fill(8000)],
        ...options,
        onSuccess: () => resolve(upload),
        onError: reject,
        onProgress: (bytes) => onProgress(bytes, upload),
      })
      upload.start()
    })
  }

  it('goes on by tus-js-client, also after server and Redis were killed', async () => {
    let crashes = 0
    let back: Promise<void> = Promise.resolve()
    await send({}, (bytes) => {
      if (bytes < 45 * MiB || crashes > 0) return
      crashes += 1
      back = crash()
    })
    await back
    expect(crashes).toBe(1)
    await store.close()
    store = redisStore({ url: redis.url })
    await expectOneWholeItem()
  }, 300_000)

  it('goes on by plain curl, also after server and Redis were killed', async () => {
    const upload = await createUpload(web.url, {
      ownerKey: share.ownerKey,
      album: share.album.id,
      filename: 'large.jpg',
      size: 100 * MiB,
    })
    const curl = (offset: number, ...more: string[]) =>
      run('curl', [
        ...['--silent', '--show-error', '--fail', '--request', 'PATCH', ...more],
        ...['--header', 'Tus-Resumable: 1.0.0', '--header', 'Content-Type: application/offset+octet-stream'],
        ...[
          '--header',
          `Upload-Offset: ${offset}`,
          '--header',
          `Authorization: Bearer ${share.ownerKey ?? ''}`,
        ],
        upload,
      ])
    const cut = curl(0, '--limit-rate', '12M', '--max-time', '6', '--upload-file', file)
    await expect(cut).rejects.toThrow('Operation timed out')
    const first = await offsetOf(upload, share.ownerKey)
    expect(first).toBeGreaterThan(10 * MiB)
    await crash()
    const offset = await offsetOf(upload, share.ownerKey)
    expect(offset).toBe(first)
    const rest = join(directory, 'rest')
    await run('sh', ['-c', `tail -c +${offset + 1} "$1" > "$2"`, 'sh', file, rest])
    // The lease of the process that was killed ends within seconds.
    await curl(offset, '--retry', '40', '--retry-all-errors', '--retry-delay', '2', '--upload-file', rest)
    await store.close()
    store = redisStore({ url: redis.url })
    await expectOneWholeItem()
  }, 300_000)
})
