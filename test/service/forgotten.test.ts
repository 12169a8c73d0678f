import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { isDeepStrictEqual, promisify } from 'node:util'
import { exiftoolPath } from 'exiftool-vendored'
import { Redis } from 'ioredis'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { startService, type TestService } from '../support/app.ts'
import { bearer, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { createUpload, patch } from '../support/tus.ts'

// Protection 51: a day after the last link ended, nothing of it stands anywhere in the data folder, Redis' files included.

const run = promisify(execFile)
const day = 24 * 3_600_000

let directory: string
let service: TestService
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-forgotten-'))
})
afterAll(async () => {
  await service.close()
  await rm(directory, { recursive: true, force: true })
})

/** With a Redis of its own, as on a bare machine. */
const start = () =>
  startService({
    environment: { DATA_DIR: directory, REDIS_URL: '' },
    settings: { trustProxy: 1 },
    // The same keys after the restart.
    prefix: 'mayfly:',
  })

const stranger = '203.0.113.77'
const latitude = 48.208491
const longitude = 16.372083

const texts: Record<string, string> = {
  title: 'Canarytitle of a holiday',
  sender: 'Canarysender',
  'file name': 'canaryfile',
  'tus file name': 'canarytus',
  label: 'Canarylabel for an aunt',
  description: 'Canarydescription',
  camera: 'Canarycam 3000',
  password: 'canary-password-of-a-link',
  'password hash': '$argon2id$',
  'network address': stranger,
  'latitude as text': String(latitude).slice(0, 8),
  'longitude as text': String(longitude).slice(0, 8),
  city: 'Vienna',
}

function doubles(number: number): Buffer[] {
  const [little, big] = [Buffer.alloc(8), Buffer.alloc(8)]
  little.writeDoubleLE(number)
  big.writeDoubleBE(number)
  return [little, big]
}

async function cameraFile(): Promise<Buffer> {
  const file = join(directory, 'camera.jpg')
  await sharp({ create: { width: 800, height: 600, channels: 3, background: '#375' } })
    .jpeg()
    .toFile(file)
  await run(await exiftoolPath(), [
    '-q',
    '-overwrite_original',
    `-GPSLatitude=${latitude}`,
    `-GPSLongitude=${longitude}`,
    '-GPSLatitudeRef=N',
    '-GPSLongitudeRef=E',
    '-Model=Canarycam 3000',
    '-DateTimeOriginal=2026:05:01 18:30:00',
    file,
  ])
  const bytes = await readFile(file)
  await rm(file)
  return bytes
}

/** Every file below the data folder, by its path. */
async function dataFiles(): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : [])).sort()
}

/** Which of `canaries` are in any file below the data folder, and where. */
async function findCanaries(canaries: Record<string, readonly Buffer[]>): Promise<string[]> {
  const files = await dataFiles()
  const found: string[] = []
  for (const file of files) {
    // A file that was deleted meanwhile holds nothing any more.
    const bytes = await readFile(file).catch(() => Buffer.alloc(0))
    for (const [name, needles] of Object.entries(canaries))
      if (needles.some((needle) => bytes.includes(needle))) found.push(`${name} in ${basename(file)}`)
  }
  // Redis rewrites its journal by putting a new file in place of an old one: this list may hold neither.
  return isDeepStrictEqual(await dataFiles(), files) ? found : findCanaries(canaries)
}

const json = { 'Content-Type': 'application/json' }

async function call(method: string, path: string, share: ShareAnswer, body?: object): Promise<Response> {
  const res = await fetch(`${service.url}${path}`, {
    method,
    headers: { ...bearer(share.ownerKey), ...json, 'X-Forwarded-For': stranger },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${await res.text()}`)
  return res
}

/** Nothing in Redis' base file is packed then: what is searched for is seen. */
async function uncompressed(): Promise<Redis> {
  const redis = new Redis({ path: join(directory, 'redis', 'redis.sock') })
  await redis.config('SET', 'rdbcompression', 'no')
  return redis
}

describe('a day after the last link ended', { timeout: 300_000 }, () => {
  it('nothing of it stands in the data folder; after a month nothing of its owner', async () => {
    service = await start()
    // The worker has the files rewritten at its start, perhaps only now.
    ;(await uncompressed()).disconnect()
    const bytes = await cameraFile()
    const share = await postShare(
      service.url,
      { 'canaryfile.jpg': bytes },
      { title: texts['title']!, sender: texts['sender']! },
    )
    await call('PATCH', `/api/v1/albums/${share.album.id}`, share, { description: texts['description'] })
    const second = await call('POST', '/api/v1/links', share, {
      albums: [share.album.id],
      label: texts['label'],
      password: texts['password'],
      secret: 'the-canary-sings-at-noon',
      expiresInDays: 3,
    })
    const { id: secondId } = (await second.json()) as { id: string }
    const upload = await createUpload(service.url, {
      ownerKey: share.ownerKey,
      album: share.album.id,
      filename: 'canarytus.jpg',
      size: bytes.length,
    })
    await patch(upload, share.ownerKey, 0, new Uint8Array(bytes))
    await untilReady(service.url, share)
    // A stranger tries passwords, names and owner keys.
    const from = { 'X-Forwarded-For': stranger }
    await fetch(`${service.url}/s/nothing-here`, { headers: from })
    await fetch(`${service.url}/api/v1/s/the-canary-sings-at-noon/unlock`, {
      method: 'POST',
      headers: { ...from, ...json },
      body: '{"password":"wrong"}',
    })
    await fetch(`${service.url}/api/v1/owner/session`, {
      method: 'PUT',
      headers: { ...from, ...json },
      body: JSON.stringify({ ownerKey: 'a'.repeat(52) }),
    })

    const owner = await findOwner(service.ports.store, share.ownerKey ?? '')
    const secrets = [share.link.url.split('/').at(-1) ?? '', 'the-canary-sings-at-noon']
    const canaries: Record<string, readonly Buffer[]> = {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, [Buffer.from(text)]])),
      'coordinates as doubles': [...doubles(latitude), ...doubles(longitude)],
      'a secret': secrets.map((secret) => Buffer.from(secret)),
      'the owner key': [Buffer.from(share.ownerKey ?? '')],
    }
    // Seen to be findable: most of it is in the journal now.
    const before = (await findCanaries(canaries)).map((text) => text.split(' in ')[0])
    expect(before).toEqual(
      expect.arrayContaining([
        'title',
        'sender',
        'file name',
        'tus file name',
        'camera',
        'city',
        'password hash',
      ]),
    )
    expect(before).not.toContain('a secret')
    expect(before).not.toContain('the owner key')
    expect(before).not.toContain('network address')

    for (const id of [share.link.id, secondId]) await call('DELETE', `/api/v1/links/${id}`, share)
    await expect
      .poll(() => readdir(join(directory, 'bucket', 'items')).catch(() => []), { timeout: 60_000 })
      .toEqual([])

    await service.close()
    service = await start()
    const redis = await uncompressed()
    service.clock.move(day)
    await service.ports.queue.add({ kind: 'sweep' })
    await expect.poll(() => findCanaries(canaries), { timeout: 60_000, interval: 500 }).toEqual([])
    // What the journal holds from here on does not bring it back.
    const list = await call('GET', '/api/v1/links', share)
    expect(await list.text()).toContain(texts['label'])
    expect(await findCanaries(canaries)).toEqual([])
    expect((await fetch(`${service.url}/s/the-canary-sings-at-noon`)).status).toBe(410)

    service.clock.move(31 * day)
    await service.ports.queue.add({ kind: 'sweep' })
    /** Those that stay: what ends by itself does so by Redis' own clock. */
    const leftKeys = async (): Promise<string[]> => {
      const left: string[] = []
      for (const key of await redis.keys('*'))
        if (key.includes(owner?.id ?? 'none') || /owner-key:|secret:|prefix-owner:|link:/.test(key))
          if ((await redis.pttl(key)) < 0) left.push(key)
      return left
    }
    await expect.poll(leftKeys, { timeout: 60_000, interval: 500 }).toEqual([])
    for (const index of ['due', 'opening', 'uploads', 'unprepared', 'unplayable', 'unmade'])
      expect(await redis.zrange(`mayfly:${index}`, 0, '-1')).toEqual([])
    redis.disconnect()
  })
})
