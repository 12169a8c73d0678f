import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Item } from '../../src/domain/records/records.ts'
import { prepare } from '../../workers/prepare.ts'
import { playable } from '../../workers/playable.ts'
import { childrenOf } from '../support/children.ts'
import { filesOfEachFormat, itemOf, openBench, shareFiles, type Bench, type File } from './bench.ts'

// Protection 52: whoever is killed while it works on a file says nothing against the file.

let bench: Bench
let files: File[]
beforeAll(async () => {
  bench = await openBench()
  files = await filesOfEachFormat(bench.folder)
})
afterAll(() => bench.close())

const run = { lastTry: false, signal: new AbortController().signal }

/** Does `work` while each child that matches is killed as soon as it is there; answers how many were. */
async function killing(pattern: RegExp, work: () => Promise<unknown>): Promise<number> {
  const killed = new Set<number>()
  let isDone = false
  const working = work()
    .catch(() => undefined)
    .finally(() => {
      isDone = true
    })
  while (!isDone) {
    for (const pid of childrenOf(pattern)) {
      try {
        process.kill(pid, 'SIGKILL')
        killed.add(pid)
      } catch {
        // It has just ended.
      }
    }
    await sleep(1)
  }
  await working
  return killed.size
}

const cases = [
  ['the decoder', 'a.jpg', /decoder\.ts/],
  ['the decoder of HEIC', 'a.heic', /decoder\.ts/],
  ['exiftool', 'a.jpg', /perl/],
  ['ffmpeg and ffprobe', 'a.mov', /ff(?:mpeg|probe)/],
  ['every tool', 'a.mov', /ff(?:mpeg|probe)|perl|decoder\.ts/],
] as const

describe('a healthy file', { timeout: 240_000 }, () => {
  it.each(cases)('stays healthy while %s is killed (%s)', async (_, name, pattern) => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [files.find((file) => file.name === name)!])
    const item = items[0]!
    const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
    let killed = 0
    for (let tries = 0; tries < 4; tries += 1) {
      killed += await killing(pattern, () => prepare(bench, job, { ...run, lastTry: tries % 2 === 1 }))
      const now = (await itemOf(ports, item))!
      expect(['preparing', 'waiting']).toContain(now.state)
      expect(now.troubles.prepare?.faults).toEqual([])
    }
    expect(killed).toBeGreaterThanOrEqual(4)
    await prepare(bench, job, run)
    const healed = (await itemOf(ports, item))!
    expect(healed).toMatchObject({ state: 'ready', reason: null, damaged: false })
    expect(healed.facts).not.toBeNull()
    expect(healed.copies['no-location']?.state).toBe('clean')
  })

  it('plays in the end though its conversion was killed', async () => {
    const { ports } = bench
    const { items } = await shareFiles(ports, [files.find(({ name }) => name === 'a.mov')!])
    const item = items[0]!
    await prepare(bench, { kind: 'prepare', owner: item.owner, item: item.id }, run)
    const job = { kind: 'playable', owner: item.owner, item: item.id } as const
    for (let tries = 0; tries < 3; tries += 1)
      await killing(/ff(?:mpeg|probe)/, () => playable(bench, job, { ...run, lastTry: tries === 2 }))
    const rendition = async ({ owner, id }: Item) => (await itemOf(ports, { owner, id }))?.renditions.playable
    expect(await rendition(item)).toBeUndefined()
    await playable(bench, job, run)
    expect(await rendition(item)).toBeDefined()
    expect((await itemOf(ports, item))!.troubles).toEqual({})
  })
})
