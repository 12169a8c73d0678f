import { Cluster, type Redis } from 'ioredis'
import { StoreUnavailable } from '../../ports.ts'
import type { RedisClient } from './redis-connection.ts'

/** A probe that nobody removed is gone after this long, in milliseconds. */
const probeLifeMs = 60_000
/** A cluster's primary owns one of the first tags; with more tries than that it owns no slot at all. */
const mostTags = 1_000

export interface RedisHealthOptions {
  /** Stands before the key that is written to see whether writing works. */
  readonly prefix: string
  /** The operator's word that Redis keeps what it has answered, where we cannot see it. */
  readonly isDurable: boolean
}

/**
 * Throws `StoreUnavailable` with the reason where Redis answers but must not be used: it refuses writes, drops keys
 * to make room, or keeps nothing on disk. Looks at every primary of a cluster. Where CONFIG is forbidden, as with
 * hosted Redis, INFO must do.
 */
export async function checkRedisHealth(client: RedisClient, options: RedisHealthOptions): Promise<void> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client]
  if (nodes.length === 0) throw new StoreUnavailable('The Redis Cluster has no primary')
  await Promise.all(nodes.map((node) => checkNode(node, options)))
}

async function checkNode(node: Redis, { prefix, isDurable }: RedisHealthOptions): Promise<void> {
  const info = parseInfo(await node.info().catch(emptyWhereForbidden))
  if (info.get('loading') === '1') throw new StoreUnavailable('Redis is still loading its data')
  // Before the probe: to write to a replica makes the client connect again.
  if (info.get('role') === 'slave') throw new StoreUnavailable('Redis is a read-only replica')
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  if (policy !== 'noeviction')
    throw new StoreUnavailable(`Redis may drop records to make room: maxmemory-policy is ${policy}`)
  await probeWriting(node, prefix)
  // Snapshots alone would lose what was acknowledged since the last one, and bring stopped links back.
  if (!isDurable && info.get('aof_enabled') !== '1')
    throw new StoreUnavailable(
      'Redis may lose what it has answered: turn appendonly on (or set REDIS_IS_DURABLE=true where it is safe in another way)',
    )
}

/** A user who may not even ask INFO is judged by what the probe answers. */
function emptyWhereForbidden(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('NOPERM')) return ''
  throw error
}

/** `name:value` lines of INFO. */
function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : []
    }),
  )
}

/** What a write that Redis refuses says at its beginning, in words for the operator. */
const refusals: Readonly<Record<string, string>> = {
  OOM: 'Redis is full: its memory has reached maxmemory',
  MISCONF: 'Redis cannot write to its disk and refuses changes',
  READONLY: 'Redis is a read-only replica',
  NOREPLICAS: 'Redis has too few replicas (min-replicas-to-write) and refuses changes',
  NOPERM: 'The Redis user may not write',
  NOAUTH: 'Redis asks for a password',
  LOADING: 'Redis is still loading its data',
  CLUSTERDOWN: 'The Redis Cluster is down',
}

/** A refusal of Redis in words for the operator, where there are some. PING is refused by MISCONF, too. */
export function explained(error: unknown): unknown {
  const reason = refusals[firstWord(error)]
  return reason === undefined ? error : new StoreUnavailable(reason, { cause: error })
}

const firstWord = (error: unknown): string =>
  error instanceof Error ? (error.message.split(' ', 1)[0] ?? '') : ''

/** Slot tags that a cluster's primary was seen to own. */
const ownedTags = new WeakMap<Redis, number>()

async function probeWriting(node: Redis, prefix: string): Promise<void> {
  for (let tag = ownedTags.get(node) ?? 0; tag < mostTags; tag += 1) {
    try {
      await node.set(`${prefix}probe:{${tag}}`, '1', 'PX', probeLifeMs)
      ownedTags.set(node, tag)
      return
    } catch (error) {
      const word = firstWord(error)
      // The slot is another primary's.
      if (word === 'MOVED' || word === 'ASK' || word === 'TRYAGAIN') continue
      ownedTags.delete(node)
      throw explained(error)
    }
  }
  // A primary without slots takes no writes, and none is sent to it.
  ownedTags.delete(node)
}
