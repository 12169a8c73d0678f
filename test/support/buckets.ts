import {
  hashedBucket,
  hashedResumable,
  type PlainBucket,
  type PlainResumable,
} from '../../src/adapters/hashing/hashed-bucket.ts'
import { hashThreads } from '../../src/adapters/hashing/hash-threads.ts'
import type { Bucket, ResumableBucket } from '../../src/ports.ts'

/** Nobody waits for its threads: they end with the process. */
const hashing = hashThreads()

/** A bucket as the service has it: with the hashes of what it stores. */
export const withHashes = (plain: PlainBucket): Bucket => hashedBucket(plain, hashing)

/** The same of a resumable bucket, whose objects are in `bucket`. */
export const resumableWithHashes = (plain: PlainResumable, bucket: Pick<Bucket, 'open'>): ResumableBucket =>
  hashedResumable(plain, bucket, hashing)
