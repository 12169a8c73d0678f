import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './redis-connection.ts'

type Outcome = 'begun' | 'busy' | 'refused'

/**
 * BGREWRITEAOF on every primary: until then all that was ever written stands in Redis' append-only file, also what was
 * deleted. Where there is none, snapshots replace each other, and nothing is to be done.
 */
export async function rewriteFiles(client: RedisClient): Promise<Outcome> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client]
  const outcomes = await Promise.all(nodes.map(rewriteFile))
  return (
    outcomes.find((outcome) => outcome === 'refused') ??
    outcomes.find((outcome) => outcome === 'busy') ??
    'begun'
  )
}

async function rewriteFile(node: Redis): Promise<Outcome> {
  const info = await node.info('persistence').catch(() => '')
  if (/^aof_enabled:0/m.test(info)) return 'begun'
  // One that is under way may have begun before the deletion.
  if (/^aof_rewrite_in_progress:1|^rdb_bgsave_in_progress:1/m.test(info)) return 'busy'
  try {
    await node.bgrewriteaof()
    return 'begun'
  } catch (error) {
    if (error instanceof Error && /in progress/.test(error.message)) return 'busy'
    if (error instanceof Error && error.name === 'ReplyError') return 'refused'
    throw error
  }
}
