import { s3Bucket } from '../../src/adapters/s3-bucket.ts'
import { bucketContract } from '../contract/bucket-contract.ts'
import { newBucket } from './s3-ground.ts'

bucketContract('S3', async () => ({
  bucket: s3Bucket(await newBucket()),
  stop: () => Promise.resolve(),
}))
