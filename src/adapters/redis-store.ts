import type { ChainableCommander } from 'ioredis'
import type { Answer, Change, CommitOutcome, Key, Query, RateAnswer, Ranked, Store, Write } from '../ports.ts'
import { StoreUnavailable } from '../ports.ts'
import { boundedRedis } from './redis-connection.ts'
import { commitScript, hitScript } from './redis-scripts.ts'

export interface RedisStoreOptions {
  /** As `connectRedis` takes it. */
  readonly url: string
  /** Stands before every key: what shares a Redis keeps apart by it. */
  readonly prefix?: string
}

/** The store on Redis 7, Valkey or a Redis Cluster. */
export function redisStore({ url, prefix = 'mayfly:' }: RedisStoreOptions): Store {
  if (/[{}]/.test(prefix)) throw new TypeError('A prefix with braces would put all keys under one hash tag')
  const redis = boundedRedis(url)

  async function readTogether(queries: readonly Query[]): Promise<unknown[]> {
    return await redis.run(async (client) => {
      const pipeline = client.pipeline()
      for (const query of queries) ask(pipeline, prefix, query)
      const replies = await pipeline.exec()
      if (replies?.length !== queries.length) throw new StoreUnavailable('Redis answered in part')
      return replies.map(([error, reply]) => {
        if (error !== null) throw error
        return reply
      })
    })
  }

  async function read<const Q extends readonly Query[]>(
    queries: Q,
  ): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
  async function read(queries: readonly Query[]): Promise<Answer<Query>[]> {
    if (queries.length === 0) return []
    const answers = new Map<Query, Answer<Query>>()
    // A pipeline on a cluster stays on one server: one for each hash tag, all at once.
    const groups = redis.client.isCluster ? [...groupByTag(queries).values()] : [queries]
    await Promise.all(
      groups.map(async (group) => {
        const replies = await readTogether(group)
        group.forEach((query, index) => answers.set(query, answerOf(query, replies[index])))
      }),
    )
    return queries.map((query) => {
      const answer = answers.get(query)
      if (answer === undefined) throw new StoreUnavailable('Redis answered in part')
      return answer
    })
  }

  async function commit(change: Change): Promise<CommitOutcome> {
    const { keys, args } = commitArguments(change, prefix)
    if (keys.length === 0) return 'done'
    const outcome = await redis.run((client) => commitScript(client, keys, args))
    if (outcome === 'done' || outcome === 'conflict' || outcome === 'over') return outcome
    throw new StoreUnavailable('Redis answered a commit with something else')
  }

  async function hit(key: Key, limit: number, windowSeconds: number): Promise<RateAnswer> {
    if (!(windowSeconds > 0)) throw new RangeError('A window lasts longer than 0 seconds')
    const left = Number(
      await redis.run((client) => hitScript(client, [prefix + key], [String(limit), String(windowSeconds)])),
    )
    return left === 0
      ? { allowed: true, retryAfterSeconds: 0 }
      : { allowed: false, retryAfterSeconds: Math.ceil(left / 1000) }
  }

  return {
    read,
    commit,
    hit,
    async check() {
      await redis.run((client) => client.ping())
    },
    close: () => redis.close(),
  }
}

/** The part of a key that decides its slot: what stands in its first braces, or all of it where they are absent or empty. */
export function hashTag(key: Key): string {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : key
}

function groupByTag(queries: readonly Query[]): Map<string, Query[]> {
  const groups = new Map<string, Query[]>()
  for (const query of queries) {
    const tag = hashTag(query.key)
    const group = groups.get(tag)
    if (group === undefined) groups.set(tag, [query])
    else group.push(query)
  }
  return groups
}

function ask(pipeline: ChainableCommander, prefix: string, query: Query): void {
  const key = prefix + query.key
  switch (query.kind) {
    case 'value':
      pipeline.get(key)
      break
    case 'fields':
      pipeline.hgetall(key)
      break
    case 'someFields':
      // Redis refuses to be asked for no field at all.
      if (query.fields.length > 0) pipeline.hmget(key, [...query.fields])
      else pipeline.hmget(key, '')
      break
    case 'members':
      pipeline.zrange(key, 0, -1)
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

function scoreText(number: number): string {
  if (Number.isNaN(number)) throw new RangeError('A score is a number')
  if (number === Infinity) return '+inf'
  return number === -Infinity ? '-inf' : String(number)
}

/** The change as the commit script takes it. Throws a `RangeError` where a number is none, a `TypeError` for two hash tags. */
function commitArguments(change: Change, prefix: string): { keys: string[]; args: string[] } {
  const expectations = [
    ...(change.expect ?? []).map(({ key, value }) => ({ kind: 'value', key, field: '', value })),
    ...(change.expectFields ?? []).map((expectation) => ({ kind: 'field', ...expectation })),
  ]
  const numbers = new Map<Key, number>()
  const numberOf = (key: Key): string => {
    const number = numbers.get(key) ?? numbers.size + 1
    numbers.set(key, number)
    return String(number)
  }
  const args = [String(expectations.length)]
  for (const { kind, key, field, value } of expectations) {
    args.push(kind, numberOf(key), field, value === null ? '0' : '1', value ?? '')
  }
  for (const write of change.writes) {
    const [kind, ...rest] = writeArguments(write)
    args.push(kind, numberOf(write.key), ...rest)
  }
  const tags = new Set([...numbers.keys()].map(hashTag))
  if (tags.size > 1) throw new TypeError(`A commit changes keys of one hash tag, not of ${tags.size}`)
  return { keys: [...numbers.keys()].map((key) => prefix + key), args }
}

function writeArguments(write: Write): [kind: string, first: string, second: string, third: string] {
  switch (write.kind) {
    case 'set':
      if (write.expiresInMs === undefined) return ['set', write.value, '', '']
      // A value that is forgotten at once was never there.
      if (write.expiresInMs <= 0) return ['remove', '', '', '']
      return ['set', write.value, whole(Math.ceil(write.expiresInMs)), '']
    case 'remove':
      return ['remove', '', '', '']
    case 'rank':
      return ['rank', write.member, scoreText(write.score), write.onlyLower ? 'LT' : '']
    case 'unrank':
      return ['unrank', write.member, '', '']
    case 'setField':
      return ['setField', write.field, write.value, '']
    case 'removeField':
      return ['removeField', write.field, '', '']
    case 'increase':
      return [
        'increase',
        write.field,
        whole(write.by),
        write.max === undefined || write.max === Infinity ? '' : whole(write.max),
      ]
  }
}

function whole(number: number): string {
  if (!Number.isSafeInteger(number)) throw new RangeError('The store counts in safe integers')
  return String(number)
}
