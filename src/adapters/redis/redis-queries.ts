import type { ChainableCommander } from 'ioredis'
import type { Answer, Query, Ranked } from '../../ports.ts'
import { StoreUnavailable } from '../../ports.ts'
import { unavailable, type RedisClient } from './redis-connection.ts'
import type { Outcome } from './shared-reads.ts'

/** At most this many values per command: Redis answers nobody else meanwhile. */
const valuesAtOnce = 500

/** Sends all queries in one round trip. A failing query fails alone; throws if none is answered. */
export async function askTogether(
  client: RedisClient,
  prefix: string,
  queries: readonly Query[],
): Promise<Outcome[]> {
  const pipeline = client.pipeline()
  const asked: {
    readonly queries: readonly Query[]
    readonly repliesOf: (reply: unknown) => readonly unknown[]
  }[] = []
  // One MGET costs Redis and its client a fraction of as many GETs. What is there and no text counts as absent with it.
  const values = queries.filter(({ kind }) => kind === 'value')
  for (let at = 0; at < values.length; at += valuesAtOnce) {
    const part = values.slice(at, at + valuesAtOnce)
    pipeline.mget(part.map(({ key }) => prefix + key))
    asked.push({ queries: part, repliesOf: listOf })
  }
  for (const query of queries) {
    if (query.kind === 'value') continue
    ask(pipeline, prefix, query)
    asked.push({ queries: [query], repliesOf: (reply) => [reply] })
  }
  const replies = await pipeline.exec()
  if (replies?.length !== asked.length) throw new StoreUnavailable('Redis answered in part')
  const outcomes = new Map<Query, Outcome>()
  asked.forEach(({ queries: together, repliesOf }, index) => {
    const [error, reply] = replies[index] ?? []
    const parts = error ? [] : repliesOf(reply)
    together.forEach((query, at) => outcomes.set(query, outcomeOf(query, error, parts[at])))
  })
  return queries.map(
    (query) => outcomes.get(query) ?? { error: new StoreUnavailable('Redis answered in part') },
  )
}

function outcomeOf(query: Query, error: unknown, reply: unknown): Outcome {
  if (error) return { error: unavailable(error) }
  try {
    return { answer: answerOf(query, reply) }
  } catch (cause) {
    return { error: cause }
  }
}

function ask(pipeline: ChainableCommander, prefix: string, query: Exclude<Query, { kind: 'value' }>): void {
  const key = prefix + query.key
  switch (query.kind) {
    case 'fields':
      pipeline.hgetall(key)
      break
    case 'someFields':
      // Redis refuses to be asked for no field at all. As one array: these may be more than a call may spread.
      pipeline.call('hmget', query.fields.length > 0 ? [key, ...query.fields] : [key, ''])
      break
    case 'members':
      pipeline.zrange(key, 0, '-1')
      break
    case 'size':
      pipeline.zcard(key)
      break
    case 'score':
      pipeline.zscore(key, query.member)
      break
    case 'ranks':
      if (query.reverse) pipeline.zrevrange(key, query.from, String(query.to), 'WITHSCORES')
      else pipeline.zrange(key, query.from, String(query.to), 'WITHSCORES')
      break
    case 'scores':
      pipeline.zrangebyscore(
        key,
        scoreText(query.from),
        scoreText(query.to),
        'WITHSCORES',
        'LIMIT',
        0,
        Number.isFinite(query.limit) ? query.limit : -1,
      )
      break
  }
}

function answerOf(query: Query, reply: unknown): Answer<Query> {
  switch (query.kind) {
    case 'value':
      return reply === null ? null : textOf(reply)
    case 'fields':
      return fieldsOf(reply)
    case 'someFields':
      return textsOf(reply, query.fields.length)
    case 'members':
      return listOf(reply).map(textOf)
    case 'size':
      return Number(reply)
    case 'score':
      return reply === null ? null : scoreOf(reply)
    case 'ranks':
    case 'scores':
      return rankedOf(reply)
  }
}

function textOf(reply: unknown): string {
  if (typeof reply !== 'string') throw new StoreUnavailable('Redis answered with no text')
  return reply
}

function scoreOf(reply: unknown): number {
  const text = textOf(reply)
  if (text === 'inf') return Infinity
  return text === '-inf' ? -Infinity : Number(text)
}

function fieldsOf(reply: unknown): Readonly<Record<string, string>> {
  if (typeof reply !== 'object' || reply === null) throw new StoreUnavailable('Redis answered with no fields')
  return Object.fromEntries(Object.entries(reply).map(([name, text]) => [name, textOf(text)]))
}

function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new StoreUnavailable('Redis answered with no list')
  return reply
}

/** The first `count` of a list's texts, of which some may be absent. */
function textsOf(reply: unknown, count: number): readonly (string | null)[] {
  const list = listOf(reply)
  if (list.length < count) throw new StoreUnavailable('Redis answered with too few fields')
  return list.slice(0, count).map((text) => (text === null ? null : textOf(text)))
}

function rankedOf(reply: unknown): readonly Ranked[] {
  const list = listOf(reply)
  const ranked: Ranked[] = []
  for (let index = 0; index < list.length; index += 2) {
    ranked.push({ member: textOf(list[index]), score: scoreOf(list[index + 1]) })
  }
  return ranked
}

/** A score as Redis takes it. Throws a `RangeError` for what is no number. */
export function scoreText(number: number): string {
  if (Number.isNaN(number)) throw new RangeError('A score is a number')
  if (number === Infinity) return '+inf'
  return number === -Infinity ? '-inf' : String(number)
}
