import { bullmqRunner } from '../../src/adapters/queue/bullmq-runner.ts'
import { everyKind } from '../contract/queue-contract.ts'

/** A worker process that takes a job, says so, and never ends it. */
const [url, prefix] = process.argv.slice(2)
if (url === undefined || prefix === undefined) throw new Error('which Redis, which prefix?')
const silent = () => undefined
const log = { debug: silent, info: silent, warn: silent, error: silent }
await bullmqRunner({ url, prefix, concurrency: 1, log }).run(
  everyKind(async (job) => {
    process.stdout.write(`${job.kind}\n`)
    await new Promise(() => setInterval(silent, 1_000))
  }),
)
