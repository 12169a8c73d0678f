/**
 * 200 photos (711 MB) into a bucket on a real S3 server and out of it again as a ZIP, against a bare client that puts and gets
 * the same objects, one after the other, with nothing between it and the server.
 *
 *     npm run build && npx tsx bench/s3.ts
 */
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { lazyS3 } from '../test/support/lazy-s3.ts'
import { median, printMachine, printTable, rounds } from './support/measure.ts'
import { isPart, runPart } from './support/parts.ts'
import { makePhotos, photoBytes, photos } from './support/photos.ts'
import { startService } from './support/service.ts'

const Bucket = 'mayfly-bench'
const total = photos * photoBytes

if (!(await isPart())) {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-s3-'))
  const s3 = await lazyS3(directory)
  const { endpoint, region, accessKeyId, secretAccessKey } = s3.settings
  const client = new S3Client({ endpoint, region, credentials: s3.settings, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket }))
  const service = await startService({
    BUCKET: 's3',
    S3_ENDPOINT: endpoint,
    S3_REGION: region,
    S3_BUCKET: Bucket,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
  })
  try {
    printMachine()
    const distinct = await makePhotos(service.directory, 8)
    const files = Array.from({ length: photos }, (_, n) => distinct[n % distinct.length] ?? '')
    const bytes = await Promise.all(distinct.map((file) => readFile(file)))
    const runs: Record<'put' | 'form' | 'get' | 'zip' | 'firstByteMs', number[]> = {
      put: [],
      form: [],
      get: [],
      zip: [],
      firstByteMs: [],
    }
    for (let round = 0; round < rounds; round += 1) {
      runs.put.push(
        await timed(async () => {
          for (let n = 0; n < photos; n += 1)
            await client.send(
              new PutObjectCommand({ Bucket, Key: `bare-${n}`, Body: bytes[n % bytes.length] ?? '' }),
            )
        }),
      )
      const form = { url: `${service.url}/api/v1/shares`, isForm: true, method: 'POST', headers: {} } as const
      // A link that gives the files as they are: no worker runs here.
      const fields = { metadata: 'everything' }
      const { seconds = NaN, text = '' } = await runPart({ part: 'give', groups: [files], fields, ...form })
      runs.form.push(seconds)
      runs.get.push(
        await timed(async () => {
          for (let n = 0; n < photos; n += 1) {
            const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: `bare-${n}` }))
            if (!(Body instanceof Readable)) throw new Error('no body')
            for await (const piece of Body) void piece
          }
        }),
      )
      const { link } = z.looseObject({ link: z.looseObject({ url: z.url() }) }).parse(JSON.parse(text))
      const url = `${service.url}${new URL(link.url).pathname}/zip`
      const zip = await runPart({ part: 'take', url, headers: {} })
      if (zip.status !== 200) throw new Error(`answered ${zip.status}`)
      runs.zip.push(zip.seconds ?? NaN)
      runs.firstByteMs.push(zip.firstByteMs ?? NaN)
    }
    const rate = (seconds: readonly number[]) => (total / median(seconds) / 1e6).toFixed(0)
    const ratio = (ours: readonly number[], bare: readonly number[]) =>
      median(ours.map((seconds, at) => (bare[at] ?? NaN) / seconds)).toFixed(2)
    printTable(
      ['200 photos and S3', 'bare client MB/s', 'Mayfly MB/s', 'ratio'],
      [
        ['in, by one form', rate(runs.put), rate(runs.form), ratio(runs.form, runs.put)],
        ['out, as a ZIP', rate(runs.get), rate(runs.zip), ratio(runs.zip, runs.get)],
      ],
    )
    console.log(`\nfirst byte of the ZIP after ${median(runs.firstByteMs).toFixed(0)} ms`)
    console.log(`web process at most ${(await service.usage()).peakMegabytes.toFixed(0)} MB (limit 250)`)
  } finally {
    client.destroy()
    await service.stop()
    await s3.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}
