import { createReadStream } from 'node:fs'
import type { Body, Bucket, PartialObject, PutOptions, ResumableBucket, StoredFacts } from '../../ports.ts'
import { bytesOf, endBody, expectFailure } from '../body-bytes.ts'
import type { Hashing } from './hash-threads.ts'
import { ReadAhead } from './read-ahead.ts'
import { HashChain, RunningHashes } from './running-hashes.ts'

/** A bucket that only stores. */
export interface PlainBucket extends Omit<Bucket, 'put' | 'putFile'> {
  put(key: string, body: Body, options: PutOptions): Promise<{ size: number }>
  putFile(key: string, path: string, options: { mime: string }): Promise<{ size: number }>
}

/** A resumable bucket that only stores. */
export interface PlainResumable extends Omit<ResumableBucket, 'complete'> {
  complete(growing: PartialObject): Promise<void>
}

/** `bucket`, with the hashes of what it stores: taken on the way, beside the writing. */
export function hashedBucket(bucket: PlainBucket, hashing: Hashing): Bucket {
  return {
    ...bucket,

    async put(key, body, options) {
      expectFailure(body)
      const chain = new HashChain(hashing)
      const ahead = new ReadAhead(bytesOf(body, undefined), chain)
      // The bucket sees the blocks, not the body that it would have to end.
      const end = (): void => endBody(body, options.signal?.reason)
      options.signal?.addEventListener('abort', end)
      try {
        const { size } = await bucket.put(key, ahead, options)
        return await factsOf(chain, key, size)
      } catch (error) {
        endBody(body)
        throw error
      } finally {
        options.signal?.removeEventListener('abort', end)
        ahead.stop()
        chain.forget()
      }
    },

    async putFile(key, path, options) {
      const chain = await hashed(createReadStream(path), hashing)
      const { size } = await bucket.putFile(key, path, options)
      return factsOf(chain, key, size)
    },
  }
}

/** `resumable`, with the hashes of what it stores. `bucket`: where complete objects are read again whose hashes were lost. */
export function hashedResumable(
  resumable: PlainResumable,
  bucket: Pick<Bucket, 'open'>,
  hashing: Hashing,
): ResumableBucket {
  const hashes = new RunningHashes(hashing)
  return {
    ...resumable,

    async *append(growing, body, by) {
      const { key } = growing
      let noted = growing.offset
      const chain = hashes.take(key, noted)
      const ahead = new ReadAhead(body, chain)
      try {
        for await (const grown of resumable.append(growing, ahead, by)) {
          yield grown
          // Whoever asks for more has noted what was told.
          noted = grown.offset
        }
      } finally {
        ahead.stop()
        if (chain?.offset === noted) hashes.keep(key, chain)
        else chain?.forget()
      }
    },

    async complete(growing) {
      const { key, size } = growing
      await resumable.complete(growing)
      const kept = hashes.take(key, size)
      if (kept) return factsOf(kept, key, size)
      const object = await bucket.open(key)
      if (object === null) throw new Error(`${key} is complete and not in the bucket`)
      return factsOf(await hashed(object.body, hashing), key, size)
    },
  }
}

/** Hashes all of `body`. */
async function hashed(body: AsyncIterable<Buffer>, hashing: Hashing): Promise<HashChain> {
  const chain = new HashChain(hashing)
  const ahead = new ReadAhead(body, chain)
  try {
    for await (const block of ahead) void block
    return chain
  } catch (error) {
    chain.forget()
    throw error
  } finally {
    ahead.stop()
  }
}

async function factsOf(chain: HashChain, key: string, size: number): Promise<StoredFacts> {
  const facts = await chain.facts()
  if (facts.size !== size) throw new Error(`${key}: ${size} bytes were stored of ${facts.size}`)
  return facts
}
