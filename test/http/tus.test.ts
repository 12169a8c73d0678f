import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { readRecord } from '../../src/domain/records/read-records.ts'
import { itemSchema } from '../../src/domain/records/records.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { slowBody } from '../../src/http/input/bodies/slow-body.ts'
import { fields, ranks, StoreUnavailable, value } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { errorOf, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import {
  bytesType,
  createUpload,
  cutPatch,
  metadata,
  offsetOf,
  openPatch,
  patch,
  tusFetch,
} from '../support/tus.ts'

const MiB = 1024 ** 2

/** What begins as a JPEG and is `size` bytes long, no two alike. */
async function picture(size: number): Promise<Buffer<ArrayBuffer>> {
  const bytes = randomBytes(size)
  ;(await jpeg()).copy(bytes)
  return bytes
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('resumable uploads', () => {
  let web: TestWeb
  let share: ShareAnswer
  let owner: string
  beforeAll(async () => {
    web = await startWeb({ limits: { maxFileBytes: 300 * MiB, maxOwnerBytes: 1000 * MiB } })
    share = await postShare(web.url, { 'first.jpg': await jpeg() })
    owner = (await findOwner(web.ports.store, share.ownerKey ?? ''))?.id ?? ''
  })
  afterAll(() => web.close())

  const create = (size: number, more: { filename?: string; folder?: string } = {}) =>
    createUpload(web.url, { ownerKey: share.ownerKey, album: share.album.id, size, ...more })
  const usage = async () => (await web.ports.store.read([fields(keys.usage(owner))]))[0]
  const idOf = (upload: string): string => upload.split('/').at(-1) ?? ''
  async function itemsInAlbum(): Promise<string[]> {
    const [found] = await web.ports.store.read([ranks(keys.albumItems(owner, share.album.id))])
    return found.map(({ member }) => member)
  }
  async function itemOf(id: string | null) {
    return readRecord(web.ports.store, itemSchema, keys.item(owner, id ?? ''))
  }
  async function stored(id: string | null): Promise<Buffer> {
    const object = await web.ports.bucket.open(objects.original(id ?? ''))
    return object ? buffer(object.body) : Buffer.alloc(0)
  }
  async function filesInBucket(): Promise<string[]> {
    const { readdir } = await import('node:fs/promises')
    const found = await readdir(web.ports.directory, { recursive: true, withFileTypes: true })
    return found.filter((entry) => entry.isFile()).map((entry) => entry.name)
  }

  it('takes a file in two requests, and says at each step where it stands', async () => {
    const bytes = await picture(3 * MiB)
    const upload = await create(bytes.length)
    expect(await offsetOf(upload, share.ownerKey)).toBe(0)
    const first = await patch(upload, share.ownerKey, 0, bytes.subarray(0, MiB))
    expect([first.status, first.headers.get('upload-offset')]).toEqual([204, String(MiB)])
    expect(first.headers.get('mayfly-item')).toBeNull()
    expect(Date.parse(first.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now() + 3_500_000)
    const last = await patch(upload, share.ownerKey, MiB, bytes.subarray(MiB))
    expect([last.status, last.headers.get('upload-offset')]).toEqual([204, String(bytes.length)])
    const id = last.headers.get('mayfly-item')
    expect(await itemsInAlbum()).toContain(id)
    expect(sha256(await stored(id))).toBe(sha256(bytes))
    expect((await itemOf(id))?.original).toMatchObject({ size: bytes.length, sha256: sha256(bytes) })
    expect(web.ports.queued).toContainEqual({ kind: 'prepare', owner, item: id })
  })

  it('takes a file with its creation', async () => {
    const bytes = await jpeg('#123456')
    const res = await tusFetch(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      ownerKey: share.ownerKey,
      body: new Uint8Array(bytes),
      headers: {
        ...bytesType,
        'Upload-Length': String(bytes.length),
        'Upload-Metadata': metadata({ album: share.album.id, filename: 'b.jpg', filetype: 'image/jpeg' }),
      },
    })
    expect([res.status, res.headers.get('upload-offset')]).toEqual([201, String(bytes.length)])
    const id = res.headers.get('mayfly-item')
    expect((await itemOf(id))?.name).toBe('b.jpg')
    expect(await stored(id)).toEqual(bytes)
  })

  it('leaves nothing of a creation that breaks off with its bytes', async () => {
    const before = { usage: await usage(), files: await filesInBucket() }
    const bytes = await picture(5 * MiB)
    const req = request(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      headers: {
        'Tus-Resumable': '1.0.0',
        Authorization: `Bearer ${share.ownerKey ?? ''}`,
        ...bytesType,
        'Content-Length': String(bytes.length),
        'Upload-Length': String(bytes.length),
        'Upload-Metadata': metadata({ album: share.album.id, filename: 'b.jpg' }),
      },
    })
    req.on('error', () => {})
    req.write(bytes.subarray(0, 3 * MiB))
    await expect.poll(async () => (await usage())['resumable']).toBe('1')
    await sleep(200)
    req.destroy()
    await expect.poll(usage).toEqual({ ...before.usage, resumable: '0' })
    expect(await filesInBucket()).toEqual(before.files)
  })

  it('asks to wait when it cannot tell how far an upload is, for clients would begin anew', async () => {
    const upload = await create(100_000)
    const { read } = web.ports.store
    web.ports.store.read = () => Promise.reject(new StoreUnavailable('away'))
    const res = await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })
    web.ports.store.read = read
    expect(res.status).toBe(423)
    expect(await offsetOf(upload, share.ownerKey)).toBe(0)
    await tusFetch(upload, { method: 'DELETE', ownerKey: share.ownerKey })
  })

  it('takes a file byte by byte at its beginning', async () => {
    const bytes = await picture(200_000)
    const upload = await create(bytes.length)
    let id: string | null = null
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 5000],
      [5000, 65_000],
      [65_000, 70_000],
      [70_000, 200_000],
    ] as const) {
      const res = await patch(upload, share.ownerKey, from, bytes.subarray(from, to))
      expect([res.status, res.headers.get('upload-offset')]).toEqual([204, String(to)])
      id = res.headers.get('mayfly-item')
    }
    expect(await stored(id)).toEqual(bytes)
    expect((await itemOf(id))?.original.sha256).toBe(sha256(bytes))
  })

  it('says what it can', async () => {
    const res = await fetch(`${web.url}/api/v1/uploads`, { method: 'OPTIONS' })
    expect(res.status).toBe(204)
    expect(res.headers.get('tus-version')).toBe('1.0.0')
    expect(res.headers.get('tus-max-size')).toBe(String(300 * MiB))
    expect(res.headers.get('tus-extension')).toContain('creation-with-upload')
    const other = await tusFetch(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      ownerKey: share.ownerKey,
      headers: { 'Tus-Resumable': '0.2.2' },
    })
    expect([other.status, other.headers.get('tus-version')]).toEqual([412, '1.0.0'])
  })

  it.each([
    ['no length', { 'Upload-Length': '' }, 400],
    ['a length that is none', { 'Upload-Length': '-1' }, 400],
    ['an empty file', { 'Upload-Length': '0' }, 400],
    ['no name', { 'Upload-Metadata': 'album YWJj' }, 400],
    ['metadata that is none', { 'Upload-Metadata': 'album !!' }, 400],
    ['the same key twice', { 'Upload-Metadata': 'filename YQ==,filename YQ==' }, 400],
    ['an unknown album', { 'Upload-Metadata': metadata({ album: 'a'.repeat(26), filename: 'a.jpg' }) }, 404],
    ['an album that is no id', { 'Upload-Metadata': metadata({ album: '../x', filename: 'a.jpg' }) }, 400],
    ['no owner', { Authorization: '' }, 401],
  ])('refuses %s', async (_what, headers, status) => {
    const before = await usage()
    const res = await tusFetch(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      ownerKey: share.ownerKey,
      headers: {
        'Upload-Length': '10',
        'Upload-Metadata': metadata({ album: share.album.id, filename: 'a.jpg' }),
        ...headers,
      },
    })
    expect(res.status).toBe(status)
    expect(await usage()).toEqual(before)
  })

  it('refuses what is too large, with the limit, before a byte is sent', async () => {
    const res = await tusFetch(`${web.url}/api/v1/uploads`, {
      method: 'POST',
      ownerKey: share.ownerKey,
      headers: {
        'Upload-Length': String(300 * MiB + 1),
        'Upload-Metadata': metadata({ album: share.album.id, filename: 'large.jpg' }),
      },
    })
    expect(res.status).toBe(413)
    expect(await res.json()).toMatchObject({
      error: { code: 'file-too-large', details: { limit: 300 * MiB, name: 'large.jpg' } },
    })
  })

  it('refuses more bytes than were announced, and keeps none of them as an item', async () => {
    const bytes = await picture(100_000)
    const upload = await create(90_000)
    const items = await itemsInAlbum()
    expect((await errorOf(await patch(upload, share.ownerKey, 0, bytes))).status).toBe(400)
    expect(await itemsInAlbum()).toEqual(items)
    expect((await tusFetch(upload, { method: 'DELETE', ownerKey: share.ownerKey })).status).toBe(204)
  })

  it('is another owner’s never', async () => {
    const other = await postShare(web.url, { 'x.jpg': await jpeg('#010203') })
    const bytes = await picture(70_000)
    const upload = await create(bytes.length)
    for (const ownerKey of [other.ownerKey, undefined]) {
      const status = ownerKey ? 404 : 401
      expect((await tusFetch(upload, { method: 'HEAD', ownerKey })).status).toBe(status)
      expect((await patch(upload, ownerKey, 0, bytes)).status).toBe(status)
      expect((await tusFetch(upload, { method: 'DELETE', ownerKey })).status).toBe(status)
    }
    const foreign = createUpload(web.url, { ownerKey: other.ownerKey, album: share.album.id, size: 10 })
    await expect(foreign).rejects.toThrow('404')
    expect((await patch(upload, share.ownerKey, 0, bytes)).status).toBe(204)
  })

  it('completes an upload once: writing to it again is a conflict, and asking tells its item', async () => {
    const bytes = await picture(100_000)
    const upload = await create(bytes.length)
    const both = await Promise.all([
      patch(upload, share.ownerKey, 0, bytes),
      patch(upload, share.ownerKey, 0, bytes),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([204, 409])
    const items = await itemsInAlbum()
    for (const offset of [0, 50_000, bytes.length])
      expect((await errorOf(await patch(upload, share.ownerKey, offset, bytes))).status).toBe(409)
    const head = await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })
    expect(head.headers.get('upload-offset')).toBe(String(bytes.length))
    expect(head.headers.get('upload-length')).toBe(String(bytes.length))
    expect(items).toContain(head.headers.get('mayfly-item'))
    expect(await itemsInAlbum()).toEqual(items)
    expect((await tusFetch(upload, { method: 'DELETE', ownerKey: share.ownerKey })).status).toBe(409)
  })

  it('completes an upload whose process died after the last byte', async () => {
    const bytes = await picture(100_000)
    const upload = await create(bytes.length)
    // The last step but one works, the commit of the item does not: as when the process ends in between.
    const { commit } = web.ports.store
    web.ports.store.commit = async (change) => {
      if (change.writes.some((write) => write.key === keys.albumItems(owner, share.album.id)))
        throw new Error('died')
      return commit(change)
    }
    const res = await patch(upload, share.ownerKey, 0, bytes)
    web.ports.store.commit = commit
    expect(res.status).toBe(500)
    const before = await itemsInAlbum()
    const heads = await Promise.all(
      [1, 2].map(() => tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })),
    )
    expect(heads.map(({ status }) => status)).toContain(200)
    const head = await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })
    const item = head.headers.get('mayfly-item')
    expect((await itemsInAlbum()).filter((id) => !before.includes(id))).toEqual([item])
    expect(await stored(item)).toEqual(bytes)
  })

  it('refuses a wrong offset and another content type', async () => {
    const bytes = await picture(100_000)
    const upload = await create(bytes.length)
    expect((await patch(upload, share.ownerKey, 5, bytes)).status).toBe(409)
    const plain = await tusFetch(upload, {
      method: 'PATCH',
      ownerKey: share.ownerKey,
      body: bytes,
      headers: { 'Upload-Offset': '0', 'Content-Type': 'image/jpeg' },
    })
    expect(plain.status).toBe(415)
    expect(await offsetOf(upload, share.ownerKey)).toBe(0)
    expect((await patch(upload, share.ownerKey, 0, bytes)).status).toBe(204)
  })

  it('tells a web page that is named .jpg by its content, and forgets it', async () => {
    const before = await usage()
    const html = Buffer.from('<html><script>alert(1)</script>'.repeat(10_000))
    const upload = await create(html.length, { filename: 'holiday.jpg' })
    const res = await patch(upload, share.ownerKey, 0, new Uint8Array(html))
    expect(await errorOf(res)).toMatchObject({ status: 415, code: 'unsupported-format' })
    expect((await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })).status).toBe(404)
    expect(await usage()).toEqual(before)
  })

  it('keeps names for display in a safe form', async () => {
    const bytes = await jpeg('#445566')
    const filename = '../../\u202Egpj.exe\r\nX: y\0/bea\u0000ch 🌊.jpg'
    const upload = await create(bytes.length, { filename, folder: '../Italy/Rome' })
    const res = await patch(upload, share.ownerKey, 0, new Uint8Array(bytes))
    const item = await itemOf(res.headers.get('mayfly-item'))
    expect(item?.name).toBe('beach 🌊.jpg')
    expect(item?.folder).toBe('Italy/Rome/gpj.exeX_ y')
  })

  it('keeps what arrived when the connection breaks, and goes on from there', async () => {
    const bytes = await picture(60 * MiB)
    const upload = await create(bytes.length)
    await cutPatch(upload, share.ownerKey, { offset: 0, bytes, count: 20 * MiB })
    const offset = await offsetOf(upload, share.ownerKey)
    expect(offset).toBeGreaterThan(18 * MiB)
    expect(offset).toBeLessThanOrEqual(20 * MiB)
    const res = await patch(upload, share.ownerKey, offset, bytes.subarray(offset))
    const item = await itemOf(res.headers.get('mayfly-item'))
    expect(item?.original).toMatchObject({ size: bytes.length, sha256: sha256(bytes) })
    expect(sha256(await stored(item?.id ?? null))).toBe(sha256(bytes))
  })

  it('lets whoever asks for the offset take over from a connection that hangs', async () => {
    const bytes = await picture(5 * MiB)
    const upload = await create(bytes.length)
    const hanging = openPatch(upload, share.ownerKey, 0, bytes.length)
    hanging.send(bytes.subarray(0, MiB))
    const leased = async () =>
      (await web.ports.store.read([value(keys.resumableLease(owner, idOf(upload)))]))[0] !== null
    await expect.poll(leased).toBe(true)
    await sleep(500)
    expect((await patch(upload, share.ownerKey, 0, bytes)).status).toBe(409)
    const offset = await offsetOf(upload, share.ownerKey)
    expect(offset).toBeGreaterThan(0)
    expect(offset).toBeLessThanOrEqual(MiB)
    expect((await hanging.answer).statusCode).toBe(409)
    const res = await patch(upload, share.ownerKey, offset, bytes.subarray(offset))
    expect(sha256(await stored(res.headers.get('mayfly-item')))).toBe(sha256(bytes))
  })

  it('gives up a body that comes too slowly, and keeps what came', async () => {
    const spanMs = slowBody.spanMs
    slowBody.spanMs = 2_000
    try {
      const bytes = await picture(200_000)
      const upload = await create(bytes.length)
      const slow = openPatch(upload, share.ownerKey, 0, bytes.length)
      slow.send(bytes.subarray(0, 100_000))
      const timer = setInterval(() => slow.send(bytes.subarray(0, 1)), 100)
      expect((await slow.answer).statusCode).toBe(408)
      clearInterval(timer)
      slow.destroy()
      expect(await offsetOf(upload, share.ownerKey)).toBeGreaterThanOrEqual(100_000)
    } finally {
      slowBody.spanMs = spanMs
    }
  })

  it('gives everything back when it is ended', async () => {
    const before = { usage: await usage(), files: await filesInBucket() }
    const bytes = await picture(3 * MiB)
    const upload = await create(bytes.length)
    await patch(upload, share.ownerKey, 0, bytes.subarray(0, 2 * MiB))
    expect((await usage())?.['bytes']).toBe(String(Number(before.usage['bytes']) + 3 * MiB))
    expect((await tusFetch(upload, { method: 'DELETE', ownerKey: share.ownerKey })).status).toBe(204)
    expect({ usage: await usage(), files: await filesInBucket() }).toEqual(before)
    expect((await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })).status).toBe(404)
    expect((await patch(upload, share.ownerKey, 2 * MiB, bytes)).status).toBe(404)
  })

  it('never passes the quota, and a hundred at once are the most', async () => {
    const poor = await postShare(web.url, { 'x.jpg': await jpeg('#0a0b0c') })
    const wish = { ownerKey: poor.ownerKey, album: poor.album.id }
    const poorOwner = (await findOwner(web.ports.store, poor.ownerKey ?? ''))?.id ?? ''
    const [there] = await web.ports.store.read([fields(keys.usage(poorOwner))])
    // All but 10 MiB is taken.
    const taken = 990 * MiB - Number(there['bytes'])
    await web.ports.store.commit({
      writes: [{ kind: 'increase', key: keys.usage(poorOwner), field: 'bytes', by: taken }],
    })
    // What is announced takes no room, and what does not fit is refused before a byte is sent.
    await expect(createUpload(web.url, { ...wish, size: 11 * MiB })).rejects.toThrow('429')
    const large = await Promise.all(
      Array.from({ length: 4 }, () => createUpload(web.url, { ...wish, size: 6 * MiB })),
    )
    const bytes = await picture(6 * MiB)
    const sent = await Promise.all(large.map((upload) => patch(upload, poor.ownerKey, 0, bytes)))
    expect(sent.filter(({ status }) => status === 204).length).toBeLessThanOrEqual(1)
    for (const res of sent) expect([204, 429]).toContain(res.status)
    const [used] = await web.ports.store.read([fields(keys.usage(poorOwner))])
    expect(Number(used['bytes'])).toBeLessThanOrEqual(1000 * MiB)
    const underway = Number(used['resumable'])
    const many = await Promise.allSettled(
      Array.from({ length: 110 }, () => createUpload(web.url, { ...wish, size: 1000 })),
    )
    expect(many.filter(({ status }) => status === 'fulfilled').length).toBe(100 - underway)
    const refused = many.find(({ status }) => status === 'rejected')
    expect(refused?.status === 'rejected' && String(refused.reason)).toContain('429')
  })

  // Last: it moves the clock.
  it('is dropped an hour after its last byte, and not before', async () => {
    await sweep(web.ports)
    const before = { files: await filesInBucket(), usage: await usage() }
    const bytes = await picture(3 * MiB)
    const upload = await create(bytes.length)
    web.ports.clock.move(55 * 60_000)
    await sweep(web.ports)
    await patch(upload, share.ownerKey, 0, bytes.subarray(0, MiB))
    web.ports.clock.move(55 * 60_000)
    await sweep(web.ports)
    expect(await offsetOf(upload, share.ownerKey)).toBe(MiB)
    web.ports.clock.move(10 * 60_000)
    expect((await tusFetch(upload, { method: 'HEAD', ownerKey: share.ownerKey })).status).toBe(404)
    await sweep(web.ports)
    expect(await filesInBucket()).toEqual(before.files.filter((name) => !/~\d+-[0-9a-f]+$/.test(name)))
    const after = await usage()
    expect(after['resumable']).toBe('0')
    expect(Number(after['bytes'])).toBeLessThanOrEqual(Number(before.usage['bytes']))
    const [left] = await web.ports.store.read([value(keys.resumable(owner, idOf(upload)))])
    expect(left).toBeNull()
  })
})
