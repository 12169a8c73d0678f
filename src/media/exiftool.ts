import { spawn } from 'node:child_process'
import { ExifTool, exiftoolPath } from 'exiftool-vendored'
import { tether } from './tether.ts'
import { MediaError } from './types.ts'

/** What exiftool answers with `-json`: tag names as the arguments shape them (`EXIF:Make` with `-G`), raw values. */
export type ExifTags = Readonly<Record<string, unknown>>

/**
 * The part of exiftool that Mayfly uses. Arguments are ours alone and never carry a user's string; paths are
 * ours too. Each call ends within the pool's deadline: a process that hangs is killed and replaced.
 */
export interface Exiftool {
  /**
   * Reads tags with `args` (`-n`, `-G1`, `-fast`, …; `-json` is added). What exiftool itself says of a broken
   * file stands under `ExifTool:Error` or `Error`. Throws MediaError (`timeout`, `tool-failed`), or an Error
   * when its process ended meanwhile.
   */
  read(file: string, args: readonly string[]): Promise<ExifTags>
  /**
   * Changes `file` in place with `args` (give `-overwrite_original`; never `-q`, which the pool would wait on
   * for ever). Answers whether the file was changed, and warnings. Throws MediaError (`damaged` where exiftool
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

/** Opens a pool of long-lived exiftool processes (`-stay_open`): a call then costs 10–30 ms instead of 200. */
export function openExiftool(options: ExiftoolOptions = {}): Exiftool {
  const memoryKib = options.memoryKib ?? 1024 * 1024
  const pool = new ExifTool({
    maxProcs: options.maxProcs ?? 2,
    taskTimeoutMillis: options.deadlineMs ?? 30_000,
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
      const tethered = tether('/bin/sh', ['-c', capped, String(memoryKib), ...command])
      return spawn(tethered.command, tethered.args, {
        detached: true,
        stdio: 'pipe',
        env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LANG: 'C' },
      })
    },
  })

  return {
    async read(file, args) {
      try {
        return { ...(await pool.readRaw(file, { readArgs: [...args], useMWG: false })) }
      } catch (error) {
        throw asMediaError(error)
      }
    },
    async write(file, args) {
      try {
        // The library wants a tag to set, else it makes exiftool read the whole file first to set nothing.
        // Every write of ours takes location out, so the deletion of a GPS tag stands in.
        const result = await pool.write(
          file,
          { GPSAreaInformation: null },
          { writeArgs: [...args], useMWG: false },
        )
        return { changed: result.updated > 0, warnings: result.warnings ?? [] }
      } catch (error) {
        throw asMediaError(error, 'damaged')
      }
    },
    end: () => pool.end(),
  }
}

/** `refusal` is the reason for what exiftool itself said against the file. */
function asMediaError(error: unknown, refusal: 'damaged' | 'tool-failed' = 'tool-failed'): Error {
  const message = error instanceof Error ? error.message : String(error)
  if (/timeout|timed out/i.test(message)) {
    return new MediaError('timeout', 'exiftool did not finish in time', { cause: error })
  }
  const crashed = /(end|exit|kill|clos|spawn|EPIPE|not found)/i.test(message) && !/ - /.test(message)
  // Perhaps somebody stopped it: the job tries again, and a file that ends exiftool each time fails in the end.
  if (crashed) return new Error(`exiftool ended: ${firstLine(message)}`, { cause: error })
  return new MediaError(refusal, `exiftool: ${firstLine(message)}`, { cause: error })
}

function firstLine(text: string): string {
  const line = text.slice(0, 1000).split('\n', 1)[0] ?? ''
  // What follows names the file, by a path of ours.
  return (line.split(' - /', 1)[0] ?? '').slice(0, 200)
}
