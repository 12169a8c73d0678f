import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { factsOf } from '../support/facts-of.ts'
import type { Bucket, PartialObject, ResumableBucket } from '../../src/ports.ts'

const MiB = 1024 * 1024
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** What every resumable bucket does. `start` makes one and the bucket that its objects are in. */
export function resumableContract(
  name: string,
  start: () => Promise<{ bucket: Bucket; resumable: ResumableBucket; stop(): Promise<void> }>,
): void {
  describe(`a resumable bucket: ${name}`, () => {
    let started: Awaited<ReturnType<typeof start>>
    beforeAll(async () => {
      started = await start()
    })
    afterAll(async () => {
      await started.resumable.close()
      await started.bucket.close()
      await started.stop()
    })

    const fresh = (size: number): PartialObject => ({
      key: `items/${randomUUID()}/original`,
      mime: 'image/jpeg',
      size,
      offset: 0,
      state: '',
    })
    /** In pieces of a network's size; `breaksAt`: throws after so many bytes. */
    async function* pieces(bytes: Buffer, breaksAt = Infinity): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 60_000) {
        if (at >= breaksAt) throw new Error('broken off')
        yield bytes.subarray(at, at + 60_000)
      }
    }
    /** Appends and answers all that was told, and what was thrown. */
    async function append(growing: PartialObject, body: AsyncIterable<Buffer>) {
      const told: PartialObject[] = []
      let error: unknown
      try {
        for await (const grown of started.resumable.append(growing, body)) told.push(grown)
      } catch (thrown) {
        error = thrown
      }
      return { told, last: told.at(-1) ?? growing, error }
    }
    async function stored(key: string): Promise<string | null> {
      const object = await started.bucket.open(key)
      return object && sha256(await buffer(object.body))
    }
    async function keysUnder(prefix: string): Promise<string[]> {
      const found: string[] = []
      for await (const { key } of started.bucket.list(prefix)) found.push(key)
      return found
    }
    const folderOf = ({ key }: PartialObject): string => key.slice(0, key.lastIndexOf('/') + 1)

    it.each([1, 100_000, 5 * MiB, 5 * MiB + 1, 10 * MiB, 37 * MiB + 17])(
      'keeps %i bytes that come at once',
      async (size) => {
        const bytes = randomBytes(size)
        const { last, error } = await append(fresh(size), pieces(bytes))
        expect([error, last.offset]).toEqual([undefined, size])
        expect(await started.resumable.complete(last)).toEqual(factsOf(bytes))
        expect(await stored(last.key)).toBe(sha256(bytes))
        expect(await keysUnder(folderOf(last))).toEqual([last.key])
        expect(await started.resumable.complete(last)).toEqual(factsOf(bytes))
        expect(await stored(last.key)).toBe(sha256(bytes))
      },
    )

    it('goes on where each of many connections broke off', async () => {
      const bytes = randomBytes(23 * MiB + 5)
      let growing = fresh(bytes.length)
      const stops = [1000, 4 * MiB, 6 * MiB, 7 * MiB, 15 * MiB, 16 * MiB]
      for (const stop of stops) {
        const before = growing.offset
        const { last, error } = await append(growing, pieces(bytes.subarray(before), stop - before))
        expect(error).toEqual(new Error('broken off'))
        expect(last.offset).toBeGreaterThanOrEqual(stop)
        growing = last
      }
      expect(await stored(growing.key)).toBeNull()
      const { last } = await append(growing, pieces(bytes.subarray(growing.offset)))
      expect(await started.resumable.complete(last)).toEqual(factsOf(bytes))
      expect(await stored(last.key)).toBe(sha256(bytes))
      expect(await keysUnder(folderOf(last))).toEqual([last.key])
    })

    it.each([64 * 1024, 512 * 1024, 8 * MiB])('puts many connections of %i bytes together', async (step) => {
      const bytes = randomBytes(step < MiB ? 11 * MiB + 7 : 40 * MiB)
      let growing = fresh(bytes.length)
      while (growing.offset < bytes.length) {
        const { offset } = growing
        const { last, error } = await append(growing, pieces(bytes.subarray(offset, offset + step)))
        // Durable before it is answered.
        expect([error, last.offset]).toEqual([undefined, Math.min(offset + step, bytes.length)])
        growing = last
      }
      expect(await started.resumable.complete(growing)).toEqual(factsOf(bytes))
      expect(await stored(growing.key)).toBe(sha256(bytes))
      expect(await keysUnder(folderOf(growing))).toEqual([growing.key])
    })

    it('is not disturbed by an older connection that wakes up and writes what it had', async () => {
      const bytes = randomBytes(12 * MiB)
      const { last: first } = await append(fresh(bytes.length), pieces(bytes.subarray(0, 6 * MiB)))
      let wake = (): void => {}
      const asleep = new Promise<void>((resolve) => (wake = resolve))
      async function* slept(): AsyncGenerator<Buffer> {
        yield bytes.subarray(6 * MiB, 7 * MiB)
        await asleep
      }
      const older = append(first, slept())
      const { last: second } = await append(first, pieces(bytes.subarray(6 * MiB, 9 * MiB)))
      wake()
      // Nobody notes what it says: another connection took the upload over.
      await older
      const { last } = await append(second, pieces(bytes.subarray(second.offset)))
      expect(await started.resumable.complete(last)).toEqual(factsOf(bytes))
      expect(await stored(last.key)).toBe(sha256(bytes))
      expect(await keysUnder(folderOf(last))).toEqual([last.key])
    })

    it('goes on from an earlier state when what followed was not noted', async () => {
      const bytes = randomBytes(22 * MiB)
      const { last: first } = await append(fresh(bytes.length), pieces(bytes.subarray(0, 7 * MiB)))
      // Written by a process that could not note it: other bytes, further on.
      for await (const grown of started.resumable.append(first, pieces(randomBytes(9 * MiB))))
        if (grown.offset > first.offset) break
      const { last } = await append(first, pieces(bytes.subarray(first.offset)))
      expect(await started.resumable.complete(last)).toEqual(factsOf(bytes))
      expect(await stored(last.key)).toBe(sha256(bytes))
      expect(await keysUnder(folderOf(last))).toEqual([last.key])
    })

    it('never completes an object that has a hole', async () => {
      const bytes = randomBytes(12 * MiB)
      const { last } = await append(fresh(bytes.length), pieces(bytes.subarray(0, 11 * MiB)))
      await expect(started.resumable.complete({ ...last, offset: last.size })).rejects.toThrow()
      expect(await stored(last.key)).toBeNull()
      await started.bucket.removeAll(folderOf(last))
    })

    it('is removed with its prefix, finished or not', async () => {
      const { last } = await append(fresh(12 * MiB), pieces(randomBytes(7 * MiB)))
      await started.bucket.removeAll(folderOf(last))
      expect(await keysUnder(folderOf(last))).toEqual([])
      expect(await started.bucket.sweepUnfinished(-60_000)).toBe(0)
      const { error } = await append(last, pieces(randomBytes(5 * MiB)))
      expect(error).toBeInstanceOf(Error)
    })

    it('keeps bytes as they come, long before the end', async () => {
      const { told } = await append(fresh(80 * MiB), pieces(randomBytes(80 * MiB)))
      expect(told.length).toBeGreaterThan(1)
      expect(told.map(({ offset }) => offset)).toEqual(
        told.map(({ offset }) => offset).toSorted((one, two) => one - two),
      )
    })

    it('takes twenty at once in bounded memory', async () => {
      const bytes = randomBytes(11 * MiB)
      const grown = await Promise.all(
        Array.from({ length: 20 }, async () => append(fresh(bytes.length), pieces(bytes))),
      )
      await Promise.all(grown.map(({ last }) => started.resumable.complete(last)))
      for (const { last } of grown) expect(await stored(last.key)).toBe(sha256(bytes))
    })
  })
}
