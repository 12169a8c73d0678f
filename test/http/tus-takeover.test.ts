import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { freePort, startRedis, type RedisProcess } from '../support/servers.ts'
import { createUpload, openPatch, patch, tusFetch } from '../support/tus.ts'
import { startWebProcess, type WebProcess } from '../support/web-process.ts'

const MiB = 1024 ** 2

describe('an upload whose process is frozen', () => {
  let directory: string
  let redis: RedisProcess
  let frozen: WebProcess
  let other: WebProcess
  let share: ShareAnswer

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-takeover-'))
    redis = await startRedis({ directory })
    const start = async () =>
      startWebProcess({ PORT: String(await freePort()), DATA_DIR: directory, REDIS_URL: redis.url })
    frozen = await start()
    other = await start()
    share = await postShare(frozen.url, { 'first.jpg': await jpeg() })
  }, 300_000)

  afterAll(async () => {
    await frozen.kill()
    await other.kill()
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  })

  async function begin(): Promise<{ bytes: Buffer<ArrayBuffer>; upload: string; path: string }> {
    const bytes = randomBytes(12 * MiB)
    ;(await jpeg()).copy(bytes)
    const wish = { ownerKey: share.ownerKey, album: share.album.id, size: bytes.length }
    const upload = await createUpload(frozen.url, wish)
    const open = openPatch(upload, share.ownerKey, 0, bytes.length)
    open.answer.catch(() => {})
    open.send(bytes.subarray(0, 2 * MiB))
    // Until it writes, and holds the upload.
    await expect
      .poll(async () => (await readdir(join(directory, 'bucket'), { recursive: true })).length)
      .toBeGreaterThan(0)
    await sleep(500)
    process.kill(frozen.pid, 'SIGSTOP')
    return { bytes, upload, path: new URL(upload).pathname }
  }

  const head = (path: string) => tusFetch(other.url + path, { method: 'HEAD', ownerKey: share.ownerKey })

  it('goes on at once over another process, and what the frozen one had changes nothing', async () => {
    const { bytes, path } = await begin()
    const began = Date.now()
    const found = await head(path)
    expect(found.status).toBe(200)
    const offset = Number(found.headers.get('upload-offset'))
    const first = await patch(other.url + path, share.ownerKey, offset, bytes.subarray(offset, 8 * MiB))
    expect([first.status, Date.now() - began < 3000]).toEqual([204, true])
    process.kill(frozen.pid, 'SIGCONT')
    await sleep(500)
    const last = await patch(other.url + path, share.ownerKey, 8 * MiB, bytes.subarray(8 * MiB))
    expect(last.status).toBe(204)
    const item = last.headers.get('mayfly-item') ?? ''
    const stored = await readFile(join(directory, 'bucket', 'items', item, 'original'))
    const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
    expect(sha256(stored)).toBe(sha256(bytes))
  }, 60_000)

  it('is ended at once over another process', async () => {
    const { path } = await begin()
    const ended = await tusFetch(other.url + path, { method: 'DELETE', ownerKey: share.ownerKey })
    process.kill(frozen.pid, 'SIGCONT')
    expect(ended.status).toBe(204)
    expect((await head(path)).status).toBe(404)
  }, 60_000)
})
