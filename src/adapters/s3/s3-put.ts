import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { BucketUnavailable } from '../../ports.ts'
import type { Body, PutOptions } from '../../ports.ts'
import { bytesOf, endBody, errorOf, expectFailure, partsOf } from '../body-bytes.ts'
import type { Part } from '../body-bytes.ts'
import { hasName, wayBytes } from './s3-client.ts'
import type { S3Connection } from './s3-client.ts'

const MiB = 1024 * 1024
/** Up to that an object of known size goes in one request. */
const singleBytes = 16 * MiB
const partBytes = 8 * MiB
/** S3's own bound (“Amazon S3 multipart upload limits”). */
export const mostParts = 10_000
/** What one put may hold in memory: parts on their way and the one being filled. */
const memoryBytes = 48 * MiB
const mostAtOnce = 4

export interface CompletedPart {
  readonly ETag: string
  readonly PartNumber: number
}

/** Stores `body` as `key`; see `Bucket.put`. Ends `body` in any case. */
export async function putObject(
  s3: S3Connection,
  key: string,
  body: Body,
  { mime, size, signal }: PutOptions,
): Promise<{ size: number }> {
  const own = new AbortController()
  const stop = () => own.abort(signal?.reason)
  expectFailure(body)
  own.signal.addEventListener('abort', () => endBody(body, own.signal.reason))
  try {
    signal?.throwIfAborted()
    signal?.addEventListener('abort', stop)
    const spare: Buffer[] = []
    const parts = partsOf(bytesOf(body, size), partSizes(size), spare)
    const first = await parts.next()
    if (first.done === true) throw new Error('A body has at least an empty part')
    if (first.value.last || first.value.bytes.length === size) {
      // Whole, as far as it was said to be: what comes now can only be the end or too much.
      if (!first.value.last) await parts.next()
      await putWhole(s3, key, first.value.bytes, mime, own.signal)
      return { size: first.value.bytes.length }
    }
    return await putInParts(s3, key, first.value, { rest: parts, spare }, mime, own)
  } catch (error) {
    throw own.signal.aborted ? errorOf(own.signal.reason) : error
  } finally {
    signal?.removeEventListener('abort', stop)
    endBody(body)
  }
}

/** Stores an object in one request. */
export async function putWhole(
  s3: S3Connection,
  key: string,
  bytes: Buffer,
  mime: string,
  signal: AbortSignal,
) {
  const command = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ContentMD5: md5(bytes),
    ContentType: mime,
  })
  await s3.upload(signal, (client, options) => client.send(command, options))
}

async function putInParts(
  s3: S3Connection,
  key: string,
  first: Part,
  { rest, spare }: { rest: AsyncIterable<Part>; spare: Buffer[] },
  mime: string,
  own: AbortController,
): Promise<{ size: number }> {
  const target = { Bucket: s3.bucket, Key: key }
  const { UploadId } = await s3.small((client, options) =>
    client.send(new CreateMultipartUploadCommand({ ...target, ContentType: mime }), options),
  )
  if (UploadId === undefined) throw new BucketUnavailable('S3 gave no id for an upload')
  const upload = { ...target, UploadId }
  const running = new Set<Promise<void>>()
  try {
    const completed: CompletedPart[] = []
    let size = 0
    let number = 0
    const send = async (bytes: Buffer, PartNumber: number): Promise<void> => {
      const command = new UploadPartCommand({
        ...upload,
        PartNumber,
        Body: bytes,
        ContentLength: bytes.length,
        ContentMD5: md5(bytes),
      })
      const { ETag } = await s3.upload(own.signal, (client, options) => client.send(command, options))
      if (ETag === undefined) throw new BucketUnavailable('S3 gave no ETag for a part')
      completed.push({ ETag, PartNumber })
      spare.push(bytes)
    }
    const start = async (bytes: Buffer): Promise<void> => {
      size += bytes.length
      number += 1
      // Many puts at once share what may be on its way; this one's next part is not filled before.
      const share = Math.min(bytes.length, wayBytes)
      await s3.onTheWay.take(share)
      const sending = send(bytes, number)
        // Ends the body too, whoever waits for it at this moment.
        .catch((error: unknown) => own.abort(error))
        .finally(() => {
          s3.onTheWay.give(share)
          running.delete(sending)
        })
      running.add(sending)
      const atOnce = Math.min(mostAtOnce, Math.max(1, Math.floor(memoryBytes / bytes.length) - 2))
      if (running.size >= atOnce) await Promise.race(running)
      own.signal.throwIfAborted()
    }
    await start(first.bytes)
    for await (const { bytes } of rest) if (bytes.length > 0) await start(bytes)
    await Promise.all(running)
    own.signal.throwIfAborted()
    await completeParts(s3, upload, completed, size, own.signal)
    return { size }
  } catch (error) {
    own.abort(error)
    await Promise.all(running)
    await abandon(s3, upload)
    throw error
  }
}

export type MultipartName = { readonly Bucket: string; readonly Key: string; readonly UploadId: string }

/** Makes an object of parts. Safe to do twice. */
export async function completeParts(
  s3: S3Connection,
  upload: MultipartName,
  parts: CompletedPart[],
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const Parts = parts.toSorted((one, two) => one.PartNumber - two.PartNumber)
  const command = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })
  try {
    await s3.upload(signal, (client, options) => client.send(command, options))
  } catch (error) {
    // Its first answer may have been lost on the way, and what was repeated finds the upload gone.
    if (!(error instanceof Error && hasName(error.cause, 'NoSuchUpload'))) throw error
    const { Bucket, Key } = upload
    const head = await s3
      .small((client, options) => client.send(new HeadObjectCommand({ Bucket, Key }), options))
      .catch(() => null)
    const isOurs = head?.ContentLength === size && head.ETag?.endsWith(`-${Parts.length}"`) === true
    if (!isOurs) throw error
  }
}

/** Best effort: what is left, the sweep ends. */
async function abandon(s3: S3Connection, upload: MultipartName): Promise<void> {
  try {
    await s3.small((client, options) => client.send(new AbortMultipartUploadCommand(upload), options))
  } catch {
    // The error that led here says more, and sweepUnfinished finds the upload.
  }
}

/** How large each part is, so that no object needs more than 10,000 of them. */
function partSizes(size: number | undefined): (number: number) => number {
  if (size !== undefined) {
    // One byte for an empty body: a part of no bytes would never be full.
    const bytes =
      size <= singleBytes ? Math.max(size, 1) : Math.max(partBytes, Math.ceil(size / mostParts / MiB) * MiB)
    return () => bytes
  }
  // Unknown: 20 GiB in parts of 8 MiB, 39 GiB in parts of 16, 117 GiB in parts of 24.
  return (number) => {
    if (number > mostParts) throw new Error('The body is larger than S3 takes in parts of a bounded size')
    return number <= 2_500 ? partBytes : number <= 5_000 ? 2 * partBytes : 3 * partBytes
  }
}

export const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('base64')
