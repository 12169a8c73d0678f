import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JobFailed } from '../../src/ports.ts'
import type { Job, JobContext, JobRunner, Queue } from '../../src/ports.ts'
import { onBusyMachine } from '../support/timing.ts'

export type Handlers = Parameters<JobRunner['run']>[0]
export type Handler = (job: Job, context: JobContext) => Promise<void>

/** Handlers that all do the same. */
export const everyKind = (handler: Handler): Handlers => ({
  prepare: handler,
  'prepare-slow': handler,
  playable: handler,
  bundle: handler,
  card: handler,
  remove: handler,
  sweep: handler,
  backup: handler,
})

/** What every queue does. `start` makes an empty one, with what makes runners for it. */
export function queueContract(
  name: string,
  start: () => Promise<{
    queue: Queue
    runner(options?: { graceMs: number }): JobRunner
    stop(): Promise<void>
  }>,
): void {
  describe(`a queue: ${name}`, () => {
    let ground: Awaited<ReturnType<typeof start>>
    let queue: Queue
    let runners: JobRunner[] = []
    beforeEach(async () => {
      ground = await start()
      queue = ground.queue
    })
    afterEach(async () => {
      await Promise.all(runners.map((runner) => runner.close()))
      runners = []
      await queue.close()
      await ground.stop()
    })

    async function run(handler: Handler, options?: { graceMs: number }): Promise<JobRunner> {
      const runner = ground.runner(options)
      runners.push(runner)
      await runner.run(everyKind(handler))
      return runner
    }
    const bundle = (album = 'a'): Job => ({ kind: 'bundle', owner: 'o', album })

    it('runs jobs of every kind, with their data', async () => {
      const jobs: Job[] = [
        { kind: 'prepare', owner: 'o', item: 'i-1_x' },
        { kind: 'prepare-slow', owner: 'o', item: 'i' },
        { kind: 'playable', owner: 'o', item: 'i' },
        bundle(),
        { kind: 'card', owner: 'o', album: 'a' },
        { kind: 'remove', owner: 'o' },
        { kind: 'sweep' },
        { kind: 'backup' },
      ]
      for (const job of jobs) await queue.add(job)
      const ran: Job[] = []
      await run((job) => Promise.resolve(void ran.push(job)))
      await expect.poll(() => ran.length).toBe(jobs.length)
      expect(ran).toEqual(expect.arrayContaining(jobs))
    })

    it('lets an owner of another network come before most of those that one network made', async () => {
      for (let index = 0; index < 24; index += 1) {
        await queue.groupOwner(`made-${index}`, 'one network')
        await queue.add({ kind: 'prepare', owner: `made-${index}`, item: 'i' })
      }
      await queue.groupOwner('honest', 'another')
      await queue.add({ kind: 'prepare', owner: 'honest', item: 'i' })
      const begun: string[] = []
      await run((job) => Promise.resolve(void begun.push('owner' in job ? job.owner : '')))
      await expect.poll(() => begun.length).toBe(25)
      expect(begun.indexOf('honest')).toBeLessThan(6)
    })

    it.each(['prepare', 'prepare-slow', 'playable', 'bundle', 'card'] as const)(
      'lets owners take turns: %s',
      async (kind) => {
        const jobOf = (owner: string, id: string): Job =>
          kind === 'bundle' || kind === 'card' ? { kind, owner, album: id } : { kind, owner, item: id }
        const begun: Job[] = []
        const ends: (() => void)[] = []
        await run(async (job) => {
          begun.push(job)
          await new Promise<void>((resolve) => ends.push(resolve))
        })
        const endOne = async (): Promise<void> => {
          await expect.poll(() => ends.length).toBeGreaterThan(0)
          ends.shift()?.()
        }
        for (let index = 0; index < 8; index += 1) await queue.add(jobOf('many', `m${index}`))
        const most = { prepare: 2, 'prepare-slow': 1, playable: 1, bundle: 1, card: 2 }[kind]
        await expect.poll(() => begun.length).toBe(most)
        await queue.add(jobOf('few', 'first'))
        await queue.add(jobOf('few', 'second'))
        await queue.add(jobOf('other', 'first'))
        for (let left = 11; left > 0; left -= 1) await endOne()
        await expect.poll(() => begun.length).toBe(11)
        const after = begun.slice(most).map((job) => ('owner' in job ? job.owner : ''))
        expect(after.slice(0, 2)).toEqual(['few', 'other'])
        expect(after.slice(2, 4)).toContain('few')
      },
    )

    it('keeps one of the same that wait, and takes it again when it has run', async () => {
      for (let index = 0; index < 10; index += 1) await queue.add(bundle())
      await queue.add(bundle('b'))
      const ran: Job[] = []
      await run((job) => Promise.resolve(void ran.push(job)))
      await expect.poll(() => ran.length).toBe(2)
      await sleep(300)
      expect(ran).toHaveLength(2)
      await queue.add(bundle())
      await expect.poll(() => ran.length).toBe(3)
    })

    it('runs a job once more when it was added while it ran, and never twice at once', async () => {
      let running = 0
      let most = 0
      let runs = 0
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => (goOn = resolve))
      await run(async () => {
        running += 1
        most = Math.max(most, running)
        await held
        running -= 1
        runs += 1
      })
      await queue.add(bundle())
      await expect.poll(() => running).toBe(1)
      for (let index = 0; index < 5; index += 1) await queue.add(bundle())
      await sleep(100)
      goOn()
      await expect.poll(() => runs).toBe(2)
      await sleep(500)
      expect(runs).toBe(2)
      expect(most).toBe(1)
    })

    it('runs a job once more when it was added while it ran and then failed for good', async () => {
      let runs = 0
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => (goOn = resolve))
      await run(async () => {
        runs += 1
        if (runs === 1) {
          await held
          throw new JobFailed('never')
        }
      })
      await queue.add(bundle())
      await expect.poll(() => runs).toBe(1)
      await queue.add(bundle())
      goOn()
      await expect.poll(() => runs).toBe(2)
    })

    it('waits as long as asked, and no longer once it is added without', async () => {
      const ran: Job[] = []
      let last = 0
      await run((job) => {
        last = Date.now()
        return Promise.resolve(void ran.push(job))
      })
      const began = Date.now()
      await queue.add(bundle(), { delayMs: 4_000 })
      await queue.add(bundle('b'), { delayMs: 30_000 })
      await sleep(300)
      expect(ran).toEqual([])
      await queue.add(bundle('b'))
      await expect.poll(() => ran).toEqual([bundle('b'), bundle()])
      expect(last - began).toBeGreaterThan(3_950)
      await sleep(200)
      expect(ran).toHaveLength(2)
    })

    it('keeps a job of much later apart from one of now', async () => {
      const ran: Job[] = []
      await queue.add({ kind: 'remove', owner: 'o' }, { delayMs: 24 * 3_600_000 })
      await queue.add({ kind: 'remove', owner: 'o' })
      await run((job) => Promise.resolve(void ran.push(job)))
      await expect.poll(() => ran.length).toBe(1)
      await sleep(200)
      expect(ran).toHaveLength(1)
    })

    it('tries again what fails, and says which try is the last', async () => {
      const tries: boolean[] = []
      await run((_job, { lastTry }) => {
        tries.push(lastTry)
        return Promise.reject(new Error('flaky'))
      })
      await queue.add({ kind: 'prepare', owner: 'o', item: 'i' })
      await expect.poll(() => tries).toEqual([false, false, true])
      await sleep(300)
      await queue.add({ kind: 'prepare', owner: 'o', item: 'i' })
      await expect.poll(() => tries.length).toBe(4)
    })

    it('does not try again what can never succeed', async () => {
      let runs = 0
      await run(() => {
        runs += 1
        return Promise.reject(new JobFailed('never'))
      })
      await queue.add(bundle())
      await expect.poll(() => runs).toBe(1)
      await sleep(2_000)
      expect(runs).toBe(1)
    })

    it('refuses ids that are none', async () => {
      for (const item of ['', 'a:b', 'a/b', 'x'.repeat(129)]) {
        await expect(queue.add({ kind: 'prepare', owner: 'o', item })).rejects.toThrow()
      }
    })

    it('runs a scheduled job once among all runners, again and again', async () => {
      let runs = 0
      const handler: Handler = () => Promise.resolve(void (runs += 1))
      await Promise.all([run(handler), run(handler)])
      const began = Date.now()
      await queue.schedule({ kind: 'sweep' }, 500)
      await queue.schedule({ kind: 'sweep' }, 500)
      await expect.poll(() => runs).toBeGreaterThanOrEqual(4)
      await sleep(600)
      expect(runs).toBeLessThanOrEqual((Date.now() - began) / 500 + 2)
    })

    it('waits on close for what runs, and takes nothing more', async () => {
      const ended: Job[] = []
      let begun = 0
      const runner = await run(async (job) => {
        begun += 1
        await sleep(500)
        ended.push(job)
      })
      await queue.add(bundle())
      await expect.poll(() => begun).toBe(1)
      await runner.close()
      expect(ended).toEqual([bundle()])
      await queue.add({ kind: 'remove', owner: 'late' })
      await sleep(300)
      expect(ended).toHaveLength(1)
    })

    it('signals jobs that run too long on close; they run again elsewhere, which is no failed try', async () => {
      const tries: boolean[] = []
      await queue.add({ kind: 'prepare', owner: 'o', item: 'i' })
      // Twice: as failed tries, these would make the third the last one.
      for (const round of [1, 2]) {
        const stopping = await run(
          async (_job, { signal, lastTry }) => {
            tries.push(lastTry)
            await once(signal, 'abort')
            throw new Error('ended')
          },
          { graceMs: 300 },
        )
        await expect.poll(() => tries.length).toBe(round)
        const began = Date.now()
        await stopping.close()
        expect(Date.now() - began).toBeLessThan(onBusyMachine(3_000))
      }
      await run((_job, { lastTry }) => Promise.resolve(void tries.push(lastTry)))
      await expect.poll(() => tries).toEqual([false, false, false])
    })

    it('gives each of 300 jobs to one runner', async () => {
      const ran: Job[] = []
      const handler: Handler = (job) => Promise.resolve(void ran.push(job))
      await Promise.all([run(handler), run(handler)])
      await Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          queue.add({ kind: 'prepare', owner: 'o', item: String(index) }),
        ),
      )
      await expect.poll(() => ran.length, { timeout: 60_000 }).toBe(300)
      expect(new Set(ran.map((job) => JSON.stringify(job))).size).toBe(300)
    })
  })
}
