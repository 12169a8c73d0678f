import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { flockCommand } from '../../flock.ts'
import type { Disk, Log } from '../../ports.ts'
import { takeFolder } from '../folder/folder-lock.ts'

export interface EmbeddedRedis {
  /** For `redisStore` and the like: `redis+unix://` and the socket's path. */
  readonly url: string
  /** Ends Redis after everything is on disk. Stop what uses it first. */
  stop(): Promise<void>
}

/** A Unix socket's address holds 108 bytes, its closing zero included (Linux, unix(7)). */
const socketBytes = 107
const startMs = 60_000
const stopMs = 10_000
/** A Redis that has just ended may leave a child that still writes its file, and holds the lock for a moment. */
const unlockMs = 5_000
/** What Redis, or the system, says on a full disk. */
const fullWords = /no space left|short write while writing|quota exceeded/i
const restartMs = { first: 100, most: 5_000 }

/**
 * Runs a Redis of our own whose data lies in `directory`: every write is on disk before it is answered, nobody but
 * this user reaches it, and it is started again when it dies. Resolves when it answers. Throws when redis-server is not
 * installed, cannot load its data, or another living process uses `directory`.
 */
export async function startEmbeddedRedis({
  directory,
  log,
  disk,
}: {
  directory: string
  log: Log
  /** What gives room where Redis ends because it found none. */
  disk?: Disk
}): Promise<EmbeddedRedis> {
  const folder = resolve(directory)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await takeFolder(folder)
  if (!(await isUnlockedInTime(folder))) {
    // Its socket stays: the other one is at work.
    await lock.release()
    throw new Error(`${folder} is in use by another Mayfly, in another container or on another machine`)
  }
  let temporary: string | null = null
  let child: ChildProcess | null = null
  let stopping = false
  let isShortOfRoom = false
  let lastLines: string[] = []

  async function socketPath(): Promise<string> {
    const near = join(folder, 'redis.sock')
    if (Buffer.byteLength(near) <= socketBytes) return near
    temporary = await mkdtemp(join(tmpdir(), 'mayfly-'))
    return join(temporary, 'redis.sock')
  }

  /** Starts redis-server; `ended` resolves with how it ended. */
  function spawnRedis(socket: string): { process: ChildProcess; ended: Promise<string> } {
    const [command, ...args] = locked(folder, ['redis-server', ...redisArguments(folder, socket)])
    const redis = spawn(command ?? '', args, {
      // A group of its own: Ctrl-C in a terminal goes to the whole group, and Redis must outlive the workers.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise<string>((settle) => {
      redis.once('error', (error) => settle(error.message))
      redis.once('exit', (code, signal) => settle(signal ?? `code ${code}`))
    })
    lastLines = []
    for (const stream of [redis.stdout, redis.stderr]) {
      // There is no stream if nothing could be started.
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        lastLines = [...lastLines.slice(-19), line]
        log.debug({ line }, 'redis')
      })
    }
    return { process: redis, ended }
  }

  /** Starts Redis, waits until it answers, and sees to it that it is started again when it ends. */
  async function start(socket: string): Promise<void> {
    await removeUnfinished(folder)
    const { process: redis, ended } = spawnRedis(socket)
    child = redis
    if (redis.pid !== undefined) await lock.note({ redis: redis.pid, socket })
    const end = await answers(socket, ended)
    if (end !== null) throw new Error(startFailure(end, lastLines))
    // It writes a second file beside the first.
    if (!isShortOfRoom) await beginRewrite(socket)
    void ended.then((reason) => {
      if (!stopping) void restart(socket, reason)
    })
  }

  async function restart(socket: string, reason: string): Promise<void> {
    for (let waitMs = restartMs.first; !stopping; waitMs = Math.min(waitMs * 2, restartMs.most)) {
      log.error({ reason, lines: lastLines.slice(-3) }, 'Redis ended; starting it again')
      await sleep(waitMs)
      if (stopping) return
      try {
        isShortOfRoom = [reason, ...lastLines].some((line) => fullWords.test(line))
        // With appendfsync always a Redis that cannot write ends itself.
        if (isShortOfRoom) await disk?.releaseBallast()
        await start(socket)
        return
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error)
        await endProcess(child)
      }
    }
  }

  async function release(): Promise<void> {
    process.off('exit', endWithUs)
    // A Redis that ended badly leaves its socket.
    await rm(temporary ?? join(folder, 'redis.sock'), { recursive: true, force: true })
    await lock.release()
  }

  // Also where nobody calls stop(): a Redis without its Mayfly would hold the folder.
  const endWithUs = () => void (child?.pid !== undefined && child.kill('SIGTERM'))
  process.once('exit', endWithUs)
  try {
    const socket = await socketPath()
    await lock.note({ socket })
    await start(socket)
    return {
      url: `redis+unix://${encodeURI(socket)}`,
      async stop() {
        stopping = true
        await endProcess(child)
        await release()
      },
    }
  } catch (error) {
    stopping = true
    await endProcess(child)
    await release()
    throw error
  }
}

/**
 * The command that runs `command` with a lock on the folder (flock(2), by util-linux's flock). It lives as long as the
 * process, whatever happens to us, and holds across containers and machines that share the folder: numbers of processes
 * do not. The command alone where there is no flock.
 */
const locked = (folder: string, command: string[]): string[] =>
  flockCommand === undefined
    ? command
    : [flockCommand, '--nonblock', '--no-fork', join(folder, 'redis.lock'), ...command]

async function isHeldElsewhere(folder: string): Promise<boolean> {
  if (flockCommand === undefined) return false
  const [command = '', ...args] = locked(folder, ['true'])
  const probe = spawn(command, args, { stdio: 'ignore' })
  const [code] = (await once(probe, 'exit')) as [number | null]
  return code !== 0
}

async function isUnlockedInTime(folder: string): Promise<boolean> {
  for (let waited = 0; await isHeldElsewhere(folder); waited += 100) {
    if (waited >= unlockMs) return false
    await sleep(100)
  }
  return true
}

/** Files that a Redis which was killed had begun to write: they may hold what was deleted since. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const directory of [folder, join(folder, 'appendonlydir')])
    for (const name of await readdir(directory).catch(() => []))
      if (/^temp-.*\.(?:rdb|aof)$/.test(name)) await rm(join(directory, name), { force: true })
}

/**
 * Lets Redis write its file anew: what was deleted before it ended may still stand there, also where it ended while it did
 * just that.
 */
async function beginRewrite(socket: string): Promise<void> {
  const redis = new Redis({ path: socket, protocol: 2, retryStrategy: () => null })
  redis.on('error', () => undefined)
  // Best effort: the sweep asks for it again.
  await redis.bgrewriteaof().catch(() => undefined)
  redis.disconnect()
}

function redisArguments(folder: string, socket: string): string[] {
  const settings: Record<string, string> = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    daemonize: 'no',
    logfile: '',
    appendonly: 'yes',
    // everysec survives a killed process, but not a power cut.
    appendfsync: 'always',
    save: '',
    // BullMQ and our records: nothing may be dropped to make room.
    'maxmemory-policy': 'noeviction',
  }
  return Object.entries(settings).flatMap(([name, text]) => [`--${name}`, text])
}

function startFailure(reason: string, lines: readonly string[]): string {
  if (reason.includes('ENOENT') || lines.some((line) => /failed to execute/.test(line))) {
    return 'redis-server is not installed: install it (apt-get install redis-server) or set REDIS_URL'
  }
  return [`redis-server ended at its start (${reason})`, ...lines].join('\n')
}

/** Returns null when the server answers PING, so that its data is loaded, or how it ended. Throws after a minute. */
async function answers(socket: string, ended: Promise<string>): Promise<string | null> {
  const redis = new Redis({
    path: socket,
    protocol: 2,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    maxLoadingRetryTime: 100,
  })
  redis.on('error', () => undefined)
  const late = new AbortController()
  try {
    // ioredis sends nothing before Redis has left LOADING.
    return await Promise.race([
      redis.ping().then(() => null),
      ended,
      sleep(startMs, null, { signal: late.signal }).then(() => {
        throw new Error(`redis-server gave no answer within ${startMs / 1000} s`)
      }),
    ])
  } finally {
    late.abort()
    redis.disconnect()
  }
}

/** SIGTERM is SHUTDOWN: Redis syncs its append-only file and leaves. SIGKILL for one that does not. */
async function endProcess(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return
  const ended = new Promise<void>((settle) => child.once('exit', () => settle()))
  const impatience = setTimeout(() => child.kill('SIGKILL'), stopMs)
  child.kill('SIGTERM')
  await ended
  clearTimeout(impatience)
}
