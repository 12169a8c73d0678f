import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmbeddedRedis } from '../../src/adapters/redis/embedded-redis.ts'
import { redisStore } from '../../src/adapters/redis/redis-store.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { scores } from '../../src/ports.ts'
import { bearer, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { filesOf, readyOf, runMayfly, startMayfly, type MayflyProcess } from '../support/mayfly-process.ts'
import { jpeg } from '../support/pictures.ts'
import { quietLog } from '../support/ports.ts'

let directory: string
let bucket: string
const running: MayflyProcess[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-restore-'))
  bucket = join(directory, 'bucket')
})
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop()
  await rm(directory, { recursive: true, force: true })
})

async function start(): Promise<MayflyProcess> {
  const service = await startMayfly({ DATA_DIR: directory })
  running.push(service)
  return service
}

async function loseStore(service: MayflyProcess): Promise<void> {
  running.splice(running.indexOf(service), 1)
  await service.stop()
  await rm(join(directory, 'redis'), { recursive: true })
}

/** Prefixes of the bucket that the scrub reads next, while no service runs. */
async function uncheckedNow(): Promise<string[]> {
  const redis = await startEmbeddedRedis({ directory: join(directory, 'redis'), log: quietLog })
  const store = redisStore({ url: redis.url })
  const [due] = await store.read([scores(keys.unchecked, 0, Date.now(), 100)])
  await store.close()
  await redis.stop()
  return due.map(({ member }) => member)
}

const command = (...args: string[]) => runMayfly(args, { DATA_DIR: directory })
const status = async (service: MayflyProcess, share: ShareAnswer, more = '') =>
  (await fetch(`${service.url}${pathOf(share)}${more}`)).status

async function change(
  service: MayflyProcess,
  share: ShareAnswer,
  path: string,
  method: string,
  body?: object,
) {
  const res = await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers: { ...bearer(share.ownerKey), ...(body ? { 'Content-Type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  expect([path, res.ok]).toEqual([path, true])
}

async function share(service: MayflyProcess, count: number, ownerKey?: string): Promise<ShareAnswer> {
  const files: Record<string, Buffer> = {}
  for (let n = 0; n < count; n++) files[`${n}.jpg`] = await jpeg(`rgb(${n * 40}, 90, 30)`)
  const made = await postShare(
    service.url,
    files,
    { title: 'Canary title' },
    ownerKey ? bearer(ownerKey) : {},
  )
  const kept = { ...made, ownerKey: made.ownerKey ?? ownerKey }
  await untilReady(service.url, kept)
  return kept
}

describe('a store that is lost', { timeout: 400_000 }, () => {
  it('comes back from a snapshot: living links work, and what was stopped or restricted since stays so', async () => {
    const first = await start()
    const living = await share(first, 2)
    const key = living.ownerKey
    const [stopped, narrowed, thinned, hidden] = [
      await share(first, 1, key),
      await share(first, 1, key),
      await share(first, 2, key),
      await share(first, 2, key),
    ]
    const [album, others] = [await share(first, 1, key), await share(first, 1)]
    expect(await command('backup')).toMatchObject({ code: 0 })

    await change(first, stopped, `/links/${stopped.link.id}`, 'DELETE')
    await change(first, narrowed, `/links/${narrowed.link.id}`, 'PATCH', { password: 'a long password' })
    await change(first, thinned, `/items/${thinned.items[0]?.id}`, 'DELETE')
    await change(first, hidden, `/items/${hidden.items[0]?.id}`, 'PATCH', { isPrivate: true })
    await change(first, album, `/albums/${album.album.id}`, 'DELETE')
    const late = await share(first, 1)
    await loseStore(first)
    const files = await filesOf(bucket)

    const second = await start()
    expect(await readyOf(second.url)).toMatchObject({ status: 503, reason: 'store-empty' })
    const restored = await command('restore')
    expect(restored).toMatchObject({ code: 0 })
    await expect.poll(async () => (await readyOf(second.url)).status).toBe(200)

    for (const one of [living, others]) {
      expect(await status(second, one)).toBe(200)
      expect(await status(second, one, '/zip')).toBe(200)
      for (const { id } of one.items) expect(await status(second, one, `/items/${id}/thumb`)).toBe(200)
    }
    for (const one of [stopped, narrowed, album]) expect(await status(second, one)).toBe(410)
    const statuses = (one: ShareAnswer) =>
      Promise.all(one.items.map(({ id }) => status(second, one, `/items/${id}/thumb`)))
    expect(await statuses(thinned)).toEqual([404, 200])
    expect(await statuses(hidden)).toEqual([404, 200])
    // A link made after the snapshot is unknown, and its bytes wait.
    expect(await status(second, late)).toBe(404)
    const left = await filesOf(bucket)
    expect(
      files
        .filter((file) => late.items.some(({ id }) => file.includes(id)))
        .every((file) => left.includes(file)),
    ).toBe(true)
    // Its owner goes on as before, also with what was stopped.
    await change(second, living, `/links/${living.link.id}`, 'DELETE')
    expect(await status(second, living)).toBe(410)
    await expect
      .poll(async () => (await filesOf(bucket)).join(), { timeout: 90_000 })
      .not.toContain(living.items[0]?.id)
    expect(await command('restore')).toMatchObject({ code: 1 })
  })

  it('comes back from a file; its snapshot tells nothing to who lacks the key, nor does a damaged one', async () => {
    const first = await start()
    const living = await share(first, 1)
    const file = join(directory, 'snapshot')
    expect(await command('backup', file)).toMatchObject({ code: 0 })
    const bytes = await readFile(file)
    expect(bytes.toString('latin1')).not.toMatch(/Canary|album|stoppedAt/)
    await loseStore(first)
    for (const name of await readdir(join(bucket, 'backups')).catch(() => []))
      await rm(join(bucket, 'backups', name))
    expect(await command('restore')).toMatchObject({
      code: 1,
      output: expect.stringContaining('no snapshot') as string,
    })
    expect(
      await runMayfly(['restore', '--from', file], {
        DATA_DIR: directory,
        BACKUP_KEY: 'another key altogether',
      }),
    ).toMatchObject({
      code: 1,
      output: expect.stringContaining('another key') as string,
    })
    expect(await command('restore', '--from', file)).toMatchObject({ code: 0 })
    // What the bucket brought is read anew before it is trusted for a week.
    expect(await uncheckedNow()).toContain(`items/${living.items[0]?.id}`)
    const second = await start()
    expect(await status(second, living)).toBe(200)
  })

  it('that may be forgotten is adopted, and its files wait', async () => {
    const first = await start()
    await share(first, 1)
    await loseStore(first)
    const files = await filesOf(bucket)
    expect(await command('adopt')).toMatchObject({ code: 1 })
    expect(await command('adopt', '--yes')).toMatchObject({ code: 0 })
    const second = await start()
    expect((await readyOf(second.url)).status).toBe(200)
    expect((await fetch(second.url)).status).toBe(200)
    expect(await filesOf(bucket)).toEqual(files)
  })
})
