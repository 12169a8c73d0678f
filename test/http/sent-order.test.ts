import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'
import { createUpload, patch } from '../support/tus.ts'

const run = promisify(execFile)
let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

/** Names that sort neither as numbers nor in the order in which they are sent; enough that no chance puts them so. */
const sentNames = Array.from({ length: 12 }, (_, n) => `${(n * 7) % 12}.jpg`)

async function taken(date: string | null, color: string): Promise<Buffer> {
  if (date === null) return jpeg(color)
  return sharp({ create: { width: 64, height: 48, channels: 3, background: color } })
    .withExif({ IFD2: { DateTimeOriginal: date } })
    .jpeg()
    .toBuffer()
}

async function inAlbum({ album, ownerKey }: ShareAnswer): Promise<string[]> {
  const res = await fetch(`${web.url}/api/v1/albums/${album.id}`, { headers: bearer(ownerKey) })
  const { items }: { items: { name: string }[] } = JSON.parse(await res.text())
  return items.map(({ name }) => name)
}

async function inZip({ link }: ShareAnswer): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-order-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'a.zip')
  await writeFile(file, Buffer.from(await (await fetch(`${link.url}/zip`)).arrayBuffer()))
  return (await run('unzip', ['-Z1', file])).stdout.trim().split('\n')
}

describe('files that were sent together stand in the order in which they were sent', () => {
  it.each([
    ['without a capture date', null],
    ['with the same one', '2026:05:01 10:00:00'],
  ])('%s', async (_what, date) => {
    const files: Record<string, Buffer> = {}
    for (const [n, name] of sentNames.entries()) files[name] = await taken(date, `rgb(${n}, 90, 30)`)
    const share = await postShare(web.url, files, { metadata: 'everything' })
    expect(share.items.map(({ name }) => name)).toEqual(sentNames)
    expect(await inAlbum(share)).toEqual(sentNames)
    expect(await inZip(share)).toEqual(sentNames)
    const owner = (await findOwner(web.ports.store, share.ownerKey ?? ''))?.id ?? ''
    const capturedAt = date && { local: '2026-05-01T10:00:00', offset: null, source: 'EXIF' }
    // Whichever is prepared first.
    for (const { id } of [...share.items].reverse())
      await makeReady(web.ports, { owner, id }, undefined, { capturedAt: capturedAt || null })
    expect(await inAlbum(share)).toEqual(sentNames)
  })

  it('and by their dates where those differ', async () => {
    const dates = ['2026:05:03 10:00:00', '2026:05:01 10:00:00', '2026:05:02 10:00:00']
    const files: Record<string, Buffer> = {}
    for (const [n, date] of dates.entries()) files[`${n}.jpg`] = await taken(date, `rgb(${n}, 90, 30)`)
    const share = await postShare(web.url, files, { metadata: 'everything' })
    expect(await inAlbum(share)).toEqual(['1.jpg', '2.jpg', '0.jpg'])
    expect(await inZip(share)).toEqual(['1.jpg', '2.jpg', '0.jpg'])
  })

  it('one upload each too, though the first ends last', async () => {
    const share = await postShare(web.url, { 'first.jpg': await jpeg() })
    const { ownerKey } = share
    const uploads: { address: string; bytes: Buffer<ArrayBuffer> }[] = []
    for (const [n, filename] of sentNames.entries()) {
      const bytes = Buffer.from(await jpeg(`rgb(${n}, 90, 30)`))
      const size = bytes.length
      const address = await createUpload(web.url, { ownerKey, album: share.album.id, filename, size })
      uploads.push({ address, bytes })
    }
    for (const { address, bytes } of uploads.reverse()) {
      web.ports.clock.move(1000)
      expect((await patch(address, ownerKey, 0, bytes)).status).toBe(204)
    }
    expect(await inAlbum(share)).toEqual(['first.jpg', ...sentNames])
  })
})
