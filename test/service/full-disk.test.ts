import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearer, errorOf, form, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { filesOf, readyOf, startMayfly, type MayflyProcess } from '../support/mayfly-process.ts'
import { jpeg } from '../support/pictures.ts'
import { smallDisk, type SmallDisk } from '../support/small-disk.ts'
import { createUpload, patch } from '../support/tus.ts'

const mebibyte = 1024 ** 2

let directory: string
let disk: SmallDisk | null = null
let running: MayflyProcess | null = null
beforeEach(async (context) => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-full-disk-'))
  disk = await smallDisk(directory, 96)
  if (disk === null) context.skip('only root may mount a small disk')
  running = await startMayfly({ DATA_DIR: directory, MIN_FREE_BYTES: String(16 * mebibyte) })
})
afterEach(async () => {
  if (disk !== null) {
    await running?.stop()
    await disk.unmount()
  }
  await rm(directory, { recursive: true, force: true })
})

const theDisk = (): SmallDisk => disk ?? expect.fail('there is no disk')
const service = (): MayflyProcess => running ?? expect.fail('there is no service')
const page = async (share: ShareAnswer) => (await fetch(`${service().url}${pathOf(share)}`)).status
const send = async () =>
  fetch(`${service().url}/api/v1/shares`, { method: 'POST', body: form({ 'b.jpg': await jpeg('blue') }) })
const stopLink = (share: ShareAnswer) =>
  fetch(`${service().url}/api/v1/links/${share.link.id}`, {
    method: 'DELETE',
    headers: bearer(share.ownerKey),
  })

async function shareOne(): Promise<ShareAnswer> {
  const share = await postShare(service().url, { 'a.jpg': await jpeg('green') })
  await untilReady(service().url, share)
  return share
}

describe('protection 57: a disk that fills up', { timeout: 240_000 }, () => {
  it('takes no more uploads before it is full, also in the middle of one', async () => {
    const share = await shareOne()
    const bytes = Buffer.concat([await jpeg('red'), Buffer.alloc(10 * mebibyte)])
    const { ownerKey } = share
    const begin = (size: number) => createUpload(service().url, { ownerKey, album: share.album.id, size })
    const upload = await begin(bytes.length)
    const half = 5 * mebibyte
    expect((await patch(upload, ownerKey, 0, bytes.subarray(0, half))).status).toBe(204)

    await theDisk().fill(12 * mebibyte)
    expect(await errorOf(await send())).toMatchObject({ status: 507, code: 'instance-full' })
    expect(await errorOf(await patch(upload, ownerKey, half, bytes.subarray(half)))).toMatchObject({
      status: 507,
      code: 'instance-full',
    })
    await expect(begin(9)).rejects.toThrow(/507.*instance-full/)
    expect(await page(share)).toBe(200)
    expect((await readyOf(service().url)).status).toBe(200)

    await theDisk().empty()
    expect((await send()).status).toBe(201)
  })

  it('and is full: pages answer, a stop is done and makes room, and uploads work again', async () => {
    const [stopped, living] = [await shareOne(), await shareOne()]
    await theDisk().fill(0)
    expect(await theDisk().freeBytes()).toBe(0)
    // Within seconds, whatever has met the full disk meanwhile.
    await expect.poll(() => theDisk().freeBytes(), { timeout: 10_000 }).toBeGreaterThan(16 * mebibyte)
    for (const share of [stopped, living]) expect(await page(share)).toBe(200)
    expect((await stopLink(stopped)).status).toBe(204)
    expect(await page(stopped)).toBe(410)
    await expect
      .poll(async () => (await filesOf(join(directory, 'bucket'))).join(), { timeout: 60_000 })
      .not.toContain(stopped.items[0]?.id)
    // What was freed for stops is not for uploads.
    expect(await errorOf(await send())).toMatchObject({ status: 507, code: 'instance-full' })
    expect(await page(living)).toBe(200)

    await theDisk().empty()
    expect((await send()).status).toBe(201)
    await expect
      .poll(async () => (await stat(join(directory, 'ballast')).catch(() => null))?.size, { timeout: 10_000 })
      .toBe(32 * mebibyte)
  })
})
