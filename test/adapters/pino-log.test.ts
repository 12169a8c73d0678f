import { describe, expect, it } from 'vitest'
import { pinoLog } from '../../src/adapters/pino-log.ts'

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
})
