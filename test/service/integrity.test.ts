import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyObjects } from '../../src/domain/backup/integrity/verify.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { scrub } from '../../src/domain/backup/integrity/scrub.ts'
import { ranks } from '../../src/ports.ts'
import { startService, type TestService } from '../support/app.ts'
import { bearer, errorOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { s3Environment } from '../support/s3-environment.ts'
import { onBusyMachine } from '../support/timing.ts'
import { bytesOf } from '../workers/bench.ts'

const day = 24 * 3_600_000

const buckets: [string, () => Promise<Record<string, string>>][] = [
  ['folder', () => Promise.resolve({})],
  ['s3', () => s3Environment('integrity')],
]

describe.each(buckets)('protection 53: one byte at rest is wrong, on the %s bucket', (_name, environment) => {
  let service: TestService
  beforeAll(async () => {
    service = await startService({ environment: await environment() })
  })
  afterAll(() => service.close())

  let share: ShareAnswer
  let id: string
  let other: string
  async function shareTwo(metadata: string): Promise<void> {
    const files = { 'a.jpg': await jpeg(), 'b.jpg': await jpeg() }
    share = await postShare(service.url, files, { metadata })
    await untilReady(service.url, share)
    id = share.items[0]?.id ?? ''
    other = share.items[1]?.id ?? ''
    // Only then is it noted when their bytes are to be checked, by the clock that the tests move.
    await vi.waitFor(
      async () => expect(await service.ports.store.read([ranks(keys.unprepared)])).toEqual([[]]),
      { timeout: onBusyMachine(10_000), interval: 20 },
    )
  }
  beforeEach(() => shareTwo('everything'))

  /** As a disk or a hand would: the record stays. */
  async function change(key: string, by: (bytes: Buffer) => Buffer): Promise<void> {
    const bytes = await bytesOf(service.ports, key)
    if (!bytes) throw new Error(`no ${key}`)
    const changed = by(Buffer.from(bytes))
    await service.ports.bucket.put(key, Readable.from([changed]), {
      mime: 'image/jpeg',
      size: changed.length,
    })
  }
  const flip = (bytes: Buffer): Buffer => {
    const at = bytes.length >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  }

  const get = (path: string, headers = {}) => fetch(`${share.link.url}${path}`, { headers })
  const download = (item: string) => get(`/items/${item}/download`)
  async function wrongCount(): Promise<number> {
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    return Number(/^mayfly_wrong_objects_total (\d+)/m.exec(metrics)?.[1])
  }
  async function scrubAfterADay(most?: number): Promise<void> {
    service.clock.move(day)
    await scrub(service.ports, most)
  }
  async function reasonsTold(): Promise<(string | undefined)[]> {
    const res = await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
      headers: bearer(share.ownerKey),
    })
    const { items } = (await res.json()) as { items: { reason?: string }[] }
    return items.map(({ reason }) => reason)
  }

  it('the scrub finds an original within a day; it is withheld, counted, and its owner told', async () => {
    await change(objects.original(id), flip)
    const before = await wrongCount()
    await scrubAfterADay()
    expect(await errorOf(await download(id))).toMatchObject({ status: 403, code: 'changed-in-storage' })
    expect((await download(other)).status).toBe(200)
    expect(await wrongCount()).toBe(before + 1)
    expect(await reasonsTold()).toEqual([expect.stringContaining('changed in storage'), undefined])
    const ownPage = await fetch(`${service.url}/albums/${share.album.id}`, {
      headers: { ...bearer(share.ownerKey), Accept: 'text/html' },
    })
    expect(await ownPage.text()).toContain('it was changed in storage')
    // The page says so, and the ZIP leaves it out as it does what is withheld.
    const page = await (await get('', { Accept: 'text/html' })).text()
    expect(page).toContain('they were changed in storage')
    const zip = Buffer.from(await (await get('/zip')).arrayBuffer()).toString('latin1')
    expect([zip.includes('a.jpg'), zip.includes('b.jpg')]).toEqual([false, true])
    // Withheld once, it is not counted again.
    await scrubAfterADay()
    expect(await wrongCount()).toBe(before + 1)
  })

  it('a ticked file that is withheld is refused by name, not left out', async () => {
    await change(objects.original(id), flip)
    await scrubAfterADay()
    const res = await fetch(`${share.link.url}/zip`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ items: [id, other] }),
    })
    expect(await errorOf(res)).toMatchObject({ status: 403, code: 'changed-in-storage' })
  })

  it('a copy that storage lost is not said to be withheld for its location', async () => {
    await shareTwo('no-location')
    for (const key of [objects.original(id), objects.copy(id, 'no-location')]) await change(key, flip)
    await scrubAfterADay()
    const page = await (await get('', { Accept: 'text/html' })).text()
    expect(page).toContain('they were changed in storage')
    expect(page).not.toContain('could not be taken out')
    const res = await fetch(`${share.link.url}/zip`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ items: [id] }),
    })
    expect(await errorOf(res)).toMatchObject({ status: 403, code: 'changed-in-storage' })
  })

  it('another item’s bytes, and bytes of another length, are found as well', async () => {
    const theirs = await bytesOf(service.ports, objects.rendition(other, 'preview'))
    await change(objects.original(id), () => theirs ?? Buffer.alloc(1))
    await change(objects.original(other), (bytes) => Buffer.concat([bytes, bytes]))
    // The next reader is refused at once, by the size alone.
    for (const item of [id, other])
      expect(await errorOf(await download(item))).toMatchObject({ status: 403, code: 'changed-in-storage' })
    // It asked for the check, which does not wait for its day.
    const before = await wrongCount()
    await scrub(service.ports)
    expect(await wrongCount()).toBe(before + 2)
  })

  it.each(['thumb', 'preview'] as const)('a wrong %s is not shown, and made anew', async (name) => {
    const was = await bytesOf(service.ports, objects.rendition(id, name))
    await change(objects.rendition(id, name), flip)
    expect((await get(`/items/${id}/${name}`)).status).toBe(403)
    await scrub(service.ports)
    await vi.waitFor(
      async () => {
        const res = await get(`/items/${id}/${name}`)
        expect(res.status).toBe(200)
        expect(Buffer.from(await res.arrayBuffer()).equals(was ?? Buffer.alloc(0))).toBe(true)
      },
      { timeout: onBusyMachine(30_000), interval: 200 },
    )
    expect((await download(id)).status).toBe(200)
  })

  it('a wrong clean copy is made anew of the original', async () => {
    await shareTwo('no-location')
    const was = await bytesOf(service.ports, objects.copy(id, 'no-location'))
    await change(objects.copy(id, 'no-location'), flip)
    await scrubAfterADay()
    await vi.waitFor(
      async () => {
        const res = await download(id)
        expect(res.status).toBe(200)
        expect(Buffer.from(await res.arrayBuffer()).equals(was ?? Buffer.alloc(0))).toBe(true)
      },
      { timeout: onBusyMachine(30_000), interval: 200 },
    )
  })

  it('an object that is gone beside others of its item is withheld', async () => {
    await service.ports.bucket.removeAll(objects.original(id))
    await scrubAfterADay()
    expect(await errorOf(await download(id))).toMatchObject({ status: 403, code: 'changed-in-storage' })
  })

  it('the scrub reads no more than its share, and the next run goes on inside the object', async () => {
    await change(objects.original(id), (bytes) => {
      bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1
      return bytes
    })
    service.clock.move(day)
    const before = await wrongCount()
    await scrub(service.ports, 100)
    expect(await wrongCount()).toBe(before)
    for (let runs = 0; runs < 2000 && (await wrongCount()) === before; runs += 1)
      await scrub(service.ports, 500)
    expect(await wrongCount()).toBe(before + 1)
  })

  it('verify tells what is wrong, missing and extra, and withholds what is wrong', async () => {
    await change(objects.original(id), flip)
    await service.ports.bucket.removeAll(objects.rendition(other, 'preview'))
    const stray = 'items/aaaaaaaaaaaaaaaaaaaaaaaaaa/original'
    await service.ports.bucket.put(stray, Readable.from(['x']), { mime: 'image/jpeg', size: 1 })
    const found = []
    for await (const finding of verifyObjects(service.ports)) found.push(`${finding.kind} ${finding.key}`)
    expect(found).toContain(`wrong ${objects.original(id)}`)
    expect(found).toContain(`missing ${objects.rendition(other, 'preview')}`)
    expect(found).toContain(`extra ${stray}`)
    expect((await download(id)).status).toBe(403)
    await service.ports.bucket.removeAll(stray)
  })

  it('downloads carry the digest of the whole file, in part and by HEAD too', async () => {
    const bytes = (await bytesOf(service.ports, objects.original(id))) ?? Buffer.alloc(0)
    const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
    const address = `${share.link.url}/items/${id}/download`
    for (const init of [{}, { method: 'HEAD' }, { headers: { Range: 'bytes=1-3' } }]) {
      const res = await fetch(address, init)
      await res.arrayBuffer()
      expect(res.headers.get('repr-digest')).toBe(digest)
    }
    expect((await get(`/items/${id}/preview`)).headers.get('repr-digest')).toMatch(/^sha-256=:/)
    expect((await get('/zip')).headers.get('repr-digest')).toBeNull()
  })
})
