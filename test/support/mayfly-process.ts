import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

const root = join(import.meta.dirname, '..', '..')

export interface MayflyProcess {
  readonly url: string
  /** What it wrote to its log. */
  log(): string
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>
}

const entry = ['--import', 'tsx', 'src/main.ts']

/** `mayfly all` as its operator runs it. Resolves once it listens, ready or not. `flags` are Node's, `under` a command to run it under. */
export async function startMayfly(
  environment: Record<string, string>,
  flags: readonly string[] = [],
  under: readonly string[] = [],
): Promise<MayflyProcess> {
  const [command = '', ...args] = [...under, process.execPath, ...flags, ...entry, 'all']
  const child: ChildProcess = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part: Buffer) => {
      text += part.toString()
    })
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  for (const deadline = Date.now() + 90_000; ; await sleep(50)) {
    const port = /Mayfly is at http:\/\/localhost:(\d+)/.exec(text)?.[1]
    if (port !== undefined) return { url: `http://127.0.0.1:${port}`, log: () => text, stop }
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`mayfly did not start: ${text}`)
    }
  }
}

/** Runs another command of `mayfly` to its end. */
export async function runMayfly(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [...entry, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'warn', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => {
      output += part.toString()
    })
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, output }
}

const readiness = z.object({
  ready: z.boolean(),
  instance: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
})

/** What `/readyz` says, with its status. */
export async function readyOf(url: string): Promise<z.infer<typeof readiness> & { status: number }> {
  const res = await fetch(`${url}/readyz`)
  return { status: res.status, ...readiness.parse(await res.json()) }
}

/** Every file of a folder bucket but its own notes, as keys in order. */
export async function filesOf(bucket: string): Promise<string[]> {
  const found: string[] = []
  for (const top of ['items', 'albums']) {
    const entries = await readdir(join(bucket, top), { recursive: true, withFileTypes: true }).catch(() => [])
    for (const one of entries)
      if (one.isFile()) found.push(join(one.parentPath, one.name).slice(bucket.length + 1))
  }
  return found.sort()
}

/** Makes every file look as if it had been written so long ago. */
export async function ageFiles(bucket: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms)
  for (const file of await filesOf(bucket)) await utimes(join(bucket, file), then, then)
}
