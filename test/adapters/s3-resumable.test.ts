import { s3Bucket } from '../../src/adapters/s3/s3-bucket.ts'
import { s3Resumable } from '../../src/adapters/s3/s3-resumable.ts'
import { resumableContract } from '../contract/resumable-contract.ts'
import type { S3Options } from '../../src/adapters/s3/s3-client.ts'
import { resumableWithHashes, withHashes } from '../support/buckets.ts'
import { newBucket } from './s3-ground.ts'

function startWith(options: S3Options) {
  const bucket = withHashes(s3Bucket(options))
  const resumable = resumableWithHashes(s3Resumable(options), bucket)
  return { bucket, resumable, stop: () => Promise.resolve() }
}

resumableContract('S3 with a prefix', async () => {
  const options = { ...(await newBucket()), prefix: 'mayfly/one/' }
  return startWith(options)
})

resumableContract('S3', async () => {
  const options = await newBucket()
  return startWith(options)
})
