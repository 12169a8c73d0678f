import { existsSync } from 'node:fs'
import path from 'node:path'
import { redisStore } from '../adapters/redis/redis-store.ts'
import type { Config } from '../config.ts'
import { openDeps, openLog } from '../deps.ts'
import { apartSentences } from '../domain/records/instance/instance.ts'
import { verifyObjects, type Finding } from '../domain/backup/integrity/verify.ts'

const words: { readonly [K in Finding['kind']]: string } = {
  right: 'right',
  wrong: 'wrong: other bytes than were stored; withheld',
  missing: 'missing: a record tells of it, and it is not there; withheld where others of its item are',
  extra: 'extra: no record tells of it',
  unread: 'unread: the bucket could not give it',
}

/**
 * Reads the whole bucket and compares it with the records; also beside a running service. Prints a line for each object
 * that is not right, then the counts. Returns the exit code: 0 where all is right, 1 where something is not, 2 where the
 * store and the bucket do not belong together.
 */
export async function runVerify(config: Config): Promise<number> {
  const log = openLog({ ...config, LOG_LEVEL: 'error' })
  const deps = await openDeps(await withRunningRedis(config), { log, hasWorker: false })
  try {
    const instance = deps.ports.instance.state()
    if (instance.kind === 'apart') {
      console.error(apartSentences[instance.reason])
      return 2
    }
    const counts: { [K in Finding['kind']]: number } = { right: 0, wrong: 0, missing: 0, extra: 0, unread: 0 }
    let bytes = 0
    for await (const { kind, key, size } of verifyObjects(deps.ports)) {
      counts[kind] += 1
      bytes += size
      if (kind !== 'right') console.log(`${key}: ${words[kind]}`)
    }
    const { right, ...others } = counts
    const told = Object.entries(others).map(([kind, count]) => `${count} ${kind}`)
    console.log(`${right} objects are right, ${told.join(', ')} (${Math.round(bytes / 1024 ** 2)} MiB)`)
    return Object.values(others).every((count) => count === 0) ? 0 : 1
  } finally {
    await deps.close()
  }
}

/** A service that runs on the same DATA_DIR has its Redis there: that one is used, since only one may run. */
async function withRunningRedis(config: Config): Promise<Config> {
  const socket = path.resolve(config.DATA_DIR, 'redis', 'redis.sock')
  if (config.REDIS_URL !== undefined || !existsSync(socket)) return config
  const url = `redis+unix://${encodeURI(socket)}`
  const store = redisStore({ url })
  const isRunning = await store.read([{ kind: 'value', key: 'instance' }]).then(
    () => true,
    () => false,
  )
  await store.close()
  return isRunning ? { ...config, REDIS_URL: url } : config
}
