import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { openExiftool } from '../../src/media/tools/exiftool.ts'
import { openProcessPool, type ProcessPool } from '../../src/media/tools/process-pool.ts'
import { runTool } from '../../src/media/tools/run-tool.ts'
import { fileFaultOf } from '../../src/media/types.ts'
import { onBusyMachine } from '../support/timing.ts'

const entry = new URL('misbehaving-child.ts', import.meta.url)
const pools: ProcessPool[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

function open(options: { processes?: number; maxBytes?: number; recycleBytes?: number } = {}): ProcessPool {
  const pool = openProcessPool({
    entry,
    processes: 1,
    maxBytes: 500_000_000,
    recycleBytes: 400_000_000,
    ...options,
  })
  pools.push(pool)
  return pool
}

/** Bounds nothing here: a child takes seconds to start on a busy machine. */
const within = { deadlineMs: 90_000 }

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a process pool', () => {
  test('keeps its child from job to job, and ends it on close', async () => {
    const pool = open()
    const pid = await pool.run({ do: 'answer' }, within)
    expect(await pool.run({ do: 'answer' }, within)).toBe(pid)
    expect(pool.pids()).toEqual([pid])
    await pool.close()
    expect(isAlive(Number(pid))).toBe(false)
    await expect(pool.run({ do: 'answer' }, within)).rejects.toThrow('closed')
  })

  test('runs as many jobs at once as it has processes, and the rest in turn', async () => {
    const pool = open({ processes: 2 })
    const answers = await Promise.all(Array.from({ length: 8 }, () => pool.run({ do: 'answer' }, within)))
    expect(new Set(answers).size).toBeLessThanOrEqual(2)
    expect(pool.pids().length).toBeLessThanOrEqual(2)
  })

  test('kills what hangs at its deadline, and goes on with a new child', async () => {
    const pool = open()
    const before = await pool.run({ do: 'answer' }, within)
    const start = Date.now()
    await expect(pool.run({ do: 'hang' }, { deadlineMs: 500 })).rejects.toMatchObject({ reason: 'timeout' })
    expect(Date.now() - start).toBeLessThan(onBusyMachine(5000))
    const after = await pool.run({ do: 'answer' }, within)
    expect(after).not.toBe(before)
    expect(isAlive(Number(before))).toBe(false)
  })

  test('kills what swells past its cap', async () => {
    const pool = open({ maxBytes: 300_000_000 })
    await expect(pool.run({ do: 'swell' }, within)).rejects.toMatchObject({ reason: 'too-large' })
    expect(await pool.run({ do: 'answer' }, within)).toBeTypeOf('number')
  })

  test('replaces a child that stays large after its job', async () => {
    const pool = open({ recycleBytes: 200_000_000 })
    const first = await pool.run({ do: 'answer' }, within)
    expect(await pool.run({ do: 'keep' }, within)).toBe(first)
    expect(await pool.run({ do: 'answer' }, within)).not.toBe(first)
  })

  test('a crash costs the file that caused it only', async () => {
    const pool = open()
    const [crashed, next] = await Promise.allSettled([
      pool.run({ do: 'crash' }, within),
      pool.run({ do: 'answer' }, within),
    ])
    expect(crashed).toMatchObject({ status: 'rejected', reason: { reason: 'damaged' } })
    expect(next.status).toBe('fulfilled')
  })

  test('blames no file for a child that somebody killed', async () => {
    const pool = open()
    const failure = await pool.run({ do: 'killed' }, within).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Error)
    expect(fileFaultOf(failure)).toBeNull()
    expect(await pool.run({ do: 'answer' }, within)).toBeTypeOf('number')
  })

  test('asks another child after a failure', async () => {
    const pool = open()
    const before = await pool.run({ do: 'answer' }, within)
    await expect(pool.run({ do: 'refuse' }, within)).rejects.toThrow('no')
    expect(await pool.run({ do: 'answer' }, within)).not.toBe(before)
  })

  test('passes on what a child refuses, and believes no nonsense', async () => {
    const pool = open()
    await expect(pool.run({ do: 'refuse' }, within)).rejects.toMatchObject({
      name: 'MediaError',
      reason: 'too-long',
    })
    await expect(pool.run({ do: 'lie' }, within)).rejects.toMatchObject({ reason: 'tool-failed' })
    expect(await pool.run({ do: 'answer' }, within)).toBeTypeOf('number')
  })

  test('gives its children no environment of ours', async () => {
    process.env['S3_SECRET_ACCESS_KEY'] = 'canary'
    try {
      expect(await open().run({ do: 'environment' }, within)).not.toContain('S3_SECRET_ACCESS_KEY')
    } finally {
      delete process.env['S3_SECRET_ACCESS_KEY']
    }
  })

  test('its children die with the process that opened it, even while they hang', async () => {
    const script = `
      import { openProcessPool } from ${JSON.stringify(new URL('../../src/media/tools/process-pool.ts', import.meta.url).href)}
      const pool = openProcessPool({ entry: new URL(${JSON.stringify(entry.href)}), processes: 1, maxBytes: 5e8, recycleBytes: 4e8 })
      const pid = await pool.run({ do: 'answer' }, { deadlineMs: 90000 })
      pool.run({ do: 'hang' }, { deadlineMs: 60000 }).catch(() => {})
      setTimeout(() => console.log(pid), 300)`
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    for (let tries = 0; tries < 300 && isAlive(pid); tries += 1) await wait(100)
    expect(isAlive(pid)).toBe(false)
  })
})

describe('a tool', () => {
  test('that hangs is killed at its deadline', async () => {
    const start = Date.now()
    const running = runTool('sleep', ['60'], { deadlineMs: 300, maxOutputBytes: 1000 })
    await expect(running).rejects.toMatchObject({ reason: 'timeout' })
    expect(Date.now() - start).toBeLessThan(onBusyMachine(5000))
  })

  test('exiftool, too, and it reads on afterwards', async () => {
    const exiftool = openExiftool({ maxProcs: 1, deadlineMs: 6000 })
    try {
      const file = new URL(import.meta.url).pathname
      // A named pipe without a writer: opening it blocks for ever.
      const { execFileSync } = await import('node:child_process')
      const { mkdtempSync, rmSync } = await import('node:fs')
      const folder = mkdtempSync(join(tmpdir(), 'mayfly-fifo-'))
      try {
        execFileSync('mkfifo', [`${folder}/never.jpg`])
        await expect(exiftool.read(`${folder}/never.jpg`, ['-n', '-Make'])).rejects.toMatchObject({
          name: 'MediaError',
        })
        expect(await exiftool.read(file, ['-n', '-FileSize'])).toHaveProperty('FileSize')
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    } finally {
      await exiftool.end()
    }
  })
})
