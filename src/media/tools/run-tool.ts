import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isCrash, isFileBlamed } from './blame.ts'
import { dieWithParent } from './die-with-parent.ts'
import { withinTimeBudget } from './time-budget.ts'
import { MediaError } from '../types.ts'

export interface RunToolOptions {
  /** Milliseconds after which the child is killed. */
  readonly deadlineMs: number
  /** Bytes of stdout, and of stderr, that are taken; a child that writes more is killed. */
  readonly maxOutputBytes: number
  /** Kibibytes of address space of the child, kept where the shell knows `ulimit -v` (Linux). */
  readonly memoryKib?: number
  readonly cwd?: string
  /** Kills the child; the call then throws the signal's reason. */
  readonly signal?: AbortSignal
  /** Called for each line of stderr as it comes; stderr is then not collected and may be of any length. */
  readonly onStderrLine?: (line: string) => void
  /** Called for each chunk of stdout as it comes; stdout is then not collected and may be of any length. */
  readonly onStdout?: (chunk: Buffer) => void
}

export interface ToolOutput {
  readonly stdout: Buffer
  readonly stderr: string
}

/** What every call of ffmpeg and ffprobe needs in front of its input: no keyboard, and local files only. */
export const ffmpegIsolation = ['-nostdin', '-protocol_whitelist', 'file'] as const
/** The same for ffprobe, which knows no `-nostdin`. */
export const ffprobeIsolation = ['-protocol_whitelist', 'file'] as const

/**
 * Runs a command of ours (no shell sees the arguments) to its end, with bounds on time, output and memory.
 * Throws MediaError: `timeout` at the deadline; `damaged` where it writes too much, crashes, or ends with words that
 * blame the file; `tool-failed` for any other exit. An Error where it cannot be started or somebody killed it: that says
 * nothing about the file.
 */
export function runTool(
  command: string,
  args: readonly string[],
  options: RunToolOptions,
): Promise<ToolOutput> {
  return withinTimeBudget(options.deadlineMs, (deadlineMs) =>
    runToEnd(command, args, { ...options, deadlineMs }),
  )
}

async function runToEnd(
  command: string,
  args: readonly string[],
  options: RunToolOptions,
): Promise<ToolOutput> {
  options.signal?.throwIfAborted()
  function start(file: string, argv: readonly string[]) {
    const tethered = dieWithParent(file, argv)
    return spawn(tethered.command, tethered.args, {
      // A session of its own: Ctrl-C in the terminal is for us, who then stop what must be stopped.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C' },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
  }

  function startCapped(memoryKib: number) {
    const shell = 'ulimit -v "$0" 2>/dev/null; exec "$@"'
    return start('/bin/sh', ['-c', shell, String(memoryKib), command, ...args])
  }

  const child = options.memoryKib === undefined ? start(command, args) : startCapped(options.memoryKib)
  // Before anything else: where it cannot be started (EAGAIN, EMFILE) an `error` that nobody hears ends the service.
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  if (child.pid === undefined) {
    await closed
    throw new Error(`${command} could not be started`)
  }

  const outcome: { stopped: Error | null } = { stopped: null }
  const stop = (reason: Error) => {
    outcome.stopped ??= reason
    child.kill('SIGKILL')
  }
  const deadline = setTimeout(
    () => stop(new MediaError('timeout', `${command} did not finish in time`)),
    options.deadlineMs,
  )
  const onAbort = () => {
    const reason: unknown = options.signal?.reason
    stop(reason instanceof Error ? reason : new Error('aborted'))
  }
  options.signal?.addEventListener('abort', onAbort, { once: true })

  const tooMuch = () => stop(new MediaError('damaged', `${command} wrote more than it may`))
  const stdout = options.onStdout ? forward(child.stdout, options.onStdout) : collect(child.stdout)
  const stderr = options.onStderrLine ? lines(options.onStderrLine) : collect(child.stderr)

  function forward(stream: NodeJS.ReadableStream, onChunk: (chunk: Buffer) => void): Buffer[] {
    stream.on('data', (chunk: Buffer) => {
      if (outcome.stopped) return
      try {
        onChunk(chunk)
      } catch (error) {
        stop(error instanceof Error ? error : new Error(String(error)))
      }
    })
    return []
  }

  function collect(stream: NodeJS.ReadableStream): Buffer[] {
    const chunks: Buffer[] = []
    let size = 0
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > options.maxOutputBytes) tooMuch()
      else chunks.push(chunk)
    })
    return chunks
  }

  function lines(onLine: (line: string) => void): Buffer[] {
    createInterface({ input: child.stderr, crlfDelay: Infinity }).on('line', onLine)
    return []
  }

  try {
    // `close`, not `exit`: the pipes are then drained. A command that cannot be started rejects by `error`.
    const [code, signal] = await closed
    if (outcome.stopped) throw outcome.stopped
    const text = Buffer.concat(stderr).toString('utf8')
    if (signal !== null) {
      if (!isCrash(signal, text)) throw new Error(`${command} was killed by somebody (${signal})`)
      throw new MediaError('damaged', `${command} crashed (${signal})`)
    }
    if (code === notFound || code === notExecutable)
      throw new Error(`${command} could not be started: ${lastLine(text)}`)
    if (code !== 0) {
      const reason = isFileBlamed(text) ? 'damaged' : 'tool-failed'
      throw new MediaError(reason, `${command} failed: ${lastLine(text)}`)
    }
    return { stdout: Buffer.concat(stdout), stderr: text }
  } finally {
    clearTimeout(deadline)
    options.signal?.removeEventListener('abort', onAbort)
  }
}

/** What a shell, and setpriv, end with when there is no such command, and when it cannot be run. */
const notFound = 127
const notExecutable = 126

function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').slice(0, 200)
}
