import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { objects } from '../../src/domain/records/keys.ts'
import { updateItem } from '../../src/domain/items/item.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { share } from '../domain/sharing.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

const videoMime = 'video/mp4'

it('plays what was made to play of a photo that moves, not the file that few browsers know', async () => {
  const { ports, url } = web
  const { items, secret } = await share(ports, 1)
  const { owner, id } = items[0]!
  const bytes = Buffer.from('a video that plays everywhere')
  await ports.bucket.put(objects.rendition(id, 'motion'), Readable.from([bytes]), { mime: videoMime })
  const facts = {
    size: bytes.length,
    crc32: crc32(bytes),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
  const motion: Item['motion'] = {
    name: 'IMG_1.mov',
    type: { format: 'mov', kind: 'video', mime: 'video/quicktime', extension: 'mov' },
    original: facts,
    copies: { 'no-location': { state: 'clean', lost: [], ...facts } },
  }
  await updateItem(ports.store, owner, id, (item) => ({
    ...item,
    state: 'ready',
    motion,
    copies: { 'no-location': { state: 'clean', lost: [], ...item.original } },
    renditions: { motion: { ...facts, mime: videoMime, width: 1, height: 1 } },
  }))
  const res = await fetch(`${url}/s/${secret}/items/${id}/video`)
  expect([res.status, res.headers.get('content-type'), await res.text()]).toEqual([
    200,
    videoMime,
    bytes.toString(),
  ])
})

it('has no picture of a file that failed, now or in a moment', async () => {
  const { ports, url } = web
  const { items, secret } = await share(ports, 1)
  const { owner, id } = items[0]!
  await updateItem(ports.store, owner, id, (item) => ({ ...item, state: 'failed', reason: 'damaged' }))
  for (const name of ['thumb', 'preview', 'video', 'download'])
    expect([name, (await fetch(`${url}/s/${secret}/items/${id}/${name}`)).status]).toEqual([name, 404])
})
