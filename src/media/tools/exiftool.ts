import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { ExifTool, exiftoolPath } from 'exiftool-vendored'
import { isFileBlamed } from './blame.ts'
import { dieWithParent } from './die-with-parent.ts'
import { withinTimeBudget } from './time-budget.ts'
import { MediaError } from '../types.ts'

/** What exiftool answers with `-json`: tag names as the arguments shape them (`EXIF:Make` with `-G`), raw values. */
export type ExifTags = Readonly<Record<string, unknown>>

/**
 * The part of exiftool that Mayfly uses. Arguments are ours alone and never carry a user's string; paths are
 * ours too. Each call ends within the pool's deadline: a process that hangs is killed and replaced.
 */
export interface Exiftool {
  /**
   * Reads tags with `args` (`-n`, `-G1`, `-fast`, …; `-json` is added). What exiftool itself says of a broken
   * file stands under `ExifTool:Error` or `Error`. Throws MediaError (`damaged` where exiftool blames the file, `timeout`,
   * `tool-failed`), or an Error when its process ended meanwhile or cannot be started.
   */
  read(file: string, args: readonly string[]): Promise<ExifTags>
  /**
   * Changes `file` in place with `args` (give `-overwrite_original`; never `-q`, which the pool would wait on
   * for ever). Returns whether the file was changed, and warnings. Throws MediaError (`damaged` where exiftool
   * refuses to write the file, `timeout`, `tool-failed`).
   */
  write(file: string, args: readonly string[]): Promise<ExifWritten>
  /** Ends the child processes. */
  end(): Promise<void>
}

export interface ExifWritten {
  readonly changed: boolean
  readonly warnings: readonly string[]
}

export interface ExiftoolOptions {
  /** Perl processes that stay open. Default 2. */
  readonly maxProcs?: number
  /** Milliseconds that one call may take. Default 30 s. */
  readonly deadlineMs?: number
  /** Kibibytes of address space per process. Default 1 GiB; kept where the shell knows `ulimit -v` (Linux). */
  readonly memoryKib?: number
}

const defaultProcs = 2
const defaultDeadlineMs = 30_000

/** Opens a pool of long-lived exiftool processes (`-stay_open`): a call then costs 10–30 ms instead of 200. */
export function openExiftool(options: ExiftoolOptions = {}): Exiftool {
  let pool = openPool()
  /** Rejects the calls under way. */
  const underWay = new Set<(error: Error) => void>()

  function openPool(): ExifTool {
    const opened = startPool(options, fail)
    opened.on('startError', fail)
    return opened

    // The library tries to start one for ever, and what waits for it would wait as long. A new pool starts with nothing.
    function fail(cause: Error): void {
      if (opened !== pool) return
      pool = openPool()
      opened.end(false).catch(() => undefined)
      const failure = new Error(`exiftool could not be started: ${firstLine(cause.message)}`, { cause })
      for (const reject of underWay) reject(failure)
    }
  }

  const inTurn = atMost(options.maxProcs ?? defaultProcs)

  function call<Result>(work: (pool: ExifTool) => Promise<Result>): Promise<Result> {
    // The pool gives all calls the same time: what is left of a budget is not looked at while one runs.
    return inTurn(() => withinTimeBudget(options.deadlineMs ?? defaultDeadlineMs, () => callNow(work)))
  }

  function callNow<Result>(work: (pool: ExifTool) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      underWay.add(reject)
      work(pool)
        .then(resolve, (error: unknown) => reject(asMediaError(error)))
        .finally(() => underWay.delete(reject))
    })
  }

  return {
    read: (file, args) =>
      call(async (opened) => ({ ...(await opened.readRaw(file, { readArgs: [...args], useMWG: false })) })),
    write: (file, args) =>
      call(async (opened) => {
        // The library wants a tag to set, else it makes exiftool read the whole file first to set nothing.
        // Every write of ours takes location out, so the deletion of a GPS tag stands in.
        const { updated, warnings } = await opened.write(
          file,
          { GPSAreaInformation: null },
          { writeArgs: [...args], useMWG: false },
        )
        return { changed: updated > 0, warnings: warnings ?? [] }
      }),
    end: () => pool.end(),
  }
}

/** Lets at most `most` calls run at once, in the order in which they came: only a call that runs costs its job time. */
function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running < most) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}

/** `failed` hears of a process that ended before it said anything. */
function startPool(options: ExiftoolOptions, failed: (error: Error) => void): ExifTool {
  const memoryKib = options.memoryKib ?? 1024 * 1024
  return new ExifTool({
    maxProcs: options.maxProcs ?? defaultProcs,
    taskTimeoutMillis: options.deadlineMs ?? defaultDeadlineMs,
    // A hostile file must not be given its deadline twice.
    taskRetries: 0,
    useMWG: false,
    geolocation: false,
    processFactory: async () => {
      const script = await exiftoolPath()
      if (typeof script !== 'string') throw new Error('exiftool was not found')
      // `-config ''` (only valid as the first argument): no configuration of whoever runs the server is read.
      const command = [script, '-config', '', '-stay_open', 'True', '-@', '-']
      const capped = 'ulimit -v "$0" 2>/dev/null; exec perl "$@"'
      const tethered = dieWithParent('/bin/sh', ['-c', capped, String(memoryKib), ...command])
      const child = spawn(tethered.command, tethered.args, {
        detached: true,
        stdio: 'pipe',
        env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C' },
      })
      // The library listens only later: where there is no process (EAGAIN, EMFILE) the error would end the service.
      await once(child, 'spawn')
      child.once('exit', (code, signal) => {
        if (child.stdout instanceof Socket && child.stdout.bytesRead === 0)
          failed(new Error(`it ended at once (${signal ?? code})`))
      })
      return child
    },
  })
}

function asMediaError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  if (/timeout|timed out|waited \d+ms/i.test(message)) {
    return new MediaError('timeout', 'exiftool did not finish in time', { cause: error })
  }
  const [words, path] = firstLine(message).split(fileMark, 2)
  // Only exiftool itself names the file. Anything else was said of its process, which somebody killed perhaps, or of half
  // an answer: the job tries again.
  if (path === undefined) return new Error(`exiftool ended: ${words?.slice(0, 200)}`, { cause: error })
  const reason = isFileBlamed(words!) ? 'damaged' : 'tool-failed'
  return new MediaError(reason, `exiftool: ${words!.slice(0, 200)}`, { cause: error })
}

/** What stands between exiftool's words and the path of the file that they are about. */
const fileMark = ' - /'

const firstLine = (text: string): string => text.slice(0, 1000).split('\n', 1)[0] ?? ''
