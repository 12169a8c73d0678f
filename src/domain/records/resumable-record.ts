import { z } from 'zod'
import type { Clock, PartialObject, Ports } from '../../ports.ts'
import { notFound } from './errors.ts'
import { keys, objects } from './keys.ts'
import { readRecord } from './read-records.ts'
import { mediaTypeSchema } from './records.ts'

const hour = 3_600_000

/** A resumable upload that gets no byte for so long is dropped, and its room given back, in milliseconds. */
const idleMs = hour
/** It takes no longer than that in all, in milliseconds. */
export const resumableLifeMs = 72 * hour
/** How long a completed upload is remembered for a client that missed the answer, in milliseconds. */
export const rememberMs = 24 * hour

export const resumableSchema = z.object({
  id: z.string(),
  owner: z.string(),
  album: z.string(),
  /** The item that it becomes: chosen at its beginning, so that it becomes one once. */
  item: z.string(),
  name: z.string(),
  folder: z.string().nullable(),
  /** Bytes of the whole file. */
  size: z.number().int().positive(),
  /** Bytes that are durable. */
  offset: z.number().int().nonnegative(),
  /** Null until enough bytes have arrived to detect the type; until then the bytes are in the store, not in the bucket. */
  type: mediaTypeSchema.nullable(),
  /** See Growing. */
  state: z.string(),
  createdAt: z.number().int(),
  expiresAt: z.number().int(),
  /** True once its item is recorded. */
  isComplete: z.boolean(),
})

/** A file that comes in over any number of connections. */
export type Resumable = z.infer<typeof resumableSchema>

/** When an upload that gets bytes now is dropped if it gets no more. */
export const nextExpiry = (clock: Clock, createdAt: number): number =>
  Math.min(clock.now() + idleMs, createdAt + resumableLifeMs)

/** An owner's resumable upload. Throws Refused('unknown'), also for another owner's and for one that has expired. */
export async function findResumable(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  id: string,
): Promise<Resumable> {
  const upload = await readRecord(store, resumableSchema, keys.resumable(owner, id))
  if (!upload || (!upload.isComplete && clock.now() >= upload.expiresAt)) throw notFound('upload')
  return upload
}

/** The bucket's view of an upload whose type is known. */
export const partialObjectOf = ({ item, size, offset, state }: Resumable, mime: string): PartialObject => ({
  key: objects.original(item),
  mime,
  size,
  offset,
  state,
})
