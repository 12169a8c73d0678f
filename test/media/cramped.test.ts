import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

// No fault of a child process may end the service, nor be held against a file (protection 52).

const program = fileURLToPath(new URL('cramped-process.ts', import.meta.url))
/** Root may start as many processes as it likes: then another user does. */
const user = process.getuid?.() === 0 ? { uid: 64_321, gid: 64_321 } : {}
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-cramped-'))
  await chmod(folder, 0o777)
  await writeFile(join(folder, 'file.jpg'), Buffer.from('ffd8ffd9', 'hex'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Cramped {
  readonly process: ChildProcess
  /** Uses every kind of child once more. */
  use(): Promise<Record<string, string>>
  readonly ended: Promise<number | string | null>
}
const started: Cramped[] = []
afterEach(() => {
  for (const { process: child } of started.splice(0)) child.kill('SIGKILL')
})

async function start(path = process.env['PATH'] ?? ''): Promise<Cramped> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, join(folder, 'file.jpg')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: path, HOME: folder, TMPDIR: folder },
    ...user,
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  const next = async (): Promise<Record<string, string>> => {
    const { value, done } = (await lines.next()) as { value: string; done?: boolean }
    if (done) throw new Error(`the process ended (${await ended})`)
    return JSON.parse(value) as Record<string, string>
  }
  const cramped: Cramped = {
    process: child,
    use() {
      child.stdin.write('again\n')
      return next()
    },
    ended,
  }
  started.push(cramped)
  await next()
  return cramped
}

const limit = ({ process: { pid } }: Cramped, name: string, soft: number): void =>
  void execFileSync('prlimit', ['--pid', String(pid), `--${name}=${soft}:`], user)

const fine = { decoder: 'fine', exiftool: 'fine', ffprobe: 'fine' }
const blameless = expect.stringMatching(/^no fault of the file/)
const failed = { decoder: blameless, exiftool: blameless, ffprobe: blameless }

describe('a process whose children fail', { timeout: 120_000 }, () => {
  test('goes on where no process can be started (EAGAIN), and works again once they can', async () => {
    const cramped = await start()
    limit(cramped, 'nproc', 1)
    expect(await cramped.use()).toEqual(failed)
    expect(await cramped.use()).toEqual(failed)
    limit(cramped, 'nproc', 500)
    expect(await cramped.use()).toEqual(fine)
  })

  test('goes on where no file can be opened (EMFILE), and works again once they can', async () => {
    const cramped = await start()
    const open = (await readdir(`/proc/${cramped.process.pid}/fd`)).length
    limit(cramped, 'nofile', open - 1)
    expect(await cramped.use()).toEqual(failed)
    limit(cramped, 'nofile', 1024)
    expect(await cramped.use()).toEqual(fine)
  })

  const tools = ['perl', 'ffprobe']
  test.each([
    ['is missing', null],
    ['cannot be run', { mode: 0o644, text: 'no program' }],
    ['exits at once', { mode: 0o755, text: '#!/bin/sh\nexit 1\n' }],
    ['kills itself', { mode: 0o755, text: '#!/bin/sh\nkill -9 $$\n' }],
  ])('goes on where a tool %s', async (_, tool) => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    await chmod(bin, 0o755)
    if (tool)
      for (const name of tools) {
        await writeFile(join(bin, name), tool.text)
        await chmod(join(bin, name), tool.mode)
      }
    await symlink(process.execPath, join(bin, 'node'))
    const cramped = await start(bin)
    expect(await cramped.use()).toEqual({ ...failed, decoder: 'fine' })
    expect(await cramped.use()).toEqual({ ...failed, decoder: 'fine' })
  })
})
