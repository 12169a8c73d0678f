import { expect, inject, it } from 'vitest'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { shareReads, type Outcome } from '../../src/adapters/redis/shared-reads.ts'
import { fields, ranks, value, type Query } from '../../src/ports.ts'
import { uniqueName } from '../support/servers.ts'

/** Answers each query with its key, and notes what was asked together. */
function watched(groupOf: (query: Query) => string = () => '') {
  const sent: string[][] = []
  const read = shareReads(groupOf, (queries) => {
    sent.push(queries.map(({ kind, key }) => `${kind} ${key}`))
    return Promise.resolve(
      queries.map(({ key }): Outcome => (key === 'bad' ? { error: new Error('bad') } : { answer: key })),
    )
  })
  return { sent, read }
}

it('sends what is asked for in one turn as one, and each query once', async () => {
  const { sent, read } = watched()
  const answers = await Promise.all([
    read([value('a'), value('b')]),
    read([value('b'), ranks('b'), value('c')]),
    read([]),
    read([ranks('b'), ranks('b', 0, 1), value('a')]),
  ])
  expect(answers).toEqual([['a', 'b'], ['b', 'b', 'c'], [], ['b', 'b', 'a']])
  expect(sent).toEqual([['value a', 'value b', 'ranks b', 'value c', 'ranks b']])
})

it('asks anew in the next turn: nobody is answered by what was read before he asked', async () => {
  const { sent, read } = watched()
  await read([value('a')])
  await read([value('a')])
  expect(sent).toEqual([['value a'], ['value a']])
})

it('lets no group wait for another, and fails only whoever asked for what failed', async () => {
  const { sent, read } = watched(({ key }) => key.slice(0, 1))
  const [good, bad] = await Promise.allSettled([read([value('a1'), value('b1')]), read([value('bad')])])
  expect(good).toEqual({ status: 'fulfilled', value: ['a1', 'b1'] })
  expect(bad.status).toBe('rejected')
  expect(sent).toEqual([['value a1'], ['value b1', 'value bad']])
})

it('on Redis, too: a wrong question of one is no failure of another', async () => {
  const store = redisStore({ url: inject('redisUrl'), prefix: `${uniqueName('shared')}:` })
  await store.commit({ writes: [{ kind: 'set', key: 'text', value: 'x' }] })
  const [wrong, right] = await Promise.allSettled([
    store.read([fields('text')]),
    store.read([value('text'), value('none')]),
  ])
  expect(wrong.status).toBe('rejected')
  expect(right).toEqual({ status: 'fulfilled', value: ['x', null] })
  await store.close()
})
