import { existsSync } from 'node:fs'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { BadSetting, readConfig, type Config } from './config.ts'
import { openDeps, openLog, type Deps, type WorkerDeps } from './deps.ts'
import { failureOf } from './failure-of.ts'
import { inTime } from './in-time.ts'
import { createApp } from './http/app.ts'
import { createMetrics, type Metrics } from './http/operators/metrics.ts'
import { serveMetrics, type MetricsServer } from './http/operators/metrics-server.ts'
import { connectionBounds } from './http/input/connections.ts'
import { listen, type RunningServer } from './http/server.ts'
import type { Log } from './ports.ts'
import type { Worker } from '../workers/start-worker.ts'

const usage = `mayfly web       answers browsers and programs
mayfly worker    prepares what was uploaded
mayfly all       both in one process, with a Redis of its own where REDIS_URL is not set
mayfly backup [FILE]
                 writes a snapshot of all records to FILE, else into the bucket
mayfly restore [--from FILE]
                 fills an empty store from a snapshot
mayfly adopt [--yes]
                 lets a store and a bucket that do not match belong together
mayfly orphans [--remove]
                 lists what the bucket holds without a record
mayfly inspect FILE
                 prints what location and personal data a file holds
mayfly clean FILE --metadata no-location|none -o OUT
                 writes the copy that a recipient would get
mayfly verify    reads the whole bucket and tells what is wrong, missing or extra`

const roles = ['web', 'worker', 'all'] as const
type Role = (typeof roles)[number]

/** What answers and jobs under way may take once the process is to stop, in milliseconds. */
const drainMs = 30_000

async function main([command = 'all', ...rest]: string[]): Promise<void> {
  const role = roles.find((name) => name === command)
  if (role) return serve(role)
  if (command === 'inspect') process.exitCode = await (await import('./commands/inspect.ts')).runInspect(rest)
  else if (command === 'clean') process.exitCode = await (await import('./commands/clean.ts')).runClean(rest)
  else if (command === 'backup')
    process.exitCode = await (await import('./commands/backup.ts')).runBackup(rest)
  else if (command === 'restore')
    process.exitCode = await (await import('./commands/restore.ts')).runRestore(rest)
  else if (command === 'adopt') process.exitCode = await (await import('./commands/adopt.ts')).runAdopt(rest)
  else if (command === 'orphans')
    process.exitCode = await (await import('./commands/orphans.ts')).runOrphans(rest)
  else if (command === 'verify')
    process.exitCode = await (await import('./commands/verify.ts')).runVerify(readConfig(process.env))
  else help(command)
}

function help(command: string): void {
  const isAskedFor = command === 'help' || command === '--help' || command === '-h'
  ;(isAskedFor ? console.log : console.error)(usage)
  process.exitCode = isAskedFor ? 0 : 1
}

async function serve(role: Role): Promise<void> {
  // Left to itself V8 lets the heap grow to four times what lives, 60 MB more under load, or, after a collection that went
  // quickly, to hardly more: then the memory that downloads are read into makes it collect all the time, which halves
  // their rate. From here, since it is not the caller's to know; a V8 without it says so and goes on.
  setFlagsFromString('--heap-growing-percent=130')
  const config = readConfig(process.env)
  if (role !== 'all' && config.REDIS_URL === undefined)
    throw new BadSetting('REDIS_URL: is needed where web and worker are processes of their own')
  const log = openLog(config)
  for (const event of ['unhandledRejection', 'uncaughtException'] as const)
    process.on(event, (error: unknown) => {
      log.error({ err: error }, event)
      process.exit(1)
    })
  const stopped = nextSignal()
  const service = await start(role, config, log)
  const signal = await stopped
  log.info({ signal }, 'stopping')
  await service.stop()
  log.info({}, 'stopped')
  process.exit(0)
}

/** Resolves at the first signal to stop; the second one ends the process at once. */
async function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let count = 0
    for (const name of ['SIGTERM', 'SIGINT'] as const)
      process.on(name, () => {
        count += 1
        if (count > 1) process.exit(1)
        resolve(name)
      })
  })
}

async function start(role: Role, config: Config, log: Log): Promise<{ stop(): Promise<void> }> {
  const stopping = { isStopping: false }
  const deps = await openDeps(config, { log, hasWorker: role !== 'web' })
  try {
    const metrics = createMetrics(deps.ports)
    const numbers = config.METRICS_ADDRESS ? await serveMetrics(metrics, config.METRICS_ADDRESS, log) : null
    const worker = deps.worker ? await startWorkerOf(deps.worker) : null
    const server = role === 'worker' ? null : await startWeb(config, deps, stopping, metrics)
    log.info({ role, port: server?.port, metrics: numbers?.port }, 'started')
    return { stop: () => stop({ deps, worker, server, metrics, numbers, stopping, log }) }
  } catch (error) {
    await deps.close()
    throw error
  }
}

/** Loaded only where it runs: what the jobs use is large. */
async function startWorkerOf(deps: WorkerDeps): Promise<Worker> {
  const { startWorker } = await import('../workers/start-worker.ts')
  return startWorker(deps)
}

async function startWeb(
  config: Config,
  deps: Deps,
  stopping: { isStopping: boolean },
  metrics: Metrics,
): Promise<RunningServer> {
  const root = projectRoot()
  const context = {
    ports: deps.ports,
    stopping,
    settings: {
      publicUrl: config.publicUrl,
      delivery: config.DELIVERY,
      senderPassword: config.SENDER_PASSWORD ?? null,
      trustProxy: config.TRUST_PROXY,
      clientDirectory: path.join(root, 'dist', 'client'),
      viewsDirectory: path.join(root, 'views'),
    },
  }
  const app = createApp(context, metrics)
  const bounds = connectionBounds({ isBehindProxy: config.TRUST_PROXY > 0 })
  const server = await listen(
    app,
    { host: config.HOST, port: config.PORT },
    bounds,
    warnAtMost(deps.ports.log),
  )
  console.log(`Mayfly is at ${config.publicUrl ?? `http://localhost:${server.port}`}`)
  return server
}

/** Says that connections are refused, at most once a minute: there may be thousands a second. */
function warnAtMost(log: Log): () => void {
  let saidAt = -Infinity
  return () => {
    if (performance.now() - saidAt < 60_000) return
    saidAt = performance.now()
    log.warn(
      {},
      'connections are refused: there are too many, or too many from one address (docs/operating.md)',
    )
  }
}

/** The folder of package.json: two up from dist/src, one from src. */
function projectRoot(): string {
  let folder = import.meta.dirname
  while (!existsSync(path.join(folder, 'package.json')) && folder !== path.dirname(folder))
    folder = path.dirname(folder)
  return folder
}

/** First nothing new comes in, then what is under way ends, then what it used. Redis goes last. */
async function stop(running: {
  deps: Deps
  worker: Worker | null
  server: RunningServer | null
  metrics: Metrics
  numbers: MetricsServer | null
  stopping: { isStopping: boolean }
  log: Log
}): Promise<void> {
  const { deps, worker, server, metrics, numbers, stopping, log } = running
  stopping.isStopping = true
  await Promise.all([server?.stop(drainMs), worker && endJobs(worker.stop(), log)])
  metrics.stop()
  numbers?.close()
  await deps.close()
}

/** A job that does not end in time is another worker's: it finds the same state, and does it again. */
async function endJobs(ending: Promise<void>, log: Log): Promise<void> {
  const late = new Error('jobs did not end in time and are left to another worker')
  await inTime(ending, drainMs, () => late).catch((error: unknown) => {
    if (error !== late) throw error
    log.warn({}, late.message)
  })
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { code, text } = failureOf(error)
  console.error(text)
  process.exit(code)
})
