import { startEmbeddedRedis } from '../../src/adapters/redis/embedded-redis.ts'

/** Runs a Redis in the folder that its argument names, prints its address, and waits to be ended. */
const directory = process.argv[2]
if (directory === undefined) throw new Error('which folder?')
const silent = () => undefined
const redis = await startEmbeddedRedis({
  directory,
  log: { debug: silent, info: silent, warn: silent, error: silent },
})
// Before anybody knows that it runs: they may end it at once.
process.once('SIGTERM', () => process.exit(0))
process.stdout.write(`${redis.url}\n`)
setInterval(silent, 60_000)
