import { describe, expect, inject, it } from 'vitest'
import { pinoLog } from '../../src/adapters/pino-log.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { StoreUnavailable } from '../../src/ports.ts'

describe('the log', () => {
  it('is a line of JSON each, with errors, their stacks and causes, from its level on', () => {
    const lines: string[] = []
    const log = pinoLog('info', { write: (line) => void lines.push(line) })
    log.debug({}, 'unseen')
    log.warn({ err: new Error('outer', { cause: new Error('inner') }), item: 'abc' }, 'seen')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      ...{ level: 40, msg: 'seen', item: 'abc' },
      err: { message: 'outer', cause: { message: 'inner' } },
    })
    expect(lines[0]).toContain('pino-log.test.ts')
  })
  it('tells what went wrong with Redis, and nothing of what it was sent', async () => {
    const lines: string[] = []
    const log = pinoLog('info', { write: (line) => void lines.push(line) })
    const store = redisStore({ url: inject('redisUrl'), prefix: `test-${randomToken()}:` })
    const key = 'a-title'
    await store.commit({ writes: [{ kind: 'set', key, value: 'text' }] })
    const failure = await store
      .commit({ writes: [{ kind: 'rank', key, member: 'Our holiday', score: 1 }] })
      .catch((error: unknown) => error)
    await store.close()
    const cause = new StoreUnavailable('Redis gave no answer', { cause: failure })
    log.error({ err: failure }, 'failed')
    log.error({ error: failure }, 'failed')
    log.error({ err: new AggregateError([cause, cause], 'many') }, 'failed')
    for (const line of lines) {
      expect(line).toContain('WRONGTYPE')
      expect(line).not.toMatch(/Our holiday|a-title/)
    }
    expect(JSON.parse(lines[1]!)).toMatchObject({ error: { message: 'WRONGTYPE rank' } })
  })
})
