import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import {
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { z } from 'zod'
import { BucketUnavailable } from '../../ports.ts'
import type { PartialObject, Sharer } from '../../ports.ts'
import { BreakableBody } from '../body-bytes.ts'
import type { PlainResumable } from '../hashing/hashed-bucket.ts'
import { checkKey } from '../bucket-key.ts'
import { PartMemory, type Part } from './part-memory.ts'
import { connectS3, hasName, isAbsence } from './s3-client.ts'
import type { S3Connection, S3Options } from './s3-client.ts'
import { completeParts, md5, mostParts, putWhole } from './s3-put.ts'
import type { CompletedPart, MultipartName } from './s3-put.ts'

const MiB = 1024 * 1024
/** S3's least for every part but the last (“Amazon S3 multipart upload limits”). */
const leastPartBytes = 5 * MiB
/** What all uploads of this process together may hold in memory: parts that fill, and parts on their way. */
const memoryBytes = 64 * MiB

const stateSchema = z.object({
  /** Null as long as no part is full: a small file is stored in one request. */
  uploadId: z.string().nullable(),
  /** Bytes of each part but the last: all the same, as R2 wants it. */
  partBytes: z.number().int().positive(),
  /** The parts' ETags hashed one onto the other: a part that another process replaced is found by it. */
  etags: z.string(),
  /** Whether there ever was a tail: what does not fill a part is kept in objects of its own. */
  hadTail: z.boolean(),
  /** Bytes of each tail of the part that fills, in their order. Older uploads had one, which is not noted here. */
  tails: z.array(z.number().int().positive()).default([]),
})
type State = z.infer<typeof stateSchema>

const nobody: Sharer = { party: [], yieldPlace: () => {} }

/** Resumable writing for `s3Bucket` of the same options, by multipart uploads. */
export function s3Resumable(options: S3Options): PlainResumable {
  const s3 = connectS3(options)
  const memory = new PartMemory(memoryBytes, leastPartBytes)
  // A record holds our own keys: what S3 calls them may change with the settings.
  const full = (growing: PartialObject): PartialObject => ({ ...growing, key: s3.prefix + growing.key })
  return {
    async *append(growing, body, by = nobody) {
      checkKey(growing.key)
      for await (const grown of new Appending(s3, memory, full(growing), by).run(body))
        yield { ...grown, key: growing.key }
    },

    async complete(ours) {
      const growing = full(ours)
      const { uploadId, ...state } = stateOf(growing)
      if (uploadId !== null) await completeUpload(s3, growing, { ...state, uploadId })
      if (state.hadTail) await removeTails(s3, growing.key)
    },

    close() {
      s3.close()
      return Promise.resolve()
    },
  }
}

function stateOf({ state, size }: PartialObject): State {
  if (state !== '') return stateSchema.parse(JSON.parse(state))
  const partBytes = Math.max(leastPartBytes, Math.ceil(size / mostParts / MiB) * MiB)
  return { uploadId: null, partBytes, etags: '', hadTail: false, tails: [] }
}

/** More tails than this of one part become one. */
const mostTails = 16

/**
 * The object of what came from one offset to another. It is written once: what a process that was frozen writes late has
 * the same bytes, or another name.
 */
const tailKey = (key: string, from: number, to: number): string => `${key}.tail-${from}-${to}`

const chained = (etags: string, etag: string): string =>
  createHash('sha256')
    .update(etags + etag)
    .digest('hex')

/** One append: fills part after part, with one on its way while the next one fills. */
class Appending {
  private state: State
  private offset: number
  /** The part that fills, from 1. */
  private number: number
  private part: Part | null = null
  /** Bytes of the part that are in tails: they are read when it is full, and not before. */
  private kept = 0
  private filled = 0
  /** Tails of parts that are full by now. */
  private stale: string[] = []
  private flying: Promise<string> | null = null

  constructor(
    private readonly s3: S3Connection,
    private readonly memory: PartMemory,
    private readonly growing: PartialObject,
    private readonly by: Sharer,
  ) {
    this.state = stateOf(growing)
    this.offset = growing.offset
    this.number = Math.floor(growing.offset / this.state.partBytes) + 1
  }

  async *run(body: AsyncIterable<Buffer>): AsyncGenerator<PartialObject> {
    const breakable = new BreakableBody(body)
    try {
      await this.openPart()
      this.kept = this.offset % this.state.partBytes
      this.filled = this.kept
      for await (const piece of breakable.pieces()) {
        for (let from = 0; from < piece.length;) {
          from += this.fill(piece.subarray(from))
          if (this.part && this.filled === this.part.bytes.length) yield* this.endPart()
        }
      }
      yield* this.land()
      if (this.part && this.filled > this.kept) yield await this.keepTail()
      await remove(this.s3, this.stale)
      breakable.check()
    } finally {
      await this.flying?.catch(() => {})
      this.closePart()
    }
  }

  private get lengthOfPart(): number {
    const { partBytes } = this.state
    return Math.min(partBytes, this.growing.size - (this.number - 1) * partBytes)
  }

  private async openPart(): Promise<void> {
    const length = this.lengthOfPart
    if (length <= 0) return
    this.part = await this.memory.take(length, this.by)
    this.kept = 0
    this.filled = 0
  }

  private closePart(): void {
    this.part?.give()
    this.part = null
  }

  private fill(bytes: Buffer): number {
    if (!this.part) throw new RangeError('More bytes than the object holds')
    const copied = bytes.copy(this.part.bytes, this.filled)
    this.filled += copied
    return copied
  }

  /** The tails of the part that fills, and where each begins in it. */
  private tailsOfPart(): { key: string; at: number; length: number }[] {
    const { key } = this.growing
    const begin = (this.number - 1) * this.state.partBytes
    if (this.kept > 0 && this.state.tails.length === 0)
      return [{ key: `${key}.tail-${this.number}`, at: 0, length: this.kept }]
    let at = 0
    return this.state.tails.map((length) => {
      const tail = { key: tailKey(key, begin + at, begin + at + length), at, length }
      at += length
      return tail
    })
  }

  /** Reads what earlier requests left of the part. Its tails are stale then. */
  private async readTails(part: Buffer): Promise<void> {
    const { bucket } = this.s3
    const tails = this.tailsOfPart()
    await Promise.all(
      tails.map(async ({ key, at, length }) => {
        const Range = `bytes=0-${length - 1}`
        const tail = await this.s3.small(async (client, options) => {
          const { Body } = await client.send(
            new GetObjectCommand({ Bucket: bucket, Key: key, Range }),
            options,
          )
          return Body instanceof Readable ? buffer(Body) : Buffer.alloc(0)
        })
        if (tail.length !== length) throw new BucketUnavailable('The tail of an upload is not as it was left')
        tail.copy(part, at)
      }),
    )
    this.stale.push(...tails.map(({ key }) => key))
    this.state = { ...this.state, tails: [] }
    this.kept = 0
  }

  /** Sends the full part off; the one before it has arrived by then. */
  private async *endPart(): AsyncGenerator<PartialObject> {
    const { part } = this
    if (!part) return
    const { bytes } = part
    // Full: it goes as fast as the bucket takes it.
    part.keep()
    yield* this.land()
    await this.readTails(bytes)
    if (bytes.length === this.growing.size) {
      const { key, mime } = this.growing
      await putWhole(this.s3, key, bytes, mime, never)
      this.closePart()
      this.number += 1
      yield this.grown(bytes.length)
      return
    }
    const uploadId = this.state.uploadId ?? (await this.begin())
    this.state = { ...this.state, uploadId }
    this.flying = this.send(uploadId, this.number, part)
    this.flying.catch(() => {})
    this.part = null
    this.number += 1
    await this.openPart()
  }

  /** Waits for the part that is on its way. */
  private async *land(): AsyncGenerator<PartialObject> {
    if (!this.flying) return
    const etag = await this.flying
    this.flying = null
    this.state = { ...this.state, etags: chained(this.state.etags, etag) }
    yield this.grown(Math.min((this.number - 1) * this.state.partBytes, this.growing.size))
  }

  private grown(offset: number): PartialObject {
    this.offset = offset
    return { ...this.growing, offset, state: JSON.stringify(this.state) }
  }

  private async begin(): Promise<string> {
    const { key, mime } = this.growing
    const command = new CreateMultipartUploadCommand({
      Bucket: this.s3.bucket,
      Key: key,
      ContentType: mime,
    })
    const { UploadId } = await this.s3.small((client, options) => client.send(command, options))
    if (UploadId === undefined) throw new BucketUnavailable('S3 gave no id for an upload')
    return UploadId
  }

  private async send(UploadId: string, PartNumber: number, part: Part): Promise<string> {
    const { bytes } = part
    try {
      const command = new UploadPartCommand({
        Bucket: this.s3.bucket,
        Key: this.growing.key,
        UploadId,
        PartNumber,
        Body: bytes,
        ContentLength: bytes.length,
        ContentMD5: md5(bytes),
      })
      const { ETag } = await this.s3.upload(never, (client, options) => client.send(command, options))
      if (ETag === undefined) throw new BucketUnavailable('S3 gave no ETag for a part')
      return ETag
    } finally {
      part.give()
    }
  }

  /** Keeps what came of a part that is not full. */
  private async keepTail(): Promise<PartialObject> {
    const { part } = this
    if (!part) throw new Error('No part is open')
    if (this.state.tails.length >= mostTails) await this.readTails(part.bytes)
    const begin = (this.number - 1) * this.state.partBytes
    const bytes = part.bytes.subarray(this.kept, this.filled)
    const key = tailKey(this.growing.key, begin + this.kept, begin + this.filled)
    await putWhole(this.s3, key, bytes, 'application/octet-stream', never)
    this.state = { ...this.state, hadTail: true, tails: [...this.state.tails, bytes.length] }
    return this.grown(begin + this.filled)
  }
}

/** The bytes that came are kept, whatever becomes of the connection they came by. */
const never = new AbortController().signal

async function completeUpload(s3: S3Connection, growing: PartialObject, state: State & { uploadId: string }) {
  const { key, size } = growing
  const upload = { Bucket: s3.bucket, Key: key, UploadId: state.uploadId }
  const parts = await listParts(s3, upload)
  if (parts === null) {
    // Completed before, by a process that did not live to tell.
    const command = new HeadObjectCommand({ Bucket: s3.bucket, Key: key })
    const { ContentLength, ETag } = await s3.small((client, options) => client.send(command, options))
    if (ContentLength === size && ETag?.endsWith(`-${Math.ceil(size / state.partBytes)}"`)) return
    throw new BucketUnavailable('An upload is gone before it was complete')
  }
  const isAsWritten = parts.reduce((etags, { ETag }) => chained(etags, ETag), '') === state.etags
  if (!isAsWritten || parts.reduce((sum, part) => sum + part.size, 0) !== size)
    throw new BucketUnavailable('The parts of an upload are not as they were written')
  await completeParts(
    s3,
    upload,
    parts.map(({ ETag, PartNumber }) => ({ ETag, PartNumber })),
    size,
    never,
  )
}

type ListedPart = CompletedPart & { readonly size: number }

/** The parts of an upload in their order; null when there is no such upload. */
async function listParts(s3: S3Connection, upload: MultipartName): Promise<ListedPart[] | null> {
  const parts: ListedPart[] = []
  let marker: string | undefined
  try {
    do {
      const command = new ListPartsCommand({ ...upload, PartNumberMarker: marker })
      const page = await s3.small((client, options) => client.send(command, options))
      for (const { ETag = '', PartNumber = 0, Size = 0 } of page.Parts ?? [])
        parts.push({ ETag, PartNumber, size: Size })
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
    } while (marker !== undefined)
    return parts
  } catch (error) {
    // Ceph has another name for it than Amazon.
    if (error instanceof Error && (hasName(error.cause, 'NoSuchUpload') || isAbsence(error.cause)))
      return null
    throw error
  }
}

async function removeTails(s3: S3Connection, key: string): Promise<void> {
  const command = new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: `${key}.tail-` })
  const { Contents = [] } = await s3.small((client, options) => client.send(command, options))
  await remove(
    s3,
    Contents.flatMap(({ Key }) => Key ?? []),
  )
}

async function remove(s3: S3Connection, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  const Objects = keys.map((Key) => ({ Key }))
  const command = new DeleteObjectsCommand({ Bucket: s3.bucket, Delete: { Objects, Quiet: true } })
  const { Errors = [] } = await s3.small((client, options) => client.send(command, options))
  if (Errors.length > 0) throw new BucketUnavailable(`${Errors.length} tails could not be deleted`)
}
