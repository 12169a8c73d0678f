import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import { isCrash } from './blame.ts'
import { dieWithParent } from './die-with-parent.ts'
import { withinTimeBudget } from './time-budget.ts'
import { MediaError, mediaErrorReasons } from '../types.ts'

export interface ProcessPoolOptions {
  /** The child's program; it calls `serveJobs`. */
  readonly entry: URL
  /** How many children there are at most; each does one job at a time. They start when first needed. */
  readonly processes: number
  /** A child that is larger than this while it works is killed (resident bytes; watched where /proc exists). */
  readonly maxBytes: number
  /** A child that is larger than this after its job is replaced before the next, since heaps do not shrink. */
  readonly recycleBytes: number
}

/** Long-lived child processes that do what may hang, crash or swell, one job each at a time. */
export interface ProcessPool {
  /**
   * Runs one job and answers what the child answers (parse it: a broken child may say anything).
   * Throws MediaError: the child's own, `timeout` at the deadline, `too-large` at the memory cap, `damaged` where
   * the file crashed the child. An Error where the child cannot be started or somebody killed it. What failed once is
   * tried by another child the next time: no child is kept after a failure.
   */
  run(job: unknown, options: { readonly deadlineMs: number }): Promise<unknown>
  /** The children alive now, for tests and metrics. */
  pids(): number[]
  close(): Promise<void>
}

const Answer = z.union([
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), reason: z.enum(mediaErrorReasons), message: z.string() }),
])

const memoryCheckMs = 100

interface Member {
  readonly process: ChildProcess
  /** The last words on stderr, for the error's message when it crashes. */
  lastWords: string
}

export function openProcessPool(options: ProcessPoolOptions): ProcessPool {
  const idle: Member[] = []
  const members = new Set<Member>()
  const waiting: (() => void)[] = []
  let taken = 0
  let closed = false

  function start(): Member {
    const child = forkIsolated(options.entry)
    const member: Member = { process: child, lastWords: '' }
    members.add(member)
    child.stderr?.on('data', (chunk: Buffer) => {
      member.lastWords = (member.lastWords + chunk.toString('utf8')).slice(-500)
    })
    // Without a listener an `error` of the channel (EPIPE while a child dies) would end the worker itself.
    child.on('error', () => kill(child))
    // One that could not be started (EAGAIN, EMFILE) has no end either.
    if (child.pid === undefined) members.delete(member)
    child.once('exit', () => {
      members.delete(member)
      const at = idle.indexOf(member)
      if (at >= 0) idle.splice(at, 1)
    })
    return member
  }

  async function take(): Promise<Member> {
    if (closed) throw new Error('The process pool is closed')
    if (taken >= options.processes) await new Promise<void>((resolve) => waiting.push(resolve))
    else taken += 1
    // A place is handed on by `give`, so that `taken` stays as it is then.
    try {
      if (closed) throw new Error('The process pool is closed')
      return idle.pop() ?? start()
    } catch (error) {
      giveBackPlace()
      throw error
    }
  }

  function giveBackPlace(): void {
    const next = waiting.shift()
    if (next) next()
    else taken -= 1
  }

  async function give(member: Member, hasFailed: boolean): Promise<void> {
    try {
      const bytes = await residentBytes(member.process.pid)
      const { killed, exitCode, signalCode } = member.process
      // A child that was sent its signal may still look alive for a moment.
      const isAlive = !killed && exitCode === null && signalCode === null
      if (isAlive && !hasFailed && bytes <= options.recycleBytes && !closed) idle.push(member)
      else kill(member.process)
    } finally {
      giveBackPlace()
    }
  }

  return {
    async run(job, { deadlineMs }) {
      const member = await take()
      let hasFailed = true
      try {
        const answer = await withinTimeBudget(deadlineMs, (ms) => runJob(member, job, ms, options.maxBytes))
        hasFailed = false
        return answer
      } finally {
        await give(member, hasFailed)
      }
    },
    pids: () => [...members].flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid])),
    async close() {
      closed = true
      for (const resume of waiting.splice(0)) resume()
      const exits = [...members].map(
        ({ process: child }) =>
          new Promise<void>((resolve) => {
            child.once('exit', () => resolve())
            kill(child)
          }),
      )
      await Promise.all(exits)
    },
  }
}

function runJob(member: Member, job: unknown, deadlineMs: number, maxBytes: number): Promise<unknown> {
  const child = member.process
  if (child.pid === undefined) return Promise.reject(new Error('The decoder could not be started'))
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(deadline)
      clearInterval(memoryCheck)
      child.off('message', onMessage)
      child.off('close', onEnd)
      finish()
    }
    const stop = (reason: 'timeout' | 'too-large', message: string) => {
      kill(child)
      settle(() => reject(new MediaError(reason, message)))
    }
    const onMessage = (message: unknown) => {
      const answer = Answer.safeParse(message)
      if (!answer.success) {
        kill(child)
        settle(() => reject(new MediaError('tool-failed', 'The decoder answered nonsense')))
      } else if (answer.data.ok) {
        const { value } = answer.data
        settle(() => resolve(value))
      } else {
        const { reason, message: text } = answer.data
        settle(() => reject(new MediaError(reason, text)))
      }
    }
    const onEnd = (code: number | null, signal: string | null) => {
      const words = member.lastWords.trim().split('\n').at(-1) ?? ''
      const message = `The decoder died (${signal ?? code}) ${words}`.trim()
      // Somebody killed it, the kernel for want of memory perhaps: that says nothing against the file.
      const isFileAtFault = isCrash(signal, member.lastWords)
      settle(() => reject(isFileAtFault ? new MediaError('damaged', message) : new Error(message)))
    }
    const deadline = setTimeout(
      () => stop('timeout', `The decoder did not finish in ${deadlineMs / 1000} s`),
      deadlineMs,
    )
    const memoryCheck = setInterval(() => {
      void residentBytes(child.pid).then((bytes) => {
        if (bytes > maxBytes) stop('too-large', 'The decoder needed more memory than it may')
      })
    }, memoryCheckMs)
    child.on('message', onMessage)
    // Not `exit`: what it said last has been read by then.
    child.on('close', onEnd)
    child.send({ job }, (error) => {
      if (error) settle(() => reject(new Error('The decoder is gone', { cause: error })))
    })
  })
}

/** One that could not be started has the number 0 for Node, which to the kernel is our whole process group (kill(2)). */
function kill(child: ChildProcess): void {
  if (child.pid !== undefined) child.kill('SIGKILL')
}

/** Starts the child with nothing of our environment in it (keys, passwords) and so that it ends when we do. */
function forkIsolated(entry: URL): ChildProcess {
  const program = fileURLToPath(entry)
  const nodeArguments = ['--max-old-space-size=256']
  if (program.endsWith('.ts')) {
    const tsx = createRequire(import.meta.url).resolve('tsx')
    nodeArguments.push('--import', pathToFileURL(tsx).href)
  }
  // The child leaves on `disconnect`, but not while a decoder loops; its tether helps then.
  const { command, args } = dieWithParent(process.execPath, nodeArguments)
  return fork(program, [], {
    execPath: command,
    execArgv: args,
    // A session of its own: Ctrl-C in the terminal is for us, who then stop what must be stopped.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
      LANG: 'C.UTF-8',
      // glibc keeps an arena per thread otherwise, each with its own high-water mark.
      MALLOC_ARENA_MAX: '2',
    },
  })
}

/** Resident set of a process in bytes; 0 where it is gone or the system has no /proc. */
export async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0
  try {
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'latin1')).split(' ')[1])
    return Number.isFinite(pages) ? pages * 4096 : 0
  } catch {
    return 0
  }
}

/** The child's half: does the jobs that come, one at a time, and leaves when the parent is gone. */
export function serveJobs(work: (job: unknown) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: unknown) => {
    const job = z.object({ job: z.unknown() }).parse(message).job
    work(job).then(
      (value) => process.send?.({ ok: true, value }),
      (error: unknown) => process.send?.({ ok: false, ...describe(error) }),
    )
  })
}

function describe(error: unknown): { reason: MediaError['reason']; message: string } {
  if (error instanceof MediaError) return { reason: error.reason, message: error.message }
  // What is no fault of the file's that a decoder named (a full disk, a bug) is ours.
  return { reason: 'tool-failed', message: error instanceof Error ? error.message.slice(0, 500) : 'unknown' }
}
