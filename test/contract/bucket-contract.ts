import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bucket, ByteRange } from '../../src/ports.ts'
import { factsOf } from '../support/facts-of.ts'
import { onBusyMachine } from '../support/timing.ts'

const MiB = 1024 * 1024
const mime = 'application/octet-stream'

/** What every bucket does. `start` makes one, with the function that ends it. */
export function bucketContract(
  name: string,
  start: () => Promise<{ bucket: Bucket; stop(): Promise<void> }>,
): void {
  describe(`a bucket: ${name}`, () => {
    let bucket: Bucket
    let stop: () => Promise<void>
    let directory: string
    beforeAll(async () => {
      const started = await start()
      bucket = started.bucket
      stop = started.stop
      directory = await mkdtemp(join(tmpdir(), 'mayfly-bucket-'))
    })
    afterAll(async () => {
      await bucket.close()
      await stop()
      await rm(directory, { recursive: true, force: true })
    })

    const newItem = () => `items/${randomUUID()}`
    const put = (key: string, bytes: Buffer, size?: number) =>
      bucket.put(key, Readable.from([bytes]), { mime, ...(size === undefined ? {} : { size }) })
    async function get(key: string, range?: ByteRange) {
      const opened = await bucket.open(key, range)
      return opened === null ? null : await buffer(opened.body)
    }
    async function listed(prefix: string) {
      const entries = []
      for await (const entry of bucket.list(prefix)) entries.push(entry)
      return entries
    }
    const keysUnder = async (prefix: string) => (await listed(prefix)).map(({ key }) => key).sort()
    /** `bytes` in pieces of odd sizes, as a network gives them. */
    function inPieces(bytes: Buffer, largest = 100_000): Readable {
      function* pieces() {
        for (let at = 0; at < bytes.length;) {
          const length = 1 + ((at * 7919) % largest)
          yield bytes.subarray(at, at + length)
          at += length
        }
      }
      return Readable.from(pieces(), { objectMode: false })
    }
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

    it('answers null for what is not there', async () => {
      const key = `${newItem()}/original`
      expect(await bucket.open(key)).toBeNull()
      expect(await bucket.open(key, { start: 0, end: 0 })).toBeNull()
      expect(await bucket.localFile(key, directory)).toBeNull()
      expect(await listed(key)).toEqual([])
      await expect(bucket.removeAll(key)).resolves.toBeUndefined()
    })

    it('gives back what was put, all or in ranges', async () => {
      const key = `${newItem()}/original`
      const bytes = randomBytes(300_001)
      expect(await put(key, bytes, bytes.length)).toEqual(factsOf(bytes))
      expect((await bucket.open(key).then((opened) => (opened?.body.destroy(), opened)))?.size).toBe(300_001)
      expect((await get(key))?.equals(bytes)).toBe(true)
      for (const [start, end] of [
        [0, 0],
        [0, 1],
        [1, 299_999],
        [300_000, 300_000],
        [0, 300_000],
        [262_143, 262_144],
      ] as const) {
        const opened = await bucket.open(key, { start, end })
        expect(opened?.size).toBe(bytes.length)
        const part = await buffer(opened?.body ?? Readable.from([]))
        expect(part.equals(bytes.subarray(start, end + 1)), `${start}-${end}`).toBe(true)
      }
    })

    it('refuses a range that is not inside the object', async () => {
      const key = `${newItem()}/original`
      await put(key, Buffer.from('0123456789'), 10)
      for (const [start, end] of [
        [0, 10],
        [10, 10],
        [5, 4],
        [-1, 3],
      ] as const) {
        await expect(bucket.open(key, { start, end })).rejects.toThrow(RangeError)
      }
    })

    it('takes an empty object', async () => {
      for (const size of [0, undefined]) {
        const key = `${newItem()}/original`
        expect(await bucket.put(key, Readable.from([]), { mime, ...(size === 0 ? { size } : {}) })).toEqual(
          factsOf(Buffer.alloc(0)),
        )
        expect(await get(key)).toEqual(Buffer.alloc(0))
      }
    })

    it('takes 20 MiB of unknown length, in pieces of any size', async () => {
      const key = `${newItem()}/original`
      const bytes = randomBytes(20 * MiB + 7)
      expect(await bucket.put(key, inPieces(bytes), { mime })).toEqual(factsOf(bytes))
      const back = await get(key)
      expect(back === null ? null : hash(back)).toBe(hash(bytes))
      expect(await get(key, { start: 20 * MiB, end: 20 * MiB + 6 })).toEqual(bytes.subarray(20 * MiB))
    })

    it('takes 20 MiB of known length', async () => {
      const key = `${newItem()}/original`
      const bytes = randomBytes(20 * MiB + 7)
      expect(await bucket.put(key, inPieces(bytes), { mime, size: bytes.length })).toEqual(factsOf(bytes))
      const back = await get(key)
      expect(back === null ? null : hash(back)).toBe(hash(bytes))
    })

    it('replaces an object in one step', async () => {
      const key = `${newItem()}/original`
      await put(key, Buffer.from('the first, which is longer'))
      await put(key, Buffer.from('the second'))
      expect(String(await get(key))).toBe('the second')
    })

    it('goes on giving an object that is replaced or removed meanwhile, or breaks, but never mixes', async () => {
      const key = `${newItem()}/original`
      const old = Buffer.alloc(4 * MiB, 'a')
      await put(key, old)
      const opened = await bucket.open(key)
      await put(key, Buffer.alloc(4 * MiB, 'b'))
      const bytes = await buffer(opened?.body ?? Readable.from([])).catch(() => old)
      expect(bytes.equals(old)).toBe(true)
    })

    it.each([
      ['short', 9],
      ['long', 11],
      ['long, past one part', 30 * MiB],
      ['short, past one part', 19 * MiB],
    ])('fails a body that is too %s, and keeps nothing of it', async (label, length) => {
      const key = `${newItem()}/original`
      const size = length > 100 ? 20 * MiB : 10
      const body = inPieces(Buffer.alloc(length))
      await expect(bucket.put(key, body, { mime, size }), label).rejects.toThrow()
      expect(body.destroyed).toBe(true)
      expect(await bucket.open(key)).toBeNull()
      expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
    })

    it.each([
      ['at once', 0],
      ['after a little', 1000],
      ['after 12 MiB', 12 * MiB],
    ])('keeps nothing of a body that fails %s', async (_label, length) => {
      const key = `${newItem()}/original`
      const body = Readable.from(
        (async function* () {
          if (length > 0) yield randomBytes(length)
          await sleep(50)
          throw new Error('the sender went away')
        })(),
      )
      await expect(bucket.put(key, body, { mime })).rejects.toThrow('the sender went away')
      expect(await bucket.open(key)).toBeNull()
      expect(await keysUnder(key)).toEqual([])
      expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
    })

    it('keeps nothing of a put that is aborted, and destroys its body', async () => {
      for (const first of [10, 12 * MiB]) {
        const key = `${newItem()}/original`
        const body = new PassThrough({ highWaterMark: 32 * MiB })
        const abort = new AbortController()
        const attempt = bucket.put(key, body, { mime, signal: abort.signal })
        body.write(randomBytes(first))
        await sleep(100)
        abort.abort(new Error('enough'))
        await expect(attempt).rejects.toThrow()
        expect(body.destroyed).toBe(true)
        expect(await bucket.open(key)).toBeNull()
        expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
      }
      const body = Readable.from(['x'])
      await expect(
        bucket.put(`${newItem()}/original`, body, { mime, signal: AbortSignal.abort() }),
      ).rejects.toThrow()
      expect(body.destroyed).toBe(true)
    })

    it('fails for a body that has failed before, without an uncaughtException', async () => {
      const body = new PassThrough()
      body.on('error', () => undefined)
      body.destroy(new Error('before'))
      await sleep(10)
      await expect(bucket.put(`${newItem()}/original`, body, { mime })).rejects.toThrow()
    })

    it('shows an object only when all of it is there', async () => {
      const key = `${newItem()}/original`
      const body = new PassThrough({ highWaterMark: 32 * MiB })
      const attempt = bucket.put(key, body, { mime })
      body.write(randomBytes(12 * MiB))
      await sleep(200)
      expect(await bucket.open(key)).toBeNull()
      expect(await keysUnder(key)).toEqual([])
      body.end('x')
      expect(await attempt).toMatchObject({ size: 12 * MiB + 1 })
      expect(await keysUnder(key)).toEqual([key])
    })

    it('ends unfinished puts that are old, and only those', async () => {
      const key = `${newItem()}/original`
      const body = new PassThrough({ highWaterMark: 32 * MiB })
      const attempt = bucket.put(key, body, { mime }).catch((error: unknown) => error)
      body.write(randomBytes(12 * MiB))
      await sleep(500)
      expect(await bucket.sweepUnfinished(60_000)).toBe(0)
      await expect.poll(() => bucket.sweepUnfinished(-60_000)).toBe(1)
      body.end()
      expect(await attempt).toBeInstanceOf(Error)
      expect(await bucket.open(key)).toBeNull()
      expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
    })

    it('removes all under a prefix and nothing else', async () => {
      const item = newItem()
      const other = newItem()
      const keys = [`${item}/original`, `${item}/thumb`, `${item}/deep/er/still`, `${item}x/original`]
      await Promise.all([...keys, `${other}/original`].map((key) => put(key, Buffer.from(key))))
      await bucket.removeAll(`${item}/`)
      expect(await keysUnder(item)).toEqual([`${item}x/original`])
      await bucket.removeAll(item)
      expect(await keysUnder(item)).toEqual([])
      expect(await keysUnder(`${other}/orig`)).toEqual([`${other}/original`])
      await bucket.removeAll(`${other}/original`)
      expect(await bucket.open(`${other}/original`)).toBeNull()
    })

    it('removes unfinished puts under a prefix too: they end as errors', async () => {
      const item = newItem()
      const body = new PassThrough({ highWaterMark: 32 * MiB })
      const attempt = bucket.put(`${item}/original`, body, { mime }).catch((error: unknown) => error)
      body.write(randomBytes(12 * MiB))
      // Until the bucket knows of it: what it has not heard of it cannot remove.
      await sleep(3_000)
      await bucket.removeAll(`${item}/`)
      body.end('the rest')
      expect(await attempt).toBeInstanceOf(Error)
      expect(await bucket.open(`${item}/original`)).toBeNull()
      expect(await keysUnder(item)).toEqual([])
      expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
    })

    it('lists sizes and ages', async () => {
      const item = newItem()
      const began = Date.now()
      await put(`${item}/a`, Buffer.alloc(5))
      await put(`${item}/b`, Buffer.alloc(7))
      const entries = (await listed(`${item}/`)).sort((one, two) => one.size - two.size)
      expect(entries.map(({ key, size }) => [key, size])).toEqual([
        [`${item}/a`, 5],
        [`${item}/b`, 7],
      ])
      for (const { modifiedAt } of entries) {
        expect(modifiedAt).toBeGreaterThan(began - 5_000)
        expect(modifiedAt).toBeLessThan(Date.now() + 5_000)
      }
    })

    it('refuses keys that are none, and an empty prefix for removal', async () => {
      const bad = [
        '',
        '/',
        'a/',
        '/a',
        'a//b',
        '.',
        '..',
        'a/../b',
        'a/.hidden',
        'A',
        'ä',
        'a\0',
        'a b',
        'a\\b',
      ]
      for (const key of [...bad, `${'a'.repeat(201)}`, `a/`.repeat(500) + 'a']) {
        const body = Readable.from(['x'])
        await expect(bucket.put(key, body, { mime }), key).rejects.toThrow(TypeError)
        expect(body.destroyed).toBe(true)
        await expect(bucket.open(key), key).rejects.toThrow(TypeError)
        await expect(bucket.localFile(key, directory), key).rejects.toThrow(TypeError)
      }
      for (const prefix of ['', '/', '..', '../', '.unfinished', 'a//', 'a/../', 'a/.']) {
        await expect(bucket.removeAll(prefix), prefix).rejects.toThrow(TypeError)
      }
    })

    it('gives a local file with the bytes', async () => {
      const key = `${newItem()}/original`
      const bytes = randomBytes(3 * MiB)
      await put(key, bytes)
      const path = await bucket.localFile(key, directory)
      expect(path === null ? null : hash(await readFile(path))).toBe(hash(bytes))
    })

    it.each([10, 20 * MiB])('takes a local file of %i bytes', async (length) => {
      const key = `${newItem()}/copy`
      const path = join(directory, randomUUID())
      const bytes = randomBytes(length)
      await writeFile(path, bytes)
      expect(await bucket.putFile(key, path, { mime })).toEqual(factsOf(bytes))
      await rm(path, { force: true })
      const back = await get(key)
      expect(back === null ? null : hash(back)).toBe(hash(bytes))
      await bucket.removeAll(key)
    })

    it('answers the size and the hashes of what it stored, of an empty body too', async () => {
      for (const bytes of [Buffer.alloc(0), Buffer.from('x'), randomBytes(3 * MiB + 11)]) {
        const key = `${newItem()}/original`
        expect(await bucket.put(key, inPieces(bytes), { mime })).toEqual(factsOf(bytes))
        const path = join(directory, randomUUID())
        await writeFile(path, bytes)
        expect(await bucket.putFile(`${key}-copy`, path, { mime })).toEqual(factsOf(bytes))
        await rm(path, { force: true })
      }
    })

    it('fails for a local file that is not there, or no file', async () => {
      await expect(bucket.putFile(`${newItem()}/copy`, join(directory, 'absent'), { mime })).rejects.toThrow()
      await expect(bucket.putFile(`${newItem()}/copy`, directory, { mime })).rejects.toThrow()
    })

    it('closes what is opened and not read to its end', async () => {
      const key = `${newItem()}/original`
      await put(key, randomBytes(8 * MiB))
      const before = openFiles()
      for (let round = 0; round < 20; round += 1) {
        const opened = await bucket.open(key)
        opened?.body.on('error', () => undefined)
        if (round % 2 === 0) await once(opened?.body ?? new PassThrough(), 'readable')
        opened?.body.destroy()
      }
      await expect
        .poll(async () => (await openFiles()) - (await before), { timeout: onBusyMachine(2_000) })
        .toBeLessThan(3)
    })

    it('takes 40 puts and reads at once', async () => {
      const item = newItem()
      const all = Array.from({ length: 40 }, (_, index) => ({
        key: `${item}/${index}`,
        bytes: randomBytes(10_000 + index * 1000),
      }))
      await Promise.all(all.map(({ key, bytes }) => put(key, bytes, bytes.length)))
      const back = await Promise.all(all.map(({ key }) => get(key)))
      expect(back.every((bytes, index) => bytes !== null && all[index]?.bytes.equals(bytes))).toBe(true)
      await bucket.removeAll(`${item}/`)
      expect(await keysUnder(item)).toEqual([])
    })

    it('answers check', async () => {
      await expect(bucket.check()).resolves.toBeUndefined()
      expect(await bucket.sweepUnfinished(-60_000)).toBe(0)
    })
  })
}

/** How many files and sockets this process has open; 0 where the system does not say. */
async function openFiles(): Promise<number> {
  return existsSync('/proc/self/fd') ? (await readdir('/proc/self/fd')).length : 0
}
