import { Readable } from 'node:stream'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { objects } from '../../src/domain/records/keys.ts'
import { bundle } from '../../workers/bundle.ts'
import { prepare } from '../../workers/prepare.ts'
import { withholding } from '../../workers/withholding.ts'
import { bytesOf, itemOf, openBench, shareFiles, type Bench } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

const run = { lastTry: true, signal: new AbortController().signal }

async function flip(key: string): Promise<void> {
  const bytes = Buffer.from((await bytesOf(bench.ports, key))!)
  bytes[bytes.length - 4]! ^= 1
  await bench.ports.bucket.put(key, Readable.from([bytes]), { mime: 'image/jpeg', size: bytes.length })
}

async function shareOne() {
  const bytes = await sharp({ create: { width: 80, height: 60, channels: 3, background: '#a63' } })
    .jpeg()
    .toBuffer()
  const share = await shareFiles(
    bench.ports,
    ['a.jpg', 'b.jpg'].map((name) => ({ name, bytes })),
    { metadata: 'everything' },
  )
  return { share, item: share.items[0]! }
}

it('protection 53: an original that was changed before it is prepared is not called damaged', async () => {
  const { item } = await shareOne()
  await flip(objects.original(item.id))
  const job = { kind: 'prepare', owner: item.owner, item: item.id } as const
  await expect(withholding(bench.ports, item.owner, prepare(bench, job, run))).rejects.toThrow('not those')
  expect(await itemOf(bench.ports, item)).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('changed in storage') as string,
    original: { isWrong: true },
    damaged: false,
  })
  // Once more, as the queue does: nothing is left to do.
  await prepare(bench, job, run)
})

it('protection 53: no bundle is made of changed bytes', async () => {
  const { share, item } = await shareOne()
  for (const { owner, id } of share.items) await prepare(bench, { kind: 'prepare', owner, item: id }, run)
  await flip(objects.original(item.id))
  const job = { kind: 'bundle', owner: item.owner, album: share.album.id } as const
  await expect(withholding(bench.ports, item.owner, bundle(bench, job, run))).rejects.toThrow('not those')
  expect(await itemOf(bench.ports, item)).toMatchObject({ state: 'ready', original: { isWrong: true } })
})
