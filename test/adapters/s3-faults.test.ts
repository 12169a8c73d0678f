import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { s3Bucket } from '../../src/adapters/s3/s3-bucket.ts'
import type { S3Options } from '../../src/adapters/s3/s3-client.ts'
import { BucketFull, BucketUnavailable } from '../../src/ports.ts'
import type { Bucket } from '../../src/ports.ts'
import { freePort } from '../support/servers.ts'
import { onBusyMachine } from '../support/timing.ts'
import { withHashes } from '../support/buckets.ts'
import { faultyProxy, newBucket } from './s3-ground.ts'
import type { Fault, FaultyProxy } from './s3-ground.ts'

const MiB = 1024 * 1024
const mime = 'image/jpeg'
const key = 'items/a/original'
/** Short enough to wait for, long enough for a real S3 server on a busy machine to answer in. */
const patience = { operationMs: 8_000, answerMs: 3_000, idleMs: 3_000, stallMs: 4_000 }
const hang: Fault = { kind: 'hang' }
const pass: Fault = { kind: 'pass' }
const busy: Fault = { kind: 'status', status: 503, code: 'SlowDown' }

async function collect<Thing>(things: AsyncIterable<Thing>): Promise<Thing[]> {
  const all: Thing[] = []
  for await (const thing of things) all.push(thing)
  return all
}

describe('a bucket whose S3 fails', () => {
  let options: S3Options
  let direct: Bucket
  let proxy: FaultyProxy
  let bucket: Bucket
  const uncaught: unknown[] = []
  const remember = (error: unknown) => uncaught.push(error)
  beforeAll(async () => {
    options = await newBucket()
    direct = withHashes(s3Bucket(options))
    proxy = await faultyProxy()
    bucket = withHashes(s3Bucket({ ...options, endpoint: proxy.endpoint, patience }))
    await direct.put(key, Readable.from([randomBytes(8 * MiB)]), { mime })
    process.on('uncaughtExceptionMonitor', remember)
  })
  afterEach(() => {
    proxy.fate = () => pass
    proxy.requests.length = 0
    expect(uncaught).toEqual([])
  })
  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', remember)
    await bucket.close()
    await direct.close()
    await proxy.stop()
  })

  /** The first `count` requests meet `fault`, the others pass. */
  const first = (count: number, fault: Fault) => {
    let met = 0
    return () => (met++ < count ? fault : pass)
  }
  async function within(ms: number, work: Promise<unknown>) {
    const began = Date.now()
    const outcome = await work.then(
      () => 'done',
      (error: unknown) => error,
    )
    expect(Date.now() - began).toBeLessThan(onBusyMachine(ms))
    return outcome
  }

  it('answers two 503s: everything succeeds', async () => {
    proxy.fate = first(2, busy)
    expect((await buffer((await bucket.open(key))?.body ?? Readable.from([]))).length).toBe(8 * MiB)
    proxy.fate = first(2, busy)
    await bucket.put('items/b/original', Readable.from(['small']), { mime, size: 5 })
    proxy.fate = first(2, busy)
    await bucket.put('items/c/original', Readable.from([randomBytes(20 * MiB)]), { mime })
    proxy.fate = first(2, busy)
    await bucket.removeAll('items/b/')
    expect(await direct.open('items/b/original')).toBeNull()
  })

  it('answers 503 for good: BucketUnavailable, bounded, nothing half-done', async () => {
    proxy.fate = () => busy
    const body = Readable.from([randomBytes(20 * MiB)])
    const outcomes = await Promise.all([
      within(10_000, bucket.open(key)),
      within(10_000, bucket.put('items/d/original', body, { mime })),
      within(10_000, bucket.removeAll('items/a/')),
      within(10_000, bucket.check()),
      within(10_000, collect(bucket.list(''))),
    ])
    for (const outcome of outcomes) expect(outcome).toBeInstanceOf(BucketUnavailable)
    expect(body.destroyed).toBe(true)
    proxy.fate = () => pass
    expect(await direct.open('items/d/original')).toBeNull()
    expect(await direct.sweepUnfinished(-60_000)).toBe(0)
  })

  it('fails in the middle of an upload: nothing is left of it', async () => {
    let parts = 0
    proxy.fate = ({ method, url = '' }) =>
      method === 'PUT' && url.includes('partNumber') && ++parts > 2 ? busy : pass
    const endless = new PassThrough()
    const attempt = bucket.put('items/e/original', endless, { mime })
    const feeding = (async () => {
      for (let sent = 0; sent < 100 && !endless.destroyed; sent += 1) {
        if (!endless.write(randomBytes(MiB)))
          await Promise.race([once(endless, 'drain'), once(endless, 'close')])
      }
    })().catch(() => undefined)
    expect(await within(15_000, attempt)).toBeInstanceOf(BucketUnavailable)
    await feeding
    expect(endless.destroyed).toBe(true)
    expect(await direct.open('items/e/original')).toBeNull()
    expect(await direct.sweepUnfinished(-60_000)).toBe(0)
  })

  it('is full: BucketFull', async () => {
    for (const [status, code] of [
      [403, 'QuotaExceeded'],
      [507, 'XMinioStorageFull'],
    ] as const) {
      proxy.fate = ({ method }) => (method === 'PUT' ? { kind: 'status', status, code } : pass)
      for (const size of [5, 20 * MiB]) {
        const attempt = bucket.put('items/f/original', Readable.from([Buffer.alloc(size)]), { mime })
        expect(await within(10_000, attempt)).toBeInstanceOf(BucketFull)
      }
    }
    expect(await direct.sweepUnfinished(-60_000)).toBe(0)
  })

  it('breaks a body off: an error on it, never an uncaughtException', async () => {
    proxy.fate = () => ({ kind: 'break', bytes: 3 * MiB })
    const opened = await bucket.open(key)
    await expect(buffer(opened?.body ?? Readable.from([]))).rejects.toThrow(BucketUnavailable)

    const unwatched = await bucket.open(key)
    await sleep(300)
    unwatched?.body.resume()
    await expect.poll(() => unwatched?.body.destroyed).toBe(true)
    expect(unwatched?.body.errored).toBeInstanceOf(BucketUnavailable)
  })

  it('breaks a body off while it is fetched into a file: no file is left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-local-'))
    proxy.fate = () => ({ kind: 'break', bytes: 3 * MiB })
    await expect(bucket.localFile(key, directory)).rejects.toThrow(BucketUnavailable)
    expect(await readdir(directory)).toEqual([])
    await rm(directory, { recursive: true })
  })

  it('closes the socket soon when a body is destroyed', async () => {
    proxy.fate = () => ({ kind: 'stall', bytes: MiB })
    const bodies = await Promise.all(Array.from({ length: 10 }, () => bucket.open(key)))
    const before = await proxy.connections()
    expect(before).toBeGreaterThanOrEqual(10)
    for (const opened of bodies) opened?.body.destroy()
    await expect
      .poll(() => proxy.connections(), { timeout: onBusyMachine(2_000) })
      .toBeLessThanOrEqual(before - 10)
  })

  it('lets a visitor pause: a body that nobody reads does not time out', async () => {
    const opened = await bucket.open(key)
    opened?.body.read(1)
    await sleep(patience.stallMs + 2_000)
    expect((await buffer(opened?.body ?? Readable.from([]))).length).toBeGreaterThan(7 * MiB)
  })

  it('serves many open bodies at once', async () => {
    const bodies = await Promise.all(
      Array.from({ length: 70 }, () => direct.open(key, { start: 0, end: 4 * MiB })),
    )
    await expect(direct.check()).resolves.toBeUndefined()
    for (const opened of bodies) opened?.body.destroy()
  })

  it('hangs: BucketUnavailable in bounded time, for everything', async () => {
    proxy.fate = () => hang
    const outcomes = await Promise.all([
      within(10_000, bucket.open(key)),
      within(10_000, bucket.check()),
      within(10_000, bucket.removeAll('items/a/')),
      within(10_000, bucket.put('items/g/large', Readable.from([randomBytes(20 * MiB)]), { mime })),
      within(14_000, bucket.put('items/g/small', Readable.from(['x']), { mime, size: 1 })),
    ])
    for (const outcome of outcomes) expect(outcome).toBeInstanceOf(BucketUnavailable)
  })

  it('hangs, and whoever waits goes away: the put ends at once', async () => {
    proxy.fate = () => hang
    const abort = new AbortController()
    const attempt = bucket.put('items/h/original', Readable.from(['x']), {
      mime,
      size: 1,
      signal: abort.signal,
    })
    await sleep(200)
    abort.abort(new Error('gone'))
    expect(await within(500, attempt)).toEqual(new Error('gone'))
  })

  it('stalls in a body that is wanted: it errors', async () => {
    proxy.fate = () => ({ kind: 'stall', bytes: MiB })
    const opened = await bucket.open(key)
    const reading = buffer(opened?.body ?? Readable.from([]))
    expect(await within(6_000, reading)).toBeInstanceOf(BucketUnavailable)
  })

  it('loses the answer that completes an upload: the object counts as stored', async () => {
    let lost = false
    proxy.fate = ({ method, url = '' }) => {
      if (method !== 'POST' || !url.includes('uploadId=')) return pass
      // Ceph and Amazon say yes again when asked again; MinIO says that there is no such upload.
      if (lost) return { kind: 'status', status: 404, code: 'NoSuchUpload' }
      lost = true
      return { kind: 'lose' }
    }
    const size = 20 * MiB
    const attempt = bucket.put('items/i/original', Readable.from([randomBytes(size)]), { mime })
    expect(await attempt).toMatchObject({ size })
    expect(lost).toBe(true)
    const opened = await direct.open('items/i/original')
    opened?.body.destroy()
    expect(opened?.size).toBe(size)
  })

  it('is not there: BucketUnavailable', async () => {
    const nowhere = s3Bucket({ ...options, endpoint: `http://127.0.0.1:${await freePort()}` })
    expect(await within(5_000, nowhere.check())).toBeInstanceOf(BucketUnavailable)
    expect(await within(5_000, nowhere.open(key))).toBeInstanceOf(BucketUnavailable)
    await nowhere.close()
    const none = s3Bucket({ ...options, bucket: 'there-is-no-such-bucket' })
    expect(await within(5_000, none.open(key))).toBeInstanceOf(BucketUnavailable)
    expect(await within(5_000, none.check())).toBeInstanceOf(BucketUnavailable)
    await none.close()
    const stranger = s3Bucket({ ...options, secretAccessKey: 'wrong' })
    expect(await within(5_000, stranger.open(key))).toBeInstanceOf(BucketUnavailable)
    expect(await within(5_000, stranger.put('a', Readable.from(['x']), { mime }))).toBeInstanceOf(
      BucketUnavailable,
    )
    await stranger.close()
  })

  it('refuses to delete: removeAll throws, and finishes the next time', async () => {
    await direct.put('items/j/original', Readable.from(['x']), { mime })
    const key = 'items/j/original'
    for (const errors of [`<Error><Key>${key}</Key><Code>AccessDenied</Code></Error>`, '']) {
      // Without an error: a server that says yes and keeps the object is found out, too.
      const xml = `<DeleteResult>${errors}</DeleteResult>`
      proxy.fate = ({ method, url = '' }) =>
        method === 'POST' && url.includes('delete') ? { kind: 'say', xml } : pass
      await expect(bucket.removeAll('items/j/')).rejects.toThrow(BucketUnavailable)
    }
    proxy.fate = () => pass
    await bucket.removeAll('items/j/')
    expect(await direct.open('items/j/original')).toBeNull()
  })

  it('gives presigned addresses: for at most 60 seconds, with name and type', async () => {
    const disposition = `attachment; filename="a.jpg"; filename*=UTF-8''%C3%A4.jpg`
    const address = await direct.presign(key, { seconds: 600, mime: 'image/jpeg', disposition })
    const answer = await fetch(address ?? '')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-disposition')).toBe(disposition)
    expect(answer.headers.get('content-type')).toBe('image/jpeg')
    expect((await answer.arrayBuffer()).byteLength).toBe(8 * MiB)
    expect(new URL(address ?? '').searchParams.get('X-Amz-Expires')).toBe('60')
    const ranged = await fetch(address ?? '', { headers: { range: 'bytes=0-1' } })
    expect(ranged.status).toBe(206)
    expect((await fetch((address ?? '').replace(/Signature=../, 'Signature=00'))).status).toBe(403)
  })

  it('removes more than a thousand objects', async () => {
    const names = Array.from({ length: 1_050 }, (_, index) => `items/many/${index}`)
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(
        names.slice(from, from + 50).map((name) => direct.put(name, Readable.from(['x']), { mime, size: 1 })),
      )
    }
    expect(await collect(direct.list('items/many/'))).toHaveLength(1_050)
    await direct.removeAll('items/many/')
    expect(await collect(direct.list('items/many/'))).toEqual([])
  })
})
