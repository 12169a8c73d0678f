import { S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { BucketFull, BucketUnavailable } from '../../ports.ts'
import { MemoryBudget } from './memory-budget.ts'

export interface S3Options {
  /** Absent: Amazon's, by region. */
  readonly endpoint?: string | undefined
  readonly region: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Stands before every key, ends in a slash; absent or '': none. */
  readonly prefix?: string
  /** The bucket in the path, not in the host name. Where an endpoint is given that is the default. */
  readonly forcePathStyle?: boolean
  /** For tests: less of it. */
  readonly patience?: S3Patience
}

/** How long S3 may take, in milliseconds. */
export interface S3Patience {
  /** What a request without a body of ours may take in all, its repetitions included. */
  readonly operationMs: number
  /** How long the first byte of an answer may take, each time. */
  readonly answerMs: number
  /** An upload moves at least a little in that time, or the endpoint hangs; it is tried three times. */
  readonly idleMs: number
  /** How long a requested body may deliver nothing before it counts as broken, in milliseconds. */
  readonly stallMs: number
}

const usualPatience: S3Patience = { operationMs: 15_000, answerMs: 6_000, idleMs: 8_000, stallMs: 20_000 }
/** No upload of one part takes longer. */
const uploadMs = 10 * 60_000
/** Open downloads hold a socket each for as long as the visitor takes. */
const mostSockets = 2_000

/** What the parts of all puts may hold in memory while they are on their way. */
export const wayBytes = 128 * 1024 * 1024

interface Send {
  readonly abortSignal: AbortSignal
}

export interface S3Connection {
  /** For reads and small requests: an answer begins in time. Its sockets may be idle, as a visitor pauses a film. */
  readonly reader: S3Client
  readonly bucket: string
  readonly prefix: string
  readonly patience: S3Patience
  /** Out of `wayBytes`. */
  readonly onTheWay: MemoryBudget
  /** Runs a request that must have ended within `operationMs`. Throws the bucket's errors. */
  small<Result>(request: (client: S3Client, options: Send) => Promise<Result>): Promise<Result>
  /** Runs a request with a body of ours, which must move all the time; `signal` ends it. */
  upload<Result>(
    signal: AbortSignal,
    request: (client: S3Client, options: Send) => Promise<Result>,
  ): Promise<Result>
  close(): void
}

export function connectS3(options: S3Options): S3Connection {
  const { patience = usualPatience } = options
  const { operationMs, answerMs, idleMs } = patience
  const agent = { keepAlive: true, maxSockets: mostSockets }
  const shared: S3ClientConfig = {
    region: options.region,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
    // The SDK's default streams in aws-chunked, which many servers refuse (Ceph: 411).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  }
  const handler = {
    connectionTimeout: 3_000,
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  }
  const reader = new S3Client({
    ...shared,
    requestHandler: { ...handler, requestTimeout: answerMs, socketTimeout: 0 },
  })
  const writer = new S3Client({
    ...shared,
    requestHandler: { ...handler, requestTimeout: 0, socketTimeout: idleMs },
  })

  return {
    reader,
    bucket: options.bucket,
    prefix: options.prefix ?? '',
    patience,
    onTheWay: new MemoryBudget(wayBytes),

    async small(request) {
      try {
        return await request(reader, { abortSignal: AbortSignal.timeout(operationMs) })
      } catch (error) {
        throw bucketError(error)
      }
    },

    async upload(signal, request) {
      try {
        return await request(writer, {
          abortSignal: AbortSignal.any([signal, AbortSignal.timeout(uploadMs)]),
        })
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw bucketError(error)
      }
    },

    close() {
      reader.destroy()
      writer.destroy()
    },
  }
}

/** What S3 or the way to it says, in the bucket's words. */
export function bucketError(error: unknown): Error {
  if (error instanceof BucketFull || error instanceof BucketUnavailable || error instanceof RangeError)
    return error
  // Amazon has no limit; Ceph says QuotaExceeded, MinIO XMinioStorageFull, others answer 507.
  if (
    error instanceof S3ServiceException &&
    (/Quota|StorageFull|InsufficientStorage/.test(error.name) || error.$metadata.httpStatusCode === 507)
  ) {
    return new BucketFull('The bucket is full', { cause: error })
  }
  return new BucketUnavailable('The bucket gave no answer', { cause: error })
}

/** Whether S3 says that there is no such object (a bucket that is missing is a fault). */
export function isAbsence(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    error.name !== 'NoSuchBucket' &&
    (error.name === 'NoSuchKey' || error.$metadata.httpStatusCode === 404)
  )
}

export function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name
}
