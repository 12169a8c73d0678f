import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..', '..')

export interface WebProcess {
  readonly url: string
  readonly pid: number
  /** Processor time that it has taken so far, all threads, in milliseconds; counted in steps of 10. */
  processorMs(): Promise<number>
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
  const pid = child.pid ?? 0
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
    if (isReady) return { url, pid, processorMs: () => processorMs(pid), kill }
    await sleep(100)
  }
  await kill()
  throw new Error('mayfly web did not get ready')
}

/** From the line that proc(5) describes: `utime` and `stime` are its fields 14 and 15, in hundredths of a second. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12]))
}
