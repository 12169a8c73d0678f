/**
 * `mayfly backup` and `mayfly restore` of many items: their memory, their time, and for how long they hold the event loop.
 * Says too how much the bucket's snapshot takes.
 *
 *     npm run build && npx tsx bench/backup.ts [items] [senders]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { hashedBucket } from '../src/adapters/hashing/hashed-bucket.ts'
import { hashThreads } from '../src/adapters/hashing/hash-threads.ts'
import { folderBucket } from '../src/adapters/folder/folder-bucket.ts'
import { redisStore } from '../src/adapters/redis/redis-store.ts'
import { compareIdentities } from '../src/domain/records/instance/instance.ts'
import { objects } from '../src/domain/records/keys.ts'
import type { Item } from '../src/domain/records/records.ts'
import { startRedis } from '../test/support/servers.ts'
import { addLink, fillAlbum, makeOwner } from './support/fill.ts'
import { printTable } from './support/measure.ts'

const count = Number(process.argv[2] ?? 100_000)
const senders = Number(process.argv[3] ?? 1)
/** What one album may hold. */
const mostInAlbum = 20_000

const taken = z.object({
  peakMegabytes: z.number(),
  cpuSeconds: z.number(),
  seconds: z.number(),
  stallMs: z.number(),
})

const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
const folder = join(directory, 'bucket')
const snapshot = join(directory, 'snapshot')
const redis = await startRedis({ directory })
const client = new Redis(redis.url)
try {
  const store = redisStore({ url: redis.url })
  await compareIdentities(store, hashedBucket(folderBucket(folder), hashThreads()))
  await fill(store)
  const made = await run('backup', snapshot)
  const { size } = await stat(snapshot)
  await client.flushall()
  const restored = await run('restore', '--from', snapshot)
  await store.close()
  console.log(
    `${count} items of ${senders} senders; the snapshot has ${(size / 1e6).toFixed(1)} MB\n\n${made.said}${restored.said}`,
  )
  printTable(
    ['command', 'peak MB', 'seconds', 'CPU s', 'longest stall ms'],
    [
      ['mayfly backup', ...figures(made)],
      ['mayfly restore', ...figures(restored)],
    ],
  )
} finally {
  client.disconnect()
  await redis.stop()
  await rm(directory, { recursive: true, force: true })
}

async function fill(store: ReturnType<typeof redisStore>): Promise<void> {
  const each = Math.ceil(count / senders)
  for (let sender = 0; sender < senders; sender += 1) {
    const owner = await makeOwner(store)
    for (let from = 0; from < each; from += mostInAlbum) {
      const { album, items } = await fillAlbum(store, owner, Math.min(mostInAlbum, each - from))
      await addLink(store, owner, album)
      for (let at = 0; at < items.length; at += 100)
        await Promise.all(items.slice(at, at + 100).map((item) => putFiles(item)))
    }
  }
}

/** A restore looks at what is there, not at its bytes. */
async function putFiles({ id }: Item): Promise<void> {
  await mkdir(join(folder, objects.ofItem(id)), { recursive: true })
  const keys = [
    objects.original(id),
    objects.copy(id, 'no-location'),
    objects.rendition(id, 'thumb'),
    objects.rendition(id, 'preview'),
  ]
  for (const key of keys) await writeFile(join(folder, key), '')
}

function figures({ peakMegabytes, seconds, cpuSeconds, stallMs }: z.infer<typeof taken>): string[] {
  return [peakMegabytes.toFixed(0), seconds.toFixed(1), cpuSeconds.toFixed(1), stallMs.toFixed(0)]
}

async function run(...args: string[]): Promise<z.infer<typeof taken> & { said: string }> {
  const watch = join(import.meta.dirname, 'support', 'at-exit.mjs')
  const child = spawn(process.execPath, ['--import', watch, 'dist/src/main.js', ...args], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, DATA_DIR: directory, REDIS_URL: redis.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (child.exitCode !== 0) throw new Error(`mayfly ${args.join(' ')}: ${errors}`)
  return { ...taken.parse(JSON.parse(errors.trim().split('\n').at(-1) ?? '')), said }
}
