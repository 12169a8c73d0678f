import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..', '..')

export interface WebProcess {
  readonly url: string
  readonly pid: number
  /** As a crash would: SIGKILL. */
  kill(): Promise<void>
}

/** `mayfly web` as a process of its own, with an operator's settings. Resolves once it is ready. */
export async function startWebProcess(
  environment: Record<string, string> & { PORT: string },
): Promise<WebProcess> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'web'], {
    cwd: root,
    env: { ...process.env, LOG_LEVEL: 'error', HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${environment.PORT}`
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  const deadline = Date.now() + 90_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`mayfly web ended with ${child.exitCode}`)
    const isReady = await fetch(`${url}/readyz`).then(
      (res) => res.ok,
      () => false,
    )
    if (isReady) return { url, pid: child.pid ?? 0, kill }
    await sleep(100)
  }
  await kill()
  throw new Error('mayfly web did not get ready')
}
