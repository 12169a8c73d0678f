import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openWorkFolder } from '../../workers/work-folder.ts'

const program = join(import.meta.dirname, 'work-folder-process.ts')
/** As two containers do: each has its own host name and sees its own processes only, and both are number 1. */
const apart = ['--uts', '--pid', '--fork', '--kill-child', '--mount-proc']
const canBeApart = spawnSync('unshare', [...apart, 'true']).status === 0
const longAgo = new Date(Date.now() - 3 * 24 * 3_600_000)

let parent: string
const running: ChildProcess[] = []
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mayfly-work-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  await rm(parent, { recursive: true, force: true, maxRetries: 5 })
})

/** A worker of host `host`. Answers once it has its folder. */
async function startApart(host: string): Promise<{ child: ChildProcess; folder: string }> {
  const script = `hostname ${host}; exec "$@"`
  const args = ['sh', '-c', script, 'sh', process.execPath, '--import', 'tsx', program, parent]
  const child = spawn('unshare', [...apart, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, folder: said.toString().trim() }
}

/** As if nothing had happened in it for days, or its worker's clock were wrong. */
async function age(folder: string): Promise<void> {
  for (const name of await readdir(parent)) await utimes(join(parent, name), longAgo, longAgo)
  await utimes(folder, longAgo, longAgo)
}

const processOf = (child: ChildProcess): number =>
  Number(spawnSync('pgrep', ['-P', String(child.pid)]).stdout.toString())

describe.skipIf(!canBeApart)('work folders of several containers on one volume', { timeout: 120_000 }, () => {
  it('leaves the folder of a worker that lives, however old it looks', async () => {
    const first = await startApart('first')
    await age(first.folder)
    await startApart('second')
    expect(existsSync(first.folder)).toBe(true)
    await startApart('first')
    expect(existsSync(first.folder)).toBe(true)
  })

  it('leaves the folder of a worker that is stopped for hours', async () => {
    const first = await startApart('first')
    process.kill(processOf(first.child), 'SIGSTOP')
    await age(first.folder)
    await startApart('second')
    expect(existsSync(first.folder)).toBe(true)
  })

  it('removes the folder of a worker that was killed, at once', async () => {
    const first = await startApart('first')
    await writeFile(join(first.folder, 'left'), 'over')
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const second = await startApart('second')
    expect(existsSync(first.folder)).toBe(false)
    expect((await readdir(parent)).every((name) => join(parent, name).startsWith(second.folder))).toBe(true)
  })
})

describe('a work folder', () => {
  it('is gone with all that belongs to it when it is removed', async () => {
    const one = await openWorkFolder(parent)
    const two = await openWorkFolder(parent)
    expect(existsSync(one.path)).toBe(true)
    await one.remove()
    await two.remove()
    expect(await readdir(parent)).toEqual([])
  })

  it('of many workers that start at once is there for each of them', async () => {
    const folders = await Promise.all(Array.from({ length: 20 }, () => openWorkFolder(parent)))
    expect(folders.filter(({ path }) => !existsSync(path))).toEqual([])
    for (const folder of folders) await folder.remove()
  })

  it('without a lock, of an older version, is removed after a day', async () => {
    const old = join(parent, 'elsewhere-7-abc123')
    const young = join(parent, 'elsewhere-8-abc123')
    for (const folder of [old, young]) await mkdir(folder)
    await utimes(old, longAgo, longAgo)
    await openWorkFolder(parent)
    expect([existsSync(old), existsSync(young)]).toEqual([false, true])
  })
})
