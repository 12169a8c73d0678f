import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { s3Bucket } from '../../src/adapters/s3/s3-bucket.ts'
import type { Bucket } from '../../src/ports.ts'
import { bucketContract } from '../contract/bucket-contract.ts'
import { withHashes } from '../support/buckets.ts'
import { newBucket } from './s3-ground.ts'

bucketContract('S3', async () => ({
  bucket: withHashes(s3Bucket(await newBucket())),
  stop: () => Promise.resolve(),
}))

bucketContract('S3 with a prefix', async () => ({
  bucket: withHashes(s3Bucket({ ...(await newBucket()), prefix: 'mayfly/one/' })),
  stop: () => Promise.resolve(),
}))

describe('instances that share a bucket', () => {
  const prefixes = ['', 'one/', 'one-more/', 'one/inner/']

  const put = (bucket: Bucket, text: string) =>
    bucket.put('items/same/original', Readable.from([Buffer.from(text)]), { mime: 'text/plain' })
  async function textOf(bucket: Bucket): Promise<string | null> {
    const opened = await bucket.open('items/same/original')
    return opened && (await buffer(opened.body)).toString()
  }
  async function keysOf(bucket: Bucket): Promise<string[]> {
    const found = []
    for await (const { key } of bucket.list('items/')) found.push(key)
    return found
  }

  it('never see, sweep or delete what is the others’', async () => {
    const options = await newBucket()
    const client = new S3Client({
      endpoint: options.endpoint ?? '',
      region: options.region,
      credentials: options,
      forcePathStyle: true,
    })
    const buckets = prefixes.map((prefix) => withHashes(s3Bucket({ ...options, prefix })))
    try {
      for (const [at, bucket] of buckets.entries()) await put(bucket, `of ${at}`)
      for (const prefix of prefixes) {
        const Key = `${prefix}items/unfinished/original`
        await client.send(new CreateMultipartUploadCommand({ Bucket: options.bucket, Key }))
      }
      for (const [at, bucket] of buckets.entries()) {
        expect(await keysOf(bucket)).toEqual(['items/same/original'])
        expect(await textOf(bucket)).toBe(`of ${at}`)
        const address = await bucket.presign('items/same/original', {
          seconds: 60,
          mime: 'text/plain',
          disposition: 'inline',
        })
        expect(await (await fetch(address ?? '')).text()).toBe(`of ${at}`)
      }
      for (const [at, bucket] of buckets.entries()) {
        expect(await bucket.sweepUnfinished(-60_000, 'items/')).toBe(1)
        await bucket.removeAll('items/')
        const left = await Promise.all(buckets.map(textOf))
        expect(left).toEqual(prefixes.map((_, other) => (other <= at ? null : `of ${other}`)))
        const { Uploads = [] } = await client.send(
          new ListMultipartUploadsCommand({ Bucket: options.bucket }),
        )
        expect(Uploads).toHaveLength(prefixes.length - 1 - at)
      }
    } finally {
      for (const bucket of buckets) await bucket.close()
      client.destroy()
    }
  })
})
