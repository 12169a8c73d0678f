import type {
  Answer,
  Change,
  CommitOutcome,
  Entry,
  Key,
  Query,
  RateAnswer,
  Store,
  Write,
} from '../../ports.ts'
import type { Cluster, Redis } from 'ioredis'
import { StoreUnavailable } from '../../ports.ts'
import { boundedRedis, type RedisClient } from './redis-connection.ts'
import { checkRedisHealth, explained } from './redis-health.ts'
import { rewriteFiles } from './redis-rewrite.ts'
import { askTogether, scoreText } from './redis-queries.ts'
import { commitScript, hitScript } from './redis-scripts.ts'
import { isOwnMachine } from '../own-machine.ts'
import { shareReads } from './shared-reads.ts'

export interface RedisStoreOptions {
  /** As `connectRedis` takes it. */
  readonly url: string
  /** Stands before every key: what shares a Redis keeps apart by it. */
  readonly prefix?: string
  /** The operator's word that Redis keeps what it has answered, where we cannot see it (REDIS_IS_DURABLE). */
  readonly isDurable?: boolean
}

/** So often at most Redis is asked for more than an answer, in milliseconds: many may call `check` at once. */
const healthEveryMs = 1_000

/** The store on Redis 7, Valkey or a Redis Cluster. */
export function redisStore({ url, prefix = 'mayfly:', isDurable = false }: RedisStoreOptions): Store {
  if (/[{}]/.test(prefix)) throw new TypeError('A prefix with braces would put all keys under one hash tag')
  const redis = boundedRedis(url)

  const readShared = shareReads(
    // A pipeline on a cluster stays on one server: one for each hash tag, all at once.
    ({ key }) => (redis.client.isCluster ? hashTag(key) : ''),
    (queries) => redis.run((client) => askTogether(client, prefix, queries)),
  )
  async function read<const Q extends readonly Query[]>(
    queries: Q,
  ): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
  async function read(queries: readonly Query[]): Promise<Answer<Query>[]> {
    return readShared(queries)
  }

  async function commit(change: Change): Promise<CommitOutcome> {
    const { keys, args } = commitArguments(change, prefix)
    if (keys.length === 0) return 'done'
    const outcome = await redis.run((client) => commitScript(client, keys, args))
    if (outcome === 'done' || outcome === 'conflict' || outcome === 'over') return outcome
    throw new StoreUnavailable('Redis answered a commit with something else')
  }

  async function hit(key: Key, limit: number, windowSeconds: number, by = 1): Promise<RateAnswer> {
    if (!(windowSeconds > 0)) throw new RangeError('A window lasts longer than 0 seconds')
    const left = Number(
      await redis.run((client) =>
        hitScript(client, [prefix + key], [whole(limit), String(windowSeconds), whole(by)]),
      ),
    )
    return left === 0
      ? { allowed: true, retryAfterSeconds: 0 }
      : { allowed: false, retryAfterSeconds: Math.ceil(left / 1000) }
  }

  async function* entries(): AsyncGenerator<Entry> {
    const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`
    const nodes = await redis.run((client) =>
      Promise.resolve(client.isCluster ? (client as Cluster).nodes('master') : [client as Redis]),
    )
    for (const node of nodes) {
      let cursor = '0'
      do {
        const [next, found] = await redis.run(() => node.scan(cursor, 'MATCH', pattern, 'COUNT', scanStep))
        cursor = next
        const kinds = await redis.run(async () => {
          const pipeline = node.pipeline()
          for (const key of found) pipeline.type(key)
          return (await pipeline.exec()) ?? []
        })
        for (const [at, key] of found.entries()) {
          const kind = kindOfType(kinds[at]?.[1])
          if (kind) yield { key: key.slice(prefix.length), kind }
        }
      } while (cursor !== '0')
    }
  }

  let health: { readonly at: number; readonly found: Promise<void> } | null = null
  /** What was found lately, or the state of now. */
  function healthOf(client: RedisClient): Promise<void> {
    const now = performance.now()
    if (!health || now - health.at >= healthEveryMs)
      health = { at: now, found: checkRedisHealth(client, { prefix, isDurable }) }
    return health.found
  }

  return {
    read,
    commit,
    hit,
    entries,
    rewrite: () => redis.run(rewriteFiles),
    async time() {
      if (isOwnMachine(url)) return null
      return redis.run(async (client) => {
        const node = client.isCluster ? (client as Cluster).nodes('master')[0] : (client as Redis)
        const [seconds = 0, micros = 0] = (await node?.time()) ?? []
        return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
      })
    },
    async check() {
      await redis.run(async (client) => {
        await client.ping().catch((error: unknown) => {
          throw explained(error)
        })
        await healthOf(client)
      })
    },
    close: () => redis.close(),
  }
}

/** At most this many keys per step of a scan: Redis answers nobody else meanwhile. */
const scanStep = 1_000

/** The kind of query for a Redis type; null if the key is gone. */
function kindOfType(type: unknown): Entry['kind'] | null {
  if (type === 'string') return 'value'
  if (type === 'hash') return 'fields'
  return type === 'zset' ? 'ranks' : null
}

/** The part of a key that decides its slot: what stands in its first braces, or all of it where they are absent or empty. */
export function hashTag(key: Key): string {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : key
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
