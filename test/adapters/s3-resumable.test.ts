import { s3Bucket } from '../../src/adapters/s3/s3-bucket.ts'
import { s3Resumable } from '../../src/adapters/s3/s3-resumable.ts'
import { resumableContract } from '../contract/resumable-contract.ts'
import { newBucket } from './s3-ground.ts'

resumableContract('S3 with a prefix', async () => {
  const options = { ...(await newBucket()), prefix: 'mayfly/one/' }
  return { bucket: s3Bucket(options), resumable: s3Resumable(options), stop: () => Promise.resolve() }
})

resumableContract('S3', async () => {
  const options = await newBucket()
  return { bucket: s3Bucket(options), resumable: s3Resumable(options), stop: () => Promise.resolve() }
})
