import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, 'embedded-redis-process.ts')
/** As two containers do: neither sees the other's processes, and both are number 1. */
const apart = ['--pid', '--fork', '--kill-child', '--mount-proc']
const canBeApart = spawnSync('unshare', [...apart, 'true']).status === 0

let directory: string
const running: ChildProcess[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-apart-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true, maxRetries: 5 })
})

function start(): { child: ChildProcess; said: Promise<string> } {
  const child = spawn('unshare', [...apart, process.execPath, '--import', 'tsx', program, directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let errors = ''
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()))
  const address = once(child.stdout, 'data').then(([part]) => String(part))
  return { child, said: Promise.race([address, once(child, 'exit').then(() => errors)]) }
}

describe.skipIf(!canBeApart)(
  'a Redis of our own in two containers on one folder',
  { timeout: 60_000 },
  () => {
    it('runs once: the second one is told why, and takes over when the first has ended', async () => {
      const first = start()
      expect(await first.said).toContain('redis+unix://')
      expect(await start().said).toContain('is in use by another Mayfly')
      // Killed as its container is: the lock goes with the last process that held it.
      first.child.kill('SIGKILL')
      await once(first.child, 'exit')
      expect(await start().said).toContain('redis+unix://')
    })
  },
)
