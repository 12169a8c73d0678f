import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import type { MultipartUpload, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { BucketUnavailable } from '../../ports.ts'
import type { ByteRange, ObjectEntry, OpenObject } from '../../ports.ts'
import { endBody, expectFailure } from '../body-bytes.ts'
import type { PlainBucket } from '../hashing/hashed-bucket.ts'
import { checkKey, checkListPrefix, checkPrefix } from '../bucket-key.ts'
import { diskError } from '../folder/folder-files.ts'
import { isOwnMachine } from '../own-machine.ts'
import { safeBody } from './s3-body.ts'
import { connectS3, hasName, isAbsence } from './s3-client.ts'
import type { S3Options } from './s3-client.ts'
import { s3Presigner } from './s3-presign.ts'
import { putObject } from './s3-put.ts'

const readBytes = 256 * 1024
/** A presigned address cannot be taken back: it is good for no longer than that. */
const mostPresignSeconds = 60
/** So often may an object be listed again after its deletion, for servers that forget slowly. */
const mostStays = 3

/** Where the bucket's keys begin, by the SDK's own rules of regions and hosts. */
async function baseOf(client: S3Client, Bucket: string, prefix: string): Promise<string> {
  const { origin, pathname } = new URL(
    await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'k' }), { expiresIn: 1 }),
  )
  return origin + pathname.slice(0, -1) + prefix
}

/** A bucket on any S3: Amazon, MinIO, Garage, R2, Ceph. It must keep no versions; several instances share it by prefixes of their own. */
export function s3Bucket(options: S3Options): PlainBucket {
  const s3 = connectS3(options)
  const { bucket: Bucket, prefix: shared } = s3
  const { operationMs, stallMs } = s3.patience
  const sign = s3Presigner(s3.reader)
  let base: Promise<string> | undefined

  async function open(key: string, range?: ByteRange): Promise<OpenObject | null> {
    checkKey(key)
    if (range !== undefined && !(range.start >= 0 && range.start <= range.end)) throw outside()
    const Range = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }
    const answer = await s3.small(async (client) => {
      // Ends the wait for an answer, not the answer: its body may take hours.
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), operationMs)
      try {
        return await client.send(new GetObjectCommand({ Bucket, Key: shared + key, ...Range }), {
          abortSignal: late.signal,
        })
      } catch (error) {
        if (isAbsence(error)) return null
        if (hasName(error, 'InvalidRange')) throw outside()
        throw error
      } finally {
        clearTimeout(timer)
      }
    })
    if (answer === null) return null
    const { Body, ContentLength, ContentRange } = answer
    if (!(Body instanceof Readable)) throw new BucketUnavailable('S3 gave no body')
    if (range === undefined && ContentLength !== undefined) {
      return { body: safeBody(Body, ContentLength, stallMs), size: ContentLength }
    }
    const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? '') ?? []
    if (range !== undefined && Number(start) === range.start && Number(end) === range.end) {
      return { body: safeBody(Body, range.end - range.start + 1, stallMs), size: Number(size) }
    }
    Body.on('error', () => undefined)
    Body.destroy()
    // S3 cuts a range that begins inside and ends outside.
    if (range !== undefined && Number(size) <= range.end) throw outside()
    throw new BucketUnavailable('S3 gave another range')
  }

  async function* list(prefix: string): AsyncGenerator<ObjectEntry> {
    checkListPrefix(prefix)
    let token: string | undefined
    do {
      const page = {
        Bucket,
        Prefix: shared + prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }
      const answer = await s3.small((client, send) => client.send(new ListObjectsV2Command(page), send))
      for (const { Key, Size, LastModified } of answer.Contents ?? []) {
        if (Key === undefined) throw new BucketUnavailable('S3 listed an object without a key')
        yield { key: Key.slice(shared.length), size: Size ?? 0, modifiedAt: LastModified?.getTime() ?? 0 }
      }
      token = answer.NextContinuationToken
    } while (token !== undefined)
  }

  async function* unfinished(prefix: string): AsyncGenerator<MultipartUpload> {
    let from = {}
    for (;;) {
      const page = { Bucket, Prefix: shared + prefix, ...from }
      const answer = await s3.small((client, send) =>
        client.send(new ListMultipartUploadsCommand(page), send),
      )
      yield* answer.Uploads ?? []
      if (answer.IsTruncated !== true) return
      from = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker }
    }
  }

  async function abandon({ Key, UploadId }: MultipartUpload): Promise<void> {
    try {
      const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId })
      await s3.small((client, send) => client.send(command, send))
    } catch (error) {
      // It ended by itself meanwhile.
      if (!(error instanceof Error && hasName(error.cause, 'NoSuchUpload'))) throw error
    }
  }

  /** Deletes up to a thousand objects under `prefix` (without what all our keys begin with) and answers the first one's key, null where there was none. */
  async function removeSome(prefix: string): Promise<string | null> {
    const found = await s3.small((client, send) =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix: shared + prefix }), send),
    )
    const Objects = (found.Contents ?? []).map(({ Key }) => ({ Key }))
    if (Objects.length === 0) return null
    const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } })
    const { Errors = [] } = await s3.small((client, send) => client.send(command, send))
    const [first] = Errors
    if (first !== undefined) {
      throw new BucketUnavailable(
        `${Errors.length} objects could not be deleted (${first.Code ?? 'no code'})`,
      )
    }
    return Objects[0]?.Key ?? ''
  }

  async function put(...[key, body, putOptions]: Parameters<PlainBucket['put']>): Promise<{ size: number }> {
    try {
      checkKey(key)
    } catch (error) {
      expectFailure(body)
      endBody(body)
      throw error
    }
    return await putObject(s3, shared + key, body, putOptions)
  }

  return {
    open,
    put,
    list,

    async localFile(key, directory) {
      const object = await open(key)
      if (object === null) return null
      const path = join(directory, randomUUID())
      try {
        await mkdir(directory, { recursive: true })
        await pipeline(object.body, createWriteStream(path, { flags: 'wx', mode: 0o400 }))
        return path
      } catch (error) {
        object.body.destroy()
        await rm(path, { force: true })
        throw error instanceof BucketUnavailable ? error : diskError(error)
      }
    },

    async putFile(key, path, { mime }) {
      checkKey(key)
      const facts = await lstat(path)
      if (!facts.isFile()) throw new TypeError('Only a file can be put')
      return await put(key, createReadStream(path, { highWaterMark: readBytes }), { mime, size: facts.size })
    },

    async removeAll(prefix) {
      checkPrefix(prefix)
      for await (const upload of unfinished(prefix)) await abandon(upload)
      let stays = 0
      for (let last = await removeSome(prefix); last !== null;) {
        const next = await removeSome(prefix)
        stays = next === last ? stays + 1 : 0
        if (stays === mostStays) throw new BucketUnavailable('An object was deleted and is still there')
        last = next
      }
    },

    async sweepUnfinished(olderThanMs, prefix = '') {
      const before = Date.now() - olderThanMs
      let ended = 0
      for await (const upload of unfinished(prefix)) {
        if ((upload.Initiated?.getTime() ?? 0) >= before) continue
        await abandon(upload)
        ended += 1
      }
      return ended
    },

    async presign(key, { seconds, mime, disposition }) {
      checkKey(key)
      base ??= baseOf(s3.reader, Bucket, shared)
      return sign({
        base: await base,
        key,
        seconds: Math.min(seconds, mostPresignSeconds),
        now: Date.now(),
        answer: {
          'response-content-type': mime,
          'response-content-disposition': disposition,
          // Nobody on the way may keep what is good for a minute.
          'response-cache-control': 'private, no-store',
        },
      })
    },

    async time() {
      if (options.endpoint !== undefined && isOwnMachine(options.endpoint)) return null
      base ??= baseOf(s3.reader, Bucket, shared)
      // Whatever it answers to a stranger, its date stands above it (RFC 9110, section 6.6.1).
      const answer = await fetch(await base, { method: 'HEAD', signal: AbortSignal.timeout(operationMs) })
      const time = Date.parse(answer.headers.get('date') ?? '')
      return Number.isNaN(time) ? null : time
    },

    async check() {
      await s3.small((client, send) => client.send(new HeadBucketCommand({ Bucket }), send))
    },

    close() {
      s3.close()
      return Promise.resolve()
    },
  }
}

const outside = (): RangeError => new RangeError('The range is not inside the object')
