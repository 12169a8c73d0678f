import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort, startRedis, type RedisProcess } from '../support/servers.ts'

const root = join(import.meta.dirname, '..', '..')

let directory: string
const running: ChildProcess[] = []
let redis: RedisProcess | null = null
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-exit-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  await redis?.kill()
  redis = null
  await rm(directory, { recursive: true, force: true, maxRetries: 5 })
})

function start(role: string, redisUrl: string) {
  const environment = { DATA_DIR: join(directory, role), REDIS_URL: redisUrl, PORT: '0', LOG_LEVEL: 'info' }
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', role], {
    cwd: root,
    env: { PATH: process.env['PATH'], METRICS_ADDRESS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  const said = { out: '', error: '' }
  child.stdout.on('data', (part: Buffer) => (said.out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (said.error += part.toString()))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  return { child, said, ended }
}

async function ownRedis(): Promise<RedisProcess> {
  const folder = join(directory, 'redis')
  await mkdir(folder, { recursive: true })
  redis = await startRedis({ directory: folder })
  return redis
}

describe.each(['web', 'worker'])('mayfly %s', { timeout: 120_000 }, (role) => {
  it('says in one line that Redis refuses its password, and exits with EX_CONFIG', async () => {
    const { port, url } = await ownRedis()
    const client = new Redis(url)
    await client.config('SET', 'requirepass', 'right')
    client.disconnect()
    const { said, ended } = start(role, `redis://:wrong@127.0.0.1:${port}`)
    expect(await ended).toBe(78)
    expect(said.error).toBe('Redis refuses the user or password of REDIS_URL\n')
  })

  it.each(['killed', 'frozen'])('ends within 15 s of SIGTERM while Redis is %s', async (how) => {
    const { url, pid } = await ownRedis()
    const { child, said, ended } = start(role, url)
    await expect.poll(() => said.out, { timeout: 90_000 }).toContain('"started"')
    process.kill(pid, how === 'killed' ? 'SIGKILL' : 'SIGSTOP')
    const begun = performance.now()
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect(said.error).not.toContain('AggregateError')
  })
})

// Both at once: each waits 20 s for its Redis.
it(
  'without a Redis both roles say so in one line, and exit with EX_UNAVAILABLE',
  { timeout: 120_000 },
  async () => {
    const url = `redis://127.0.0.1:${await freePort()}`
    for (const { said, ended } of ['web', 'worker'].map((role) => start(role, url))) {
      expect(await ended).toBe(69)
      expect(said.error).toMatch(/^Redis is not connected.*ECONNREFUSED.*\n$/)
    }
  },
)

it('a worker that starts before Redis waits for it', { timeout: 120_000 }, async () => {
  const port = await freePort()
  const { said } = start('worker', `redis://127.0.0.1:${port}`)
  const folder = join(directory, 'redis')
  await mkdir(folder, { recursive: true })
  redis = await startRedis({ directory: folder, port })
  await expect.poll(() => said.out, { timeout: 90_000 }).toContain('"started"')
})
