import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { hashThreads } from '../../src/adapters/hashing/hash-threads.ts'
import { ReadAhead } from '../../src/adapters/hashing/read-ahead.ts'
import { HashChain, RunningHashes } from '../../src/adapters/hashing/running-hashes.ts'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { folderResumable } from '../../src/adapters/folder/folder-resumable.ts'
import { resumableWithHashes } from '../support/buckets.ts'
import { factsOf } from '../support/facts-of.ts'

const hashing = hashThreads()
afterAll(() => hashing.close())

async function* cut(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) {
    await Promise.resolve()
    yield bytes.subarray(at, at + length)
  }
}

/** Takes all blocks as a bucket does: each is copied before the next is asked for. */
async function taken(intake: ReadAhead): Promise<Buffer> {
  const blocks: Buffer[] = []
  for await (const block of intake) {
    await sleep(1)
    blocks.push(Buffer.from(block))
  }
  return Buffer.concat(blocks)
}

describe('a body on its way in', () => {
  it('comes out as it came in, with the hashes of it', async () => {
    const source = randomBytes(3_000_000)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(source.length),
        fc.integer({ min: 1000, max: 900_000 }),
        async (size, length) => {
          const bytes = source.subarray(0, size)
          const chain = new HashChain(hashing)
          const intake = new ReadAhead(cut(bytes, length), chain)
          expect((await taken(intake)).equals(bytes)).toBe(true)
          expect(await chain.facts()).toEqual(factsOf(bytes))
          intake.stop()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('keeps many apart that come at once', async () => {
    const bodies = Array.from({ length: 40 }, (_, n) => randomBytes(1_500_000 + n * 10_000))
    const all = await Promise.all(
      bodies.map(async (bytes) => {
        const chain = new HashChain(hashing)
        const out = await taken(new ReadAhead(cut(bytes, 64 * 1024), chain))
        return { isSame: out.equals(bytes), facts: await chain.facts() }
      }),
    )
    expect(all).toEqual(bodies.map((bytes) => ({ isSame: true, facts: factsOf(bytes) })))
  })

  it('reads only so far ahead of a bucket that is slow', async () => {
    let read = 0
    async function* endless() {
      for (;;) {
        await Promise.resolve()
        read += 65_536
        yield Buffer.alloc(65_536)
      }
    }
    const intake = new ReadAhead(endless(), new HashChain(hashing))
    const blocks = intake[Symbol.asyncIterator]()
    await blocks.next()
    await sleep(300)
    expect(read).toBeLessThan(3 * 1024 * 1024)
    intake.stop()
    await blocks.return(undefined)
  })

  it('that breaks off gives what came first', async () => {
    const bytes = randomBytes(700_000)
    async function* broken() {
      yield* cut(bytes, 10_000)
      throw new Error('gone')
    }
    const blocks: Buffer[] = []
    const chain = new HashChain(hashing)
    const intake = new ReadAhead(broken(), chain)
    const taking = (async () => {
      for await (const block of intake) blocks.push(Buffer.from(block))
    })()
    await expect(taking).rejects.toThrow('gone')
    expect(Buffer.concat(blocks).equals(bytes)).toBe(true)
    expect(await chain.facts()).toEqual(factsOf(bytes))
  })
})

describe('hashes of files that come in over several connections', () => {
  it('go on where they stood, and nowhere else', async () => {
    const bytes = randomBytes(900_000)
    const hashes = new RunningHashes(hashing)
    const first = hashes.take('a', 0)
    await taken(new ReadAhead(cut(bytes.subarray(0, 600_000), 50_000), first))
    if (first) hashes.keep('a', first)
    const second = hashes.take('a', 600_000)
    expect(second).toBe(first)
    await taken(new ReadAhead(cut(bytes.subarray(600_000), 50_000), second))
    expect(await second?.facts()).toEqual(factsOf(bytes))
    if (second) hashes.keep('a', second)
    expect(hashes.take('a', 700_000)).toBeNull()
    expect(hashes.take('a', 900_000)).toBeNull()
  })
})

describe('the hashes of an upload that two processes write to', () => {
  it('are never those of bytes that were not noted', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-hashes-'))
    const process = () => resumableWithHashes(folderResumable(directory), folderBucket(directory))
    const [one, other] = [process(), process()]
    const [half, rest] = [randomBytes(200_000), randomBytes(100_000)]
    const size = half.length + rest.length
    const fresh = { key: 'items/a/original', mime: 'image/jpeg', size, offset: 0, state: '' }
    // As when noting it fails: other bytes of the same length, told and not noted.
    for await (const { offset } of one.append(fresh, cut(randomBytes(half.length), 50_000)))
      if (offset === half.length) break
    let noted = fresh
    for await (const grown of other.append(fresh, cut(half, 50_000))) noted = { ...fresh, ...grown }
    for await (const grown of one.append(noted, cut(rest, 50_000))) noted = { ...fresh, ...grown }
    expect(await one.complete(noted)).toEqual(factsOf(Buffer.concat([half, rest])))
    await rm(directory, { recursive: true })
  })
})

describe('a thread that hashes', () => {
  it('fails what it had when it ends, and another takes what comes then', async () => {
    const mine = hashThreads(1)
    const block = () => Buffer.allocUnsafeSlow(512 * 1024).fill('x')
    const before = mine.begin()
    await before.add(block())
    await mine.close()
    await expect(before.add(block())).rejects.toThrow('ended')
    const after = mine.begin()
    await after.add(block())
    expect({ size: block().length, ...(await after.end()) }).toEqual(factsOf(block()))
    await mine.close()
  })
})
