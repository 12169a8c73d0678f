import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  fields,
  members,
  ranks,
  score,
  scores,
  size,
  someFields,
  StoreUnavailable,
  value,
} from '../../src/ports.ts'
import type { Store, Write } from '../../src/ports.ts'

/**
 * Does something large, which may be done more than once, again for as long as the store is unavailable: on a busy
 * machine it may take longer than a store waits for its Redis. Whatever else it throws is thrown.
 */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 60_000; ;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || Date.now() > deadline) throw error
    }
  }
}

/** What every store does. `start` makes one, with the function that ends it and what it runs on. */
export function storeContract(
  name: string,
  start: () => Promise<{ store: Store; stop(): Promise<void> }>,
): void {
  describe(`a store: ${name}`, () => {
    let store: Store
    let stop: () => Promise<void>
    beforeAll(async () => {
      const started = await start()
      store = started.store
      stop = started.stop
    })
    afterAll(async () => {
      await store.close()
      await stop()
    })
    const tag = () => `{${randomUUID()}}`
    const write = (...writes: Write[]) => store.commit({ writes })

    it('answers absence: null, no fields, size 0, no members', async () => {
      const t = tag()
      const questions = [value(`${t}v`), fields(`${t}h`), size(`${t}z`), score(`${t}z`, 'a'), ranks(`${t}z`)]
      expect(await store.read(questions)).toEqual([null, {}, 0, null, []])
      expect(await store.read([])).toEqual([])
    })

    it('lists every key with what is kept under it', async () => {
      const t = tag()
      await write({ kind: 'set', key: `${t}v`, value: 'x' })
      await write({ kind: 'setField', key: `${t}h`, field: 'f', value: 'x' })
      await write({ kind: 'rank', key: `${t}z`, member: 'm', score: 1 })
      const loose = `loose-${randomUUID()}`
      await write({ kind: 'set', key: loose, value: 'x' })
      const found = new Map<string, string>()
      for await (const { key, kind } of store.entries()) found.set(key, kind)
      expect([`${t}v`, `${t}h`, `${t}z`, loose].map((key) => found.get(key))).toEqual([
        'value',
        'fields',
        'ranks',
        'value',
      ])
      const read = await store.read([value(`${t}v`), fields(`${t}h`), ranks(`${t}z`)])
      expect(read).toEqual(['x', { f: 'x' }, [{ member: 'm', score: 1 }]])
    })

    it('reads what a commit wrote, of many owners in one read, in the order asked', async () => {
      const [one, two, three] = [tag(), tag(), 'no-braces-' + randomUUID()]
      await write({ kind: 'set', key: `${one}v`, value: 'Zoë 🐝\n\0{}"' })
      await write({ kind: 'setField', key: `${two}h`, field: 'a field', value: '' })
      await write({ kind: 'set', key: three, value: '3' })
      expect(await store.read([value(three), fields(`${two}h`), value(`${one}v`), value(`${two}x`)])).toEqual(
        ['3', { 'a field': '' }, 'Zoë 🐝\n\0{}"', null],
      )
    })

    it('reads 500 owners at once', async () => {
      const keys = Array.from({ length: 500 }, () => tag())
      await Promise.all(keys.map((key) => write({ kind: 'set', key, value: key })))
      expect(await store.read(keys.map((key) => value(key)))).toEqual(keys)
    })

    it('keeps members by score', async () => {
      const key = tag()
      await write(
        { kind: 'rank', key, member: 'b', score: 2.5 },
        { kind: 'rank', key, member: 'a', score: -1 },
        { kind: 'rank', key, member: 'c', score: 1_795_000_000_000 },
        { kind: 'rank', key, member: 'gone', score: 0 },
        { kind: 'unrank', key, member: 'gone' },
        { kind: 'unrank', key, member: 'never there' },
      )
      const a = { member: 'a', score: -1 }
      const b = { member: 'b', score: 2.5 }
      const c = { member: 'c', score: 1_795_000_000_000 }
      expect(
        await store.read([
          size(key),
          score(key, 'c'),
          ranks(key),
          ranks(key, 0, 1),
          ranks(key, 0, 0, true),
          scores(key, -Infinity, 2.5, 10),
          scores(key, -Infinity, Infinity, 1),
          scores(key, 2.6, 1_795_000_000_000, 10),
        ]),
      ).toEqual([3, c.score, [a, b, c], [a, b], [c], [a, b], [a], [c]])
    })

    it('answers members alone, and some fields, in the order asked', async () => {
      const t = tag()
      await write(
        { kind: 'rank', key: `${t}z`, member: 'b', score: 2 },
        { kind: 'rank', key: `${t}z`, member: 'a', score: 3 },
        { kind: 'setField', key: `${t}h`, field: 'x', value: '1' },
        { kind: 'setField', key: `${t}h`, field: 'y', value: '' },
      )
      expect(
        await store.read([
          members(`${t}z`),
          members(`${t}none`),
          someFields(`${t}h`, ['y', 'none', 'x', 'x']),
          someFields(`${t}h`, []),
          someFields(`${t}none`, ['x']),
        ]),
      ).toEqual([['b', 'a'], [], ['', null, '1', '1'], [], [null]])
    })

    it('reads as many fields at once as the largest album has', async () => {
      const key = tag()
      const names = Array.from({ length: 20_000 }, (_, n) => `f${n}`)
      const writes = names.map((field) => ({ kind: 'setField' as const, key, field, value: `${field}!` }))
      expect(await patiently(() => store.commit({ writes }))).toBe('done')
      const [found] = await patiently(() => store.read([someFields(key, names)]))
      expect(found).toEqual(names.map((name) => `${name}!`))
    })

    it('lowers a score with onlyLower and never raises it', async () => {
      const key = tag()
      const low = (number: number) =>
        write({ kind: 'rank', key, member: 'm', score: number, onlyLower: true })
      await low(10)
      await low(20)
      expect(await store.read([score(key, 'm')])).toEqual([10])
      await low(5)
      expect(await store.read([score(key, 'm')])).toEqual([5])
      await write({ kind: 'rank', key, member: 'm', score: 7 })
      expect(await store.read([score(key, 'm')])).toEqual([7])
    })

    it('removes keys and fields, and does not mind what is absent', async () => {
      const t = tag()
      await write(
        { kind: 'set', key: `${t}v`, value: '1' },
        { kind: 'setField', key: `${t}h`, field: 'a', value: '1' },
        { kind: 'setField', key: `${t}h`, field: 'b', value: '2' },
      )
      await write(
        { kind: 'remove', key: `${t}v` },
        { kind: 'remove', key: `${t}absent` },
        { kind: 'removeField', key: `${t}h`, field: 'a' },
        { kind: 'removeField', key: `${t}h`, field: 'absent' },
      )
      expect(await store.read([value(`${t}v`), fields(`${t}h`)])).toEqual([null, { b: '2' }])
    })

    it('commits only where every expectation holds, else writes nothing', async () => {
      const t = tag()
      await write({ kind: 'set', key: `${t}a`, value: '1' })
      const attempt = (a: string | null, b: string | null) =>
        store.commit({
          expect: [
            { key: `${t}a`, value: a },
            { key: `${t}b`, value: b },
          ],
          writes: [
            { kind: 'set', key: `${t}a`, value: '2' },
            { kind: 'rank', key: `${t}z`, member: 'm', score: 1 },
          ],
        })
      expect(await attempt('1', '')).toBe('conflict')
      expect(await attempt('2', null)).toBe('conflict')
      expect(await attempt(null, null)).toBe('conflict')
      expect(await store.read([value(`${t}a`), size(`${t}z`)])).toEqual(['1', 0])
      expect(await attempt('1', null)).toBe('done')
      expect(await store.read([value(`${t}a`), size(`${t}z`)])).toEqual(['2', 1])
    })

    it('commits only where every expected field holds', async () => {
      const t = tag()
      await write({ kind: 'setField', key: `${t}h`, field: 'bytes', value: '7' })
      const take = () =>
        store.commit({
          expectFields: [
            { key: `${t}h`, field: 'bytes', value: '7' },
            { key: `${t}h`, field: 'other', value: null },
          ],
          writes: [{ kind: 'remove', key: `${t}h` }],
        })
      expect(await Promise.all([take(), take(), take()])).toEqual(
        expect.arrayContaining(['done', 'conflict', 'conflict']),
      )
      expect(await store.read([fields(`${t}h`)])).toEqual([{}])
    })

    it('lets one of many win that expect the same', async () => {
      const key = tag()
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          store.commit({
            expect: [{ key, value: null }],
            writes: [{ kind: 'set', key, value: String(index) }],
          }),
        ),
      )
      expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1)
    })

    it('never lets a sum pass its limit, whoever adds at once, and writes nothing then', async () => {
      const t = tag()
      const add = (member: string) =>
        write(
          { kind: 'rank', key: `${t}z`, member, score: 1 },
          { kind: 'increase', key: `${t}h`, field: 'items', by: 1 },
          { kind: 'increase', key: `${t}h`, field: 'bytes', by: 30, max: 100 },
        )
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => add(String(index))))
      expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(3)
      expect(outcomes.filter((outcome) => outcome === 'over')).toHaveLength(17)
      expect(await store.read([fields(`${t}h`), size(`${t}z`)])).toEqual([{ items: '3', bytes: '90' }, 3])
    })

    it('adds up the increases of one commit, up to the limit itself', async () => {
      const key = tag()
      const twice = (by: number) =>
        write(
          { kind: 'increase', key, field: 'n', by, max: 100 },
          { kind: 'increase', key, field: 'n', by, max: 100 },
        )
      expect(await twice(51)).toBe('over')
      expect(await twice(50)).toBe('done')
      expect(await store.read([fields(key)])).toEqual([{ n: '100' }])
    })

    it('always takes a decrease, also where the sum stays above the limit', async () => {
      const key = tag()
      await write({ kind: 'increase', key, field: 'n', by: 500 })
      expect(await write({ kind: 'increase', key, field: 'n', by: -1, max: 100 })).toBe('done')
      expect(await write({ kind: 'increase', key, field: 'n', by: 1, max: 100 })).toBe('over')
      expect(await store.read([fields(key)])).toEqual([{ n: '499' }])
    })

    it('counts past 32 bits exactly', async () => {
      const key = tag()
      await write({ kind: 'increase', key, field: 'n', by: 9_007_199_254_740_000 })
      await write({ kind: 'increase', key, field: 'n', by: 991, max: Number.MAX_SAFE_INTEGER })
      expect(await store.read([fields(key)])).toEqual([{ n: '9007199254740991' }])
      await expect(write({ kind: 'increase', key, field: 'n', by: 0.5 })).rejects.toThrow(RangeError)
    })

    it('takes the writes of a commit in their order', async () => {
      const key = tag()
      await write({ kind: 'increase', key, field: 'n', by: 90 })
      expect(
        await write({ kind: 'remove', key }, { kind: 'increase', key, field: 'n', by: 50, max: 100 }),
      ).toBe('done')
      expect(await store.read([fields(key)])).toEqual([{ n: '50' }])
    })

    it('writes nothing when one of the writes cannot be', async () => {
      const t = tag()
      await write({ kind: 'set', key: `${t}text`, value: 'x' })
      await expect(
        write(
          { kind: 'set', key: `${t}first`, value: '1' },
          { kind: 'rank', key: `${t}text`, member: 'm', score: 1 },
        ),
      ).rejects.toThrow()
      expect(await store.read([value(`${t}first`)])).toEqual([null])
    })

    it('takes as many writes at once as the largest album needs', async () => {
      const writes = Array.from({ length: 40_000 }, (_, n) => ({
        kind: 'rank' as const,
        key: `{large}:${n % 10_000}`,
        member: `m${n}`,
        score: n,
      }))
      expect(await patiently(() => store.commit({ writes }))).toBe('done')
      expect(await store.read([size('{large}:9999')])).toEqual([4])
    })

    it('refuses a commit over two hash tags', async () => {
      const [one, two] = [tag(), tag()]
      const both: Write[] = [
        { kind: 'set', key: one, value: '1' },
        { kind: 'set', key: two, value: '2' },
      ]
      await expect(store.commit({ writes: both })).rejects.toThrow(TypeError)
      await expect(
        store.commit({ expect: [{ key: two, value: null }], writes: both.slice(0, 1) }),
      ).rejects.toThrow(TypeError)
      expect(await store.read([value(one), value(two)])).toEqual([null, null])
    })

    it('forgets a value after its time', async () => {
      const [short, long, never] = [tag(), tag(), tag()]
      await write({ kind: 'set', key: short, value: '1', expiresInMs: 4_000 })
      await write({ kind: 'set', key: long, value: '1', expiresInMs: 60_000 })
      await write({ kind: 'set', key: never, value: '1' })
      await write({ kind: 'set', key: never, value: '1', expiresInMs: 0 })
      expect(await store.read([value(short), value(long), value(never)])).toEqual(['1', '1', null])
      await expect.poll(() => store.read([value(short), value(long)])).toEqual([null, '1'])
    })

    it('allows the first hits of a window and says when the next may come', async () => {
      const key = `hits-${randomUUID()}`
      const answers = await Promise.all(Array.from({ length: 50 }, () => store.hit(key, 10, 5)))
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
      const held = answers.filter(({ allowed }) => !allowed)
      expect(
        held.filter((answer) => answer.retryAfterSeconds >= 1 && answer.retryAfterSeconds <= 5),
      ).toHaveLength(40)
      expect(await store.hit(`other-${key}`, 1, 1)).toEqual({ allowed: true, retryAfterSeconds: 0 })
      await new Promise((resolve) => setTimeout(resolve, 5_200))
      expect(await store.hit(key, 10, 5)).toEqual({ allowed: true, retryAfterSeconds: 0 })
    })

    it('answers check', async () => {
      await expect(store.check()).resolves.toBeUndefined()
    })
  })
}
