import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planZip } from '../../../src/media/zip/plan.ts'
import { readZip } from '../../../src/media/zip/read.ts'
import type { OpenEntry, OpenEntryFunction } from '../../../src/media/zip/entry-source.ts'
import { chunked, collect, content, MemoryBucket } from './archive.ts'

describe('readZip', () => {
  it('gives any range of any archive as the whole has it, and reads only what that range needs', async () => {
    const archive = fc.record({
      sizes: fc.array(fc.oneof(fc.nat(40), fc.nat(5000), fc.nat(200_000)), { maxLength: 12 }),
      chunk: fc.constantFrom(1000, 16 * 1024, 64 * 1024, 300_000),
      readAhead: fc.nat(4),
      ranges: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(100_000)), {
        minLength: 4,
        maxLength: 4,
      }),
    })
    await fc.assert(
      fc.asyncProperty(archive, async ({ sizes, chunk, readAhead, ranges }) => {
        const bucket = new MemoryBucket({ chunk })
        const entries = sizes.map((size, index) =>
          bucket.add(
            index % 3 ? `${index}.jpg` : `é ${index}.jpg`,
            content(size, index),
            index % 2 ? null : undefined,
          ),
        )
        const plan = planZip(entries)
        const whole = await collect(readZip(plan, { open: bucket.open, readAhead }))
        expect(whole.length).toBe(plan.size)
        for (const [entryIndex, entry] of entries.entries()) {
          const end = plan.offsets[entryIndex + 1] ?? 0
          expect(whole.subarray(end - entry.size, end).equals(bucket.objects.get(entry.key) ?? whole)).toBe(
            true,
          )
        }
        for (const [where, length] of ranges) {
          const start = Math.min(plan.size - 1, Math.floor(where * plan.size))
          const end = Math.min(plan.size - 1, start + length)
          bucket.asked.length = 0
          const part = await collect(readZip(plan, { open: bucket.open, range: { start, end }, readAhead }))
          expect(part.equals(whole.subarray(start, end + 1))).toBe(true)
          const read = bucket.asked.map(({ key, range }) =>
            range ? range.end - range.start + 1 : (bucket.objects.get(key)?.length ?? NaN),
          )
          expect(read.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(part.length)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('gives every single range of a small archive', async () => {
    const bucket = new MemoryBucket({ chunk: 3 })
    const plan = planZip([
      bucket.add('a', content(7)),
      bucket.add('b', content(0)),
      bucket.add('c', content(5)),
    ])
    const whole = await collect(readZip(plan, { open: bucket.open }))
    for (let start = 0; start < plan.size; start += 1)
      for (const end of [start, Math.min(plan.size - 1, start + 45), plan.size - 1]) {
        const part = await collect(readZip(plan, { open: bucket.open, range: { start, end } }))
        expect(part.equals(whole.subarray(start, end + 1))).toBe(true)
      }
  })

  it('refuses a range outside of the archive', () => {
    const bucket = new MemoryBucket()
    const plan = planZip([bucket.add('a', content(7))])
    const read = (start: number, end: number) => () =>
      readZip(plan, { open: bucket.open, range: { start, end } })
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [0, plan.size],
      [plan.size, plan.size],
      [0.5, 3],
      [0, NaN],
    ] as const)
      expect(read(start, end)).toThrow(RangeError)
    expect(bucket.asked).toEqual([])
  })

  it('opens nothing before it is read, then a few entries ahead, bounded in number and bytes', async () => {
    const bucket = new MemoryBucket()
    const small = planZip(Array.from({ length: 50 }, (_, index) => bucket.add(`s${index}`, content(1000))))
    const reader = readZip(small, { open: bucket.open, readAhead: 5 })
    expect(bucket.asked).toHaveLength(0)
    reader.read(0)
    expect(bucket.asked).toHaveLength(6)
    reader.destroy()

    bucket.asked.length = 0
    const entry = bucket.add('large', content(5_000_000))
    const large = planZip(Array.from({ length: 9 }, (_, index) => ({ ...entry, name: `${index}` })))
    const slow = readZip(large, { open: bucket.open })
    slow.read(0)
    await expect.poll(() => bucket.asked.length).toBe(2)
    await wait(50)
    expect(bucket.asked).toHaveLength(2)
    slow.destroy()
  })

  it('hides the time that the bucket takes to answer', async () => {
    const bucket = new MemoryBucket({ delayMs: 20 })
    const plan = planZip(Array.from({ length: 100 }, (_, index) => bucket.add(`${index}`, content(1000))))
    let waited = 0
    const open: OpenEntryFunction = async (key, range) => {
      const asked = performance.now()
      const opened = await bucket.open(key, range)
      waited += performance.now() - asked
      return opened
    }
    const started = performance.now()
    await collect(readZip(plan, { open }))
    // One after the other they would take all of the 2,000 ms and more that were waited for.
    expect(performance.now() - started).toBeLessThan(waited / 2.5)
  })

  it('does not read on while nobody takes the bytes', async () => {
    const bucket = new MemoryBucket()
    const given: number[] = []
    const entry = bucket.add('a', content(4_000_000))
    const plan = planZip([entry, { ...entry, name: 'b' }, { ...entry, name: 'c' }])
    const open: OpenEntryFunction = async (key, range) => {
      const opened = await bucket.open(key, range)
      const push = opened?.body.push.bind(opened.body)
      if (opened && push)
        opened.body.push = (chunk: unknown) => {
          if (Buffer.isBuffer(chunk)) given.push(chunk.length)
          return push(chunk)
        }
      return opened
    }
    const reader = readZip(plan, { open })
    reader.read(0)
    await wait(200)
    expect(given.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(1_000_000)
    expect((await collect(reader)).length).toBe(plan.size)
  })

  it('puts many small files together', async () => {
    const bucket = new MemoryBucket()
    const plan = planZip(Array.from({ length: 1000 }, (_, index) => bucket.add(`${index}`, content(1000))))
    let pieces = 0
    const reader = readZip(plan, { open: bucket.open }).on('data', () => (pieces += 1))
    await finished(reader)
    expect(pieces).toBeLessThan(40)
  })
})

describe('readZip when something fails', () => {
  const bytes = content(300_000)
  /** An archive of three, of which `open` changes the second. */
  async function readWith(
    change: (opened: { body: Readable; size: number }) => { body: Readable; size: number } | null,
  ) {
    const bucket = new MemoryBucket()
    const entries = ['a', 'b', 'c'].map((name) => bucket.add(name, bytes))
    const plan = planZip(entries)
    const whole = await collect(readZip(plan, { open: bucket.open }))
    const bodies: Readable[] = []
    const open: OpenEntryFunction = async (key, range) => {
      const opened = await bucket.open(key, range)
      const result = opened && key === entries[1]?.key ? change(opened) : opened
      if (result) bodies.push(result.body)
      return result
    }
    const got: Buffer[] = []
    const reader = readZip(plan, { open })
    reader.on('data', (chunk: Buffer) => got.push(chunk))
    const error = await new Promise<Error | null>((resolve) => {
      reader.on('error', resolve).on('end', () => resolve(null))
    })
    await wait(5)
    return {
      error,
      got: Buffer.concat(got),
      whole,
      bodies,
      secondData: (plan.offsets[2] ?? 0) - bytes.length,
    }
  }

  it.each([
    ['is missing', 'missing', (): OpenEntry | null => null],
    ['is too short', 'changed', () => ({ body: chunked(bytes.subarray(0, -1)), size: bytes.length })],
    ['is empty', 'changed', () => ({ body: chunked(Buffer.alloc(0)), size: bytes.length })],
    ['is too long', 'changed', () => ({ body: chunked(Buffer.concat([bytes, bytes])), size: bytes.length })],
    [
      'is one byte too long',
      'changed',
      () => ({ body: chunked(Buffer.concat([bytes, Buffer.from('x')]), 300_000), size: bytes.length }),
    ],
    ['has another size', 'changed', () => ({ body: chunked(bytes), size: bytes.length + 1 })],
    ['gives text', 'changed', () => ({ body: chunked(bytes).setEncoding('latin1'), size: bytes.length })],
    [
      'cannot be opened',
      'failed',
      () => {
        throw new Error('no route to bucket')
      },
    ],
    ['was destroyed before', 'failed', () => ({ body: chunked(bytes).destroy(), size: bytes.length })],
    [
      'breaks off with an error',
      'failed',
      () => ({ body: breaking(bytes, new Error('reset')), size: bytes.length }),
    ],
    ['breaks off without one', 'failed', () => ({ body: breaking(bytes), size: bytes.length })],
    [
      'fails at once',
      'failed',
      () => ({
        body: failing('at once'),
        size: bytes.length,
      }),
    ],
  ] as const)('breaks the archive when an entry %s', async (_, reason, change) => {
    const { error, got, whole, bodies, secondData } = await readWith(change)
    expect(error).toMatchObject({ name: 'ZipEntryError', reason, key: 'items/b/original' })
    // What was sent before is right, and the third entry's bytes never came.
    expect(got.equals(whole.subarray(0, got.length))).toBe(true)
    expect(got.length).toBeLessThanOrEqual(secondData + bytes.length)
    expect(bodies.every((body) => body.destroyed)).toBe(true)
  })

  it('opens anew what failed while it waited for its turn', async () => {
    const bucket = new MemoryBucket()
    const plan = planZip(['a', 'b', 'c'].map((name) => bucket.add(name, bytes)))
    const failed = new Set<string>()
    const open: OpenEntryFunction = async (key, range) => {
      const opened = await bucket.open(key, range)
      if (key.includes('/a/') || failed.has(key)) return opened
      failed.add(key)
      opened?.body.destroy(new Error('idle for too long'))
      return opened
    }
    const whole = await collect(readZip(plan, { open: bucket.open }))
    const reader = readZip(plan, { open })
    reader.read(0)
    await wait(20)
    expect(failed.size).toBe(2)
    expect((await collect(reader)).equals(whole)).toBe(true)
  })

  it('ends every stream within a tick when it is destroyed, also those still being opened', async () => {
    const bucket = new MemoryBucket()
    const plan = planZip(Array.from({ length: 20 }, (_, index) => bucket.add(`${index}`, content(200_000))))
    let answerLate: () => void = () => undefined
    const late = new Promise<void>((resolve) => (answerLate = resolve))
    const lateBodies: Readable[] = []
    let opened = 0
    const open: OpenEntryFunction = async (key, range) => {
      opened += 1
      if (opened <= 3) return bucket.open(key, range)
      await late
      const body = failing('too late')
      lateBodies.push(body)
      return { body, size: 200_000 }
    }
    const reader = readZip(plan, { open })
    reader.read(0)
    await wait(20)
    expect(bucket.bodies.some((body) => !body.destroyed)).toBe(true)
    reader.destroy()
    await new Promise(setImmediate)
    expect(bucket.bodies.every((body) => body.destroyed)).toBe(true)
    const openedBefore = opened
    answerLate()
    await wait(20)
    expect(lateBodies.length).toBeGreaterThan(0)
    expect(lateBodies.every((body) => body.destroyed)).toBe(true)
    expect(opened).toBe(openedBefore)
  })

  it('ends with its signal', async () => {
    const bucket = new MemoryBucket()
    const plan = planZip([bucket.add('a', content(5_000_000))])
    const controller = new AbortController()
    const reader = readZip(plan, { open: bucket.open, signal: controller.signal })
    reader.read(0)
    await wait(20)
    controller.abort()
    await expect(collect(reader)).rejects.toMatchObject({ name: 'AbortError' })
    expect(bucket.bodies.every((body) => body.destroyed)).toBe(true)
  })
})

/** Gives half of `bytes`, then breaks. */
function breaking(bytes: Buffer, error?: Error): Readable {
  let given = false
  return new Readable({
    read() {
      if (given) this.destroy(error)
      else this.push(bytes.subarray(0, bytes.length / 2))
      given = true
    },
  })
}

function failing(message: string): Readable {
  return new Readable({
    read() {
      this.destroy(new Error(message))
    },
  })
}
