import { BucketFull, BucketUnavailable, StoreUnavailable } from '../src/ports.ts'

/** Whether an error comes from a store or bucket that is away or full, and not from what the job was about. */
export const isOutage = (error: unknown): boolean =>
  error instanceof StoreUnavailable || error instanceof BucketUnavailable || error instanceof BucketFull
