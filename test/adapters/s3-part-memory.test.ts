import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { s3Resumable } from '../../src/adapters/s3/s3-resumable.ts'
import type { PartialObject, Party } from '../../src/ports.ts'
import { newBucket } from './s3-ground.ts'

const MiB = 1024 * 1024
const of = (...names: string[]): Party => names.map((name) => ({ name, persons: 1 }))
const fresh = (size: number): PartialObject => ({
  ...{ key: `items/${randomUUID()}/original`, mime: 'image/jpeg' },
  ...{ size, offset: 0, state: '' },
})

describe('protection 50: the memory for parts of uploads to S3', () => {
  it('one address with many slow uploads takes none from another, and keeps what came of them', async () => {
    const resumable = s3Resumable(await newBucket())
    const slow: { offset: Promise<number>; end(error: Error): void }[] = []
    try {
      // More than there is memory for, each of an owner of its own.
      for (let n = 0; n < 30; n++) {
        let end: (error: Error) => void = () => {}
        const ending = new Promise<never>((_resolve, reject) => (end = reject))
        ending.catch(() => {})
        async function* body(): AsyncGenerator<Buffer> {
          yield randomBytes(100_000)
          await ending
        }
        const party = of('address slow', `owner ${n}`)
        const by = { party, yieldPlace: (reason: Error) => end(reason) }
        const append = async (): Promise<number> => {
          let offset = 0
          try {
            for await (const grown of resumable.append(fresh(20 * MiB), body(), by)) ({ offset } = grown)
          } catch {
            // It was asked to end.
          }
          return offset
        }
        slow.push({ offset: append(), end: (error) => end(error) })
      }
      const yielded = Promise.race(slow.map(({ offset }) => offset))
      for (let n = 0; n < 2; n++) {
        async function* whole(): AsyncGenerator<Buffer> {
          yield randomBytes(8 * MiB)
        }
        const by = { party: of('address honest', 'owner honest'), yieldPlace: () => {} }
        let last = fresh(8 * MiB)
        for await (const grown of resumable.append(last, whole(), by)) last = grown
        expect(last.offset).toBe(8 * MiB)
      }
      expect(await yielded).toBe(100_000)
    } finally {
      for (const { end } of slow) end(new Error('the test is over'))
      await Promise.all(slow.map(({ offset }) => offset))
      await resumable.close()
    }
  }, 60_000)
})
