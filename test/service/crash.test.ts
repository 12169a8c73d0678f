import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { bearer, form, pathOf, postShare, untilReady } from '../support/client.ts'

const root = join(import.meta.dirname, '..', '..')

interface Running {
  readonly url: string
  readonly process: ChildProcess
}

/** `mayfly all` as its operator runs it: a process group of its own, an embedded Redis, the folder bucket. */
async function start(directory: string): Promise<Running> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'all'], {
    cwd: root,
    detached: true,
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', DATA_DIR: directory, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const chunk of process_.stdout) {
    text += String(chunk)
    const port = /Mayfly is at http:\/\/localhost:(\d+)/.exec(text)?.[1]
    if (port !== undefined) {
      process_.stdout.resume()
      return { url: `http://127.0.0.1:${port}`, process: process_ }
    }
  }
  throw new Error(`did not start: ${text}`)
}

/** Sends a signal to the process alone, or, as Ctrl-C does, to its whole group; answers its exit code. */
async function end(
  { process: child }: Running,
  signal: NodeJS.Signals,
  group = false,
): Promise<number | null> {
  const exited = once(child, 'exit')
  process.kill(group ? -(child.pid ?? 0) : (child.pid ?? 0), signal)
  const [code] = (await exited) as [number | null]
  return code
}

const photos = async (count: number): Promise<Record<string, Buffer>> => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const picture = await sharp({
    create: { width: 3000, height: 2000, channels: 3, background: '#000', noise },
  })
    .jpeg()
    .toBuffer()
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.jpg`, picture]))
}

let directory: string
const running: Running[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-crash-'))
})
afterEach(async () => {
  for (const service of running.splice(0)) {
    const { exitCode, signalCode } = service.process
    if (exitCode === null && signalCode === null) await end(service, 'SIGTERM')
  }
  await rm(directory, { recursive: true, force: true })
})

async function run(): Promise<Running> {
  const service = await start(directory)
  running.push(service)
  return service
}

describe('mayfly all', { timeout: 600_000 }, () => {
  it('killed right after an upload was answered, loses nothing and goes on preparing', async () => {
    const first = await run()
    const share = await postShare(first.url, await photos(4), { title: 'Kept' })
    await end(first, 'SIGKILL')
    const second = await run()
    const { items } = await untilReady(second.url, share, 300)
    expect(items.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready', 'ready'])
    const zip = await fetch(`${second.url}${pathOf(share)}/zip`)
    expect(zip.status).toBe(200)
    await zip.arrayBuffer()
  })

  it('stopped by Ctrl-C in the middle of preparing, blames no file and finishes after the next start', async () => {
    const first = await run()
    const share = await postShare(first.url, await photos(8))
    await sleep(300)
    expect(await end(first, 'SIGINT', true)).toBe(0)
    const second = await run()
    const { items } = await untilReady(second.url, share, 300)
    expect(items.map(({ state, reason }) => [state, reason])).toEqual(items.map(() => ['ready', undefined]))
  })

  it('protection 35: has every answered upload, link and stop after its Redis was killed', async () => {
    const service = await run()
    const kept = await postShare(service.url, await photos(1))
    const stopped = await postShare(service.url, await photos(1), {}, bearer(kept.ownerKey))
    const stop = await fetch(`${service.url}/api/v1/links/${stopped.link.id}`, {
      method: 'DELETE',
      headers: bearer(kept.ownerKey),
    })
    expect(stop.status).toBe(204)
    process.kill(await redisPid(directory), 'SIGKILL')
    const status = async (share: typeof kept) => (await fetch(`${service.url}${pathOf(share)}`)).status
    await expect.poll(() => status(kept)).toBe(200)
    expect(await status(stopped)).toBe(410)
    expect((await untilReady(service.url, kept)).items).toHaveLength(1)
  })

  it('protection 38: killed at any step of an upload, has it whole or not at all, and sweeps the rest', async () => {
    let service = await run()
    const { ownerKey } = await postShare(service.url, await photos(1))
    const files = await photos(3)
    for (const delay of [5, 20, 60, 150, 400]) {
      const posted = fetch(`${service.url}/api/v1/shares`, {
        method: 'POST',
        headers: bearer(ownerKey),
        body: form(files),
      }).then(
        (res) => res.status,
        () => null,
      )
      await sleep(delay)
      await end(service, 'SIGKILL')
      await posted
      service = await run()
    }
    const res = await fetch(`${service.url}/api/v1/links`, { headers: bearer(ownerKey) })
    const { links } = (await res.json()) as {
      links: { id: string; url: string; albums: { count: number }[] }[]
    }
    for (const link of links.slice(0, -1)) expect(link.albums.map(({ count }) => count)).toEqual([3])
    expect(links.length).toBeGreaterThanOrEqual(1)
  })
})

/** The pid of the embedded Redis, from the note that its owner leaves beside it. */
async function redisPid(folder: string): Promise<number> {
  const lock: unknown = JSON.parse(await readFile(join(folder, 'redis', 'mayfly.lock'), 'utf8'))
  return z.object({ redis: z.number() }).parse(lock).redis
}
