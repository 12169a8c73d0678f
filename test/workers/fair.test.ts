import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openDeps, type Deps } from '../../src/deps.ts'
import { slowText } from '../../src/domain/items/failure.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { startWorker } from '../../workers/start-worker.ts'
import { picture } from '../media/fixtures.ts'
import { quietLog } from '../support/ports.ts'
import { itemOf, shareFiles, type File } from './bench.ts'

// Protection 50: whoever shares what is slow to prepare does not keep others waiting.

let folder: string
let slow: File[]
let small: File
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-fair-'))
  small = { name: 'small.jpg', bytes: await picture(1, { width: 64, height: 48 }).jpeg().toBuffer() }
  // Well-formed, under 1 MB, of as many pixels as the service opens, and whole in memory to be opened at all.
  const create = { width: 10_000, height: 11_900, channels: 3, background: '#0963c8' } as const
  const bytes = await sharp({ create, limitInputPixels: false })
    .png({ compressionLevel: 9, progressive: true })
    .toBuffer()
  expect(bytes.length).toBeLessThan(1_000_000)
  slow = Array.from({ length: 6 }, (_, index) => ({ name: `slow-${index}.png`, bytes }))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function openWorker(quickMs: number): Promise<Deps> {
  const config = readConfig({
    REDIS_URL: inject('redisUrl'),
    DATA_DIR: join(folder, randomToken()),
    WORKER_CONCURRENCY: '1',
  })
  const deps = await openDeps(config, { log: quietLog, hasWorker: true, prefix: `test-${randomToken()}:` })
  closers.push(() => deps.close())
  const worker = await startWorker({ ...deps.worker!, quickMs })
  closers.push(() => worker.stop())
  return deps
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(20)
}

describe('preparing', { timeout: 300_000 }, () => {
  it('is done for others while an owner’s slow files are prepared, and says truly that these take longer', async () => {
    const { ports } = await openWorker(500)
    const stateOf = async (items: readonly Item[]): Promise<(Item | null)[]> =>
      Promise.all(items.map((item) => itemOf(ports, item)))
    const many = await shareFiles(ports, slow)
    await until(async () => (await stateOf(many.items)).some((item) => item?.state === 'preparing'))

    const few = await shareFiles(ports, [small])
    await until(async () => (await stateOf(few.items))[0]?.state === 'ready')
    // Of the six one may have been done before, and one while the photo waited for its turn.
    const meanwhile = await stateOf(many.items)
    expect(meanwhile.filter((item) => item?.state === 'ready').length).toBeLessThanOrEqual(2)

    // What is slow is slow for its owner's others, not for somebody else's: these wait at most for what has begun.
    await until(async () => (await stateOf(many.items)).some((item) => item?.reason === slowText))
    const other = await shareFiles(ports, [slow[0]!])
    await until(async () => (await stateOf(other.items))[0]?.state === 'ready')
    const left = await stateOf(many.items)
    expect(left.filter((item) => item?.state !== 'ready').length).toBeGreaterThanOrEqual(2)
    for (const item of left) {
      expect(['preparing', 'ready']).toContain(item?.state)
      expect([slowText, null]).toContain(item?.reason)
      expect(item?.troubles.prepare?.faults ?? []).toEqual([])
      expect(item?.troubles.prepare?.failures ?? 0).toBe(0)
    }

    await until(async () => (await stateOf(many.items)).every((item) => item?.state === 'ready'))
    for (const item of await stateOf(many.items)) {
      expect(item).toMatchObject({ reason: null, damaged: false, troubles: {} })
      expect(item?.copies['no-location']?.state).toBe('clean')
    }
  })
})
