import type { CommitOutcome, Ports, Store, Write } from '../ports.ts'
import { ranks, value } from '../ports.ts'
import type { Changing } from './change.ts'
import { Refused } from './errors.ts'
import { keys, objects } from './keys.ts'
import { countOf, type Item } from './records.ts'
import { randomToken } from './tokens.ts'

export type UploadPorts = Pick<Ports, 'store' | 'bucket' | 'clock' | 'limits'>

/** Room is reserved in steps of this many bytes where the length is not known ahead. */
const reservationStep = 64 * 1024 * 1024
/** An upload says at least this often that it lives, in milliseconds. */
const signEvery = 60_000
/** An upload that has not said for this long that it lives is dead, in milliseconds. */
export const deadAfterMs = 3_600_000

/** An upload under way: the room reserved for it, and the items whose bytes it has begun to write. */
export interface Upload {
  readonly id: string
  readonly owner: string
  /** Bytes reserved so far. */
  reserved: number
  /** Bytes received so far. */
  received: number
  /** When it last said that it lives. */
  signedAt: number
  /** Resolves with the id for the file before the next one. */
  lastId: Promise<unknown>
  /** Ids that are noted with the upload and that no file has yet. */
  ids: string[]
  /** How many ids were noted so far. */
  drawn: number
}

/** What an upload is known by. */
export type UploadName = Pick<Upload, 'id' | 'owner'>

/** Begins an upload. `expected` bytes are reserved at once, where they are known. Throws Refused (`owner-quota`, `instance-full`). */
export async function beginUpload(
  ports: UploadPorts,
  owner: string,
  expected: number | null,
): Promise<Upload> {
  const upload: Upload = {
    id: randomToken(),
    owner,
    reserved: 0,
    received: 0,
    signedAt: 0,
    lastId: Promise.resolve(),
    ids: [],
    drawn: 0,
  }
  await signOfLife(ports, upload)
  await ports.store.commit({ writes: [{ kind: 'set', key: keys.uploadBytes(owner, upload.id), value: '0' }] })
  try {
    await reserve(ports, upload, expected ?? 0)
  } catch (error) {
    await abandonUpload(ports, upload)
    throw error
  }
  return upload
}

async function signOfLife({ store, clock }: UploadPorts, upload: Upload): Promise<void> {
  upload.signedAt = clock.now()
  await liveUntil(store, upload, upload.signedAt + deadAfterMs)
}

/** Sees to it that the sweep takes the upload for dead at `at`, and not before. */
export async function liveUntil(store: Store, { owner, id }: UploadName, at: number): Promise<void> {
  const score = at - deadAfterMs
  await store.commit({ writes: [{ kind: 'rank', key: keys.uploads, member: `${owner}/${id}`, score }] })
}

/** Counts what has come in of an upload: asks for more room when what was reserved is used up, and says that it lives. */
export async function count(ports: UploadPorts, upload: Upload, bytes: number): Promise<void> {
  upload.received += bytes
  if (upload.received > upload.reserved) await reserve(ports, upload, upload.reserved + reservationStep)
  else if (ports.clock.now() - upload.signedAt > signEvery) await signOfLife(ports, upload)
}

/** Raises what is reserved for `upload` to `bytes`: first with its owner, then with the instance. */
async function reserve({ store, limits }: UploadPorts, upload: Upload, bytes: number): Promise<void> {
  const by = bytes - upload.reserved
  if (by <= 0) return
  const ofOwner = await setReserved(store, upload, bytes, limits.maxOwnerBytes)
  if (ofOwner === 'over')
    throw new Refused('owner-quota', 'This is more than one sender may keep here.', {
      limit: limits.maxOwnerBytes,
    })
  const ofAll = await store.commit({
    writes: [{ kind: 'increase', key: keys.instanceUsage, field: 'bytes', by, max: limits.maxInstanceBytes }],
  })
  if (ofAll !== 'over') return
  await setReserved(store, upload, bytes - by)
  throw new Refused('instance-full', 'This server has no room left. Try again later, or with fewer files.')
}

async function setReserved(
  store: Store,
  upload: Upload,
  bytes: number,
  max?: number,
): Promise<CommitOutcome> {
  const key = keys.uploadBytes(upload.owner, upload.id)
  const by = bytes - upload.reserved
  const outcome = await store.commit({
    expect: [{ key, value: String(upload.reserved) }],
    writes: [
      {
        kind: 'increase',
        key: keys.usage(upload.owner),
        field: 'bytes',
        by,
        ...(max === undefined ? {} : { max }),
      },
      { kind: 'set', key, value: String(bytes) },
    ],
  })
  if (outcome === 'conflict') throw new Refused('conflict', 'This upload has ended. Begin it anew.')
  if (outcome === 'done') upload.reserved = bytes
  return outcome
}

/** Turns what was reserved for an upload into what its items really take, and ends it. Answers by how many
 * bytes the two differ, for `closeUpload`. */
export async function settleUpload(
  changing: Changing,
  upload: UploadName,
  items: readonly Item[],
): Promise<number> {
  const key = keys.uploadBytes(upload.owner, upload.id)
  const [reserved] = await changing.read([value(key)])
  if (reserved === null || reserved.startsWith(ending))
    throw new Refused('conflict', 'This upload has ended. Begin it anew.')
  changing.expect(key, reserved)
  const by = items.reduce((sum, item) => sum + item.original.size, 0) - countOf(reserved)
  changing.write(
    { kind: 'increase', key: keys.usage(upload.owner), field: 'bytes', by },
    { kind: 'remove', key },
    { kind: 'remove', key: keys.uploadItems(upload.owner, upload.id) },
  )
  return by
}

/** What follows once the items of an upload are recorded. They are there for good, so that a failure is logged alone. */
export async function closeUpload(
  { store, log }: Pick<Ports, 'store' | 'log'>,
  { owner, id }: UploadName,
  by: number,
): Promise<void> {
  try {
    await Promise.all([
      store.commit({ writes: [{ kind: 'increase', key: keys.instanceUsage, field: 'bytes', by }] }),
      store.commit({ writes: [{ kind: 'unrank', key: keys.uploads, member: `${owner}/${id}` }] }),
    ])
  } catch (error) {
    log.warn({ err: error, upload: id, by }, 'the usage of all may be off by so many bytes')
  }
}

/** A resumable upload that is no longer under way. */
export const forgetResumable = ({ owner, id }: UploadName): Write[] => [
  { kind: 'remove', key: keys.resumable(owner, id) },
  { kind: 'remove', key: keys.resumableHead(owner, id) },
  { kind: 'increase', key: keys.usage(owner), field: 'resumable', by: -1 },
]

/** Stands before the reserved bytes of an upload that is being abandoned: its items are recorded no more. */
const ending = 'ending:'

/** The bytes that `keys.uploadBytes` holds. */
export const reservedBytes = (text: string): number =>
  countOf(text.startsWith(ending) ? text.slice(ending.length) : text)

/**
 * Ends an upload whose items are not recorded: deletes what it wrote and gives the room back. Safe to do twice,
 * also by the sweep for an upload whose process died.
 */
export async function abandonUpload(
  { store, bucket }: Pick<Ports, 'store' | 'bucket'>,
  { owner, id }: UploadName,
): Promise<void> {
  const bytesKey = keys.uploadBytes(owner, id)
  const itemsKey = keys.uploadItems(owner, id)
  const recordKey = keys.resumable(owner, id)
  // Before the first byte goes, or whoever records the items at this moment would record them without theirs.
  for (let outcome: CommitOutcome = 'conflict'; outcome === 'conflict';) {
    const [found] = await store.read([value(bytesKey)])
    if (found === null || found.startsWith(ending)) break
    outcome = await store.commit({
      expect: [{ key: bytesKey, value: found }],
      writes: [{ kind: 'set', key: bytesKey, value: ending + found }],
    })
  }
  const [begun, marked, record] = await store.read([ranks(itemsKey), value(bytesKey), value(recordKey)])
  for (const { member } of begun) {
    await bucket.removeAll(`${objects.ofItem(member)}/`)
    await store.commit({ writes: [{ kind: 'remove', key: keys.prefixOwner(objects.ofItem(member)) }] })
  }
  if (marked !== null) {
    const by = -reservedBytes(marked)
    const outcome = await store.commit({
      // Only once: whoever comes second finds nothing to give back.
      expect: [{ key: bytesKey, value: marked }],
      writes: [
        { kind: 'increase', key: keys.usage(owner), field: 'bytes', by },
        { kind: 'remove', key: bytesKey },
        { kind: 'remove', key: itemsKey },
        ...(record === null ? [] : forgetResumable({ owner, id })),
      ],
    })
    if (outcome === 'done')
      await store.commit({ writes: [{ kind: 'increase', key: keys.instanceUsage, field: 'bytes', by }] })
  }
  await store.commit({ writes: [{ kind: 'unrank', key: keys.uploads, member: `${owner}/${id}` }] })
}
