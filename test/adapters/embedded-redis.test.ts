import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmbeddedRedis } from '../../src/adapters/redis/embedded-redis.ts'
import { connectRedis } from '../../src/adapters/redis/redis-connection.ts'
import { flockCommand } from '../../src/flock.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { value } from '../../src/ports.ts'
import type { Log } from '../../src/ports.ts'

const log: Log = { debug() {}, info() {}, warn() {}, error() {} }
const program = fileURLToPath(new URL('./embedded-redis-process.ts', import.meta.url))

describe('a Redis of our own', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-own-'))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  async function put(url: string, text: string) {
    const store = redisStore({ url })
    await store.commit({ writes: [{ kind: 'set', key: 'k', value: text }] })
    await store.close()
  }
  async function get(url: string) {
    const store = redisStore({ url })
    const [text] = await store.read([value('k')])
    await store.close()
    return text
  }
  const holder = async () =>
    z
      .object({ pid: z.number(), redis: z.number() })
      .parse(JSON.parse(await readFile(join(directory, 'mayfly.lock'), 'utf8')))
  // Empty for a zombie: a container may have nobody who waits for orphans.
  const alive = async (pid: number) =>
    (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('redis-server')

  it('keeps everything over a stop, refuses strangers, and leaves nothing running', async () => {
    const one = await startEmbeddedRedis({ directory, log })
    await put(one.url, 'kept')
    const { redis } = await holder()
    const client = connectRedis(one.url, 'bounded')
    await once(client, 'ready')
    const settings = z
      .array(z.string())
      .parse(await client.call('CONFIG', 'GET', 'append*', 'maxmemory-policy', 'save', 'port'))
    expect(settings.join(' ')).toMatch(/appendonly yes/)
    expect(settings.join(' ')).toMatch(/appendfsync always/)
    expect(settings.join(' ')).toMatch(/maxmemory-policy noeviction/)
    expect(settings.join(' ')).toMatch(/port 0/)
    client.disconnect()
    expect((await stat(join(directory, 'redis.sock'))).mode & 0o777).toBe(0o700)
    await one.stop()
    expect(await alive(redis)).toBe(false)
    expect(await readdir(directory)).toEqual(['appendonlydir', 'redis.lock'])

    const two = await startEmbeddedRedis({ directory, log })
    expect(await get(two.url)).toBe('kept')
    await two.stop()
  })

  it('is started again when it dies, with its data', async () => {
    const own = await startEmbeddedRedis({ directory, log })
    await put(own.url, 'kept')
    const before = await holder()
    process.kill(before.redis, 'SIGKILL')
    await sleep(100)
    const store = redisStore({ url: own.url })
    await expect.poll(() => store.read([value('k')]).catch(String)).toEqual(['kept'])
    await store.close()
    const running = await holder()
    expect(running.redis).not.toBe(before.redis)
    await own.stop()
    expect(await alive(running.redis)).toBe(false)
  })

  it('refuses a folder that a living process uses', async () => {
    const own = await startEmbeddedRedis({ directory, log })
    await expect(startEmbeddedRedis({ directory, log })).rejects.toThrow(/in use by another Mayfly/)
    await put(own.url, 'still there')
    await own.stop()
  })

  it('waits for the child of a Redis that was ended, which still holds the lock', async () => {
    const lock = join(directory, 'redis.lock')
    const child = spawn(flockCommand ?? 'none', ['--no-fork', lock, 'sleep', '1.5'], { stdio: 'ignore' })
    await expect.poll(async () => (await stat(lock).catch(() => null)) !== null).toBe(true)
    const one = await startEmbeddedRedis({ directory, log })
    expect(child.exitCode).toBe(0)
    await one.stop()
  })

  it('puts its socket elsewhere where the path is too long', async () => {
    const deep = join(directory, 'a'.repeat(60), 'b'.repeat(60))
    await mkdir(deep, { recursive: true })
    const own = await startEmbeddedRedis({ directory: deep, log })
    expect(own.url).not.toContain('aaaa')
    await put(own.url, 'kept')
    await own.stop()
  })

  it('takes folders with spaces, per cents and letters of other scripts', async () => {
    const odd = join(directory, 'ein Ordner 100% größer')
    const own = await startEmbeddedRedis({ directory: odd, log })
    await put(own.url, 'kept')
    expect(await get(own.url)).toBe('kept')
    await own.stop()
  })

  it('says what is wrong when the data cannot be loaded', async () => {
    await mkdir(join(directory, 'appendonlydir'))
    await writeFile(join(directory, 'appendonlydir', 'appendonly.aof.manifest'), 'nonsense\n')
    await expect(startEmbeddedRedis({ directory, log })).rejects.toThrow(/ended at its start/)
    expect(await readdir(directory)).toEqual(['appendonlydir', 'redis.lock'])
  })

  async function startProcess(): Promise<{
    pid: number
    url: string
    kill(signal: NodeJS.Signals): Promise<void>
  }> {
    const child = spawn(process.execPath, ['--import', 'tsx', program, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(child.stdout, 'data'))
    return {
      pid: child.pid ?? 0,
      url: line.toString().trim(),
      async kill(signal) {
        const gone = once(child, 'exit')
        child.kill(signal)
        await gone
      },
    }
  }

  it('takes over from a process that was killed: its Redis is ended first, nothing is lost', async () => {
    const other = await startProcess()
    await put(other.url, 'acknowledged')
    const { redis } = await holder()
    await other.kill('SIGKILL')
    expect(await alive(redis)).toBe(true)

    const own = await startEmbeddedRedis({ directory, log })
    expect(await alive(redis)).toBe(false)
    expect(await get(own.url)).toBe('acknowledged')
    await own.stop()
  })

  it('takes over also from a Redis that hangs', async () => {
    const other = await startProcess()
    await put(other.url, 'acknowledged')
    const { redis } = await holder()
    await other.kill('SIGKILL')
    process.kill(redis, 'SIGSTOP')
    const own = await startEmbeddedRedis({ directory, log })
    expect(await alive(redis)).toBe(false)
    expect(await get(own.url)).toBe('acknowledged')
    await own.stop()
  })

  it('ends with a process that ends without stop()', async () => {
    const other = await startProcess()
    const { redis } = await holder()
    await other.kill('SIGTERM')
    await expect.poll(() => alive(redis)).toBe(false)
  })

  it('is in a process group of its own, out of reach of Ctrl-C', async () => {
    const own = await startEmbeddedRedis({ directory, log })
    const { redis } = await holder()
    const stat = await readFile(`/proc/${redis}/stat`, 'utf8')
    const [, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    expect(Number(group)).toBe(redis)
    await own.stop()
  })
})
