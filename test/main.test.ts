import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Redis } from 'ioredis'
import { picture } from './media/fixtures.ts'
import { startRedis } from './support/servers.ts'

const projectRoot = join(import.meta.dirname, '..')
const Answer = z.object({
  link: z.object({ id: z.string(), url: z.string() }),
  items: z.array(z.object({ id: z.string() })),
  ownerKey: z.string(),
})
const Link = z.object({ state: z.string(), items: z.array(z.object({ state: z.string() })) })

let directory: string
const running: ChildProcess[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-main-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await rm(directory, { recursive: true, force: true })
})

interface Service {
  readonly child: ChildProcess
  readonly address: string
}

/** `mayfly all` with nothing but a data folder, as on a bare machine. */
async function start(): Promise<Service> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'all'], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, DATA_DIR: directory, PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    const port = /Mayfly is at http:\/\/localhost:(\d+)\n/.exec(said)?.[1]
    if (port !== undefined) return { child, address: `http://127.0.0.1:${port}` }
  }
  throw new Error(`it did not start: ${said}`)
}

async function upload({ address }: Service, count: number): Promise<z.infer<typeof Answer>> {
  const form = new FormData()
  for (let n = 0; n < count; n++) {
    const bytes = await picture(1, { width: 3000, height: 2000 }).linear(1, n).jpeg().toBuffer()
    form.append('files', new File([new Uint8Array(bytes)], `${n}.jpg`))
  }
  const answer = await fetch(`${address}/api/v1/shares`, { method: 'POST', body: form })
  expect(answer.status).toBe(201)
  return Answer.parse(await answer.json())
}

async function linkState({ address }: Service, share: z.infer<typeof Answer>): Promise<z.infer<typeof Link>> {
  const headers = { Authorization: `Bearer ${share.ownerKey}` }
  const answer = await fetch(`${address}/api/v1/links/${share.link.id}`, { headers })
  return Link.parse(await answer.json())
}

describe('a store of a newer program', { timeout: 400_000 }, () => {
  it('is not touched: it says so and ends', async () => {
    const folder = join(directory, 'data')
    await mkdir(folder)
    const redis = await startRedis({ directory: folder })
    const client = new Redis(redis.url)
    await client.set('mayfly:schema', '999')
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'all'], {
      cwd: projectRoot,
      env: {
        PATH: process.env.PATH,
        DATA_DIR: directory,
        PORT: '0',
        LOG_LEVEL: 'error',
        REDIS_URL: redis.url,
      },
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    running.push(child)
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    const [code] = (await once(child, 'exit')) as [number | null]
    expect(code).toBe(78)
    expect(said).toMatch(
      /^The store holds records of version 999, and this program knows them up to version \d+\./,
    )
    expect(await client.get('mayfly:schema')).toBe('999')
    client.disconnect()
    await redis.stop()
  })
})

describe('mayfly all', { timeout: 400_000 }, () => {
  it('loses nothing that it answered when it is killed, and goes on when it is started again', async () => {
    const first = await start()
    const share = await upload(first, 8)
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')

    const second = await start()
    const deadline = Date.now() + 180_000
    while ((await linkState(second, share)).state !== 'ready') {
      if (Date.now() > deadline) throw new Error('it was not prepared')
      await sleep(200)
    }
    expect((await linkState(second, share)).items.map(({ state }) => state)).toEqual(Array(8).fill('ready'))
    const { pathname } = new URL(share.link.url)
    expect((await fetch(`${second.address}${pathname}`)).status).toBe(200)
  })

  it('ends in order under load: no answer is cut short, and the exit code is 0', async () => {
    const service = await start()
    const share = await upload(service, 2)
    const { pathname } = new URL(share.link.url)
    const answers: string[] = []
    const visit = async (): Promise<void> => {
      for (;;) {
        try {
          const answer = await fetch(`${service.address}${pathname}`)
          const text = await answer.text()
          answers.push(
            answer.status === 200 && text.trimEnd().endsWith('</html>') ? 'whole' : `${answer.status}`,
          )
        } catch (error) {
          const cause =
            error instanceof Error && error.cause instanceof Error ? error.cause.message : `${error}`
          answers.push(/ECONNREFUSED|ECONNRESET|other side closed/.test(cause) ? 'refused' : cause)
          if (answers.at(-1) === 'refused') return
        }
      }
    }
    const visitors = Array.from({ length: 8 }, visit)
    await expect.poll(() => answers.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(8)
    service.child.kill('SIGTERM')
    const [code] = (await once(service.child, 'exit')) as [number | null]
    await Promise.all(visitors)
    expect(code).toBe(0)
    expect([...new Set(answers)].sort()).toEqual(['refused', 'whole'])
    expect(await readdir(join(directory, 'work'))).toEqual([])
  })
})
