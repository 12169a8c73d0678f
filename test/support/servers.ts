import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

const startTries = 3
const startMilliseconds = 60_000

export interface RedisProcess {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** As a crash would: SIGKILL. Resolves once the process is gone; what it acknowledged is in its directory. */
  kill(): Promise<void>
  /** SIGKILL without waiting, for a process that is about to exit itself. */
  killNow(): void
  /** As an operator would: SIGTERM, a clean end. Resolves once the process is gone. */
  stop(): Promise<void>
}

export interface RedisOptions {
  /** Where its append-only file is: the same directory again is the same data. Must exist. */
  readonly directory: string
  /** The port of an earlier one, to come back under the same address; any free one when absent. */
  readonly port?: number
}

/**
 * A real redis-server on loopback, with the settings of Mayfly's own: every write is on disk before its answer, nothing
 * is evicted. It ends with the process that started it, whatever way that one ends.
 */
export async function startRedis({ directory, port }: RedisOptions): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launchRedis(directory, port ?? (await freePort()))
    } catch (error) {
      // Between finding a free port and taking it, another process may have taken it.
      if (port !== undefined || attempt === startTries) throw error
    }
  }
}

/** Below those that Linux gives to outgoing connections (from 32768 on), above those that services have. */
const ports = { from: 12_000, to: 32_000 }

/**
 * A loopback port that nobody listens on at this moment. No outgoing connection gets it either, while a test has ended
 * the server on it and not yet started it again; nor does one of those who try to reach it meanwhile meet itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(ports.from, ports.to)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** The TCP port that `server` listens on; throws when it does not. */
export function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a TCP port')
  return address.port
}

/** A name that no other test uses, for a bucket or a key prefix: `label` in lower-case letters, then 8 hex digits. */
export function uniqueName(label: string): string {
  return `${label}-${randomBytes(4).toString('hex')}`
}

async function launchRedis(directory: string, port: number): Promise<RedisProcess> {
  const settings = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', directory, '--daemonize', 'no']
  const durability = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ]
  const [command, ...args] = boundToUs(['redis-server', ...settings, ...durability])
  let output = ''
  // A group of its own: Ctrl-C in the terminal reaches the test run, which then stops it.
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output = (output + text.toString()).slice(-4000)
    })
  }
  let ended = false
  const gone = new Promise<void>((resolve) => {
    for (const event of ['exit', 'error'] as const) {
      child.once(event, () => {
        ended = true
        resolve()
      })
    }
  })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!ended) child.kill(signal)
    await gone
  }
  const deadline = Date.now() + startMilliseconds
  while (ended || child.pid === undefined || !(await answers(port, child.pid))) {
    if (ended || Date.now() > deadline) {
      await end('SIGKILL')
      throw new Error(`redis-server did not start on port ${port}: ${output}`)
    }
    await sleep(20)
  }
  const pid = child.pid
  const url = `redis://127.0.0.1:${port}`
  const killNow = (): void => {
    if (!ended) child.kill('SIGKILL')
  }
  return { url, port, pid, kill: () => end('SIGKILL'), killNow, stop: () => end('SIGTERM') }
}

/** Whether the Redis on `port` is the process `pid` and has loaded its data. */
async function answers(port: number, pid: number): Promise<boolean> {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {
    // Refused while it starts, which the call below reports too.
  })
  try {
    await client.connect()
    return (await client.info('server')).includes(`process_id:${pid}\r`) && (await client.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    client.disconnect()
  }
}

/** On Linux the kernel ends the process when the one that started it is gone, a kill -9 of it included. */
export function boundToUs(command: [string, ...string[]]): [string, ...string[]] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', ...command] : command
}
