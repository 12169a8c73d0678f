import type { CommitOutcome, Limits, Party, Ports, Store, Write } from '../../../ports.ts'
import { fields, ranks, value } from '../../../ports.ts'
import type { Changing } from '../store/change.ts'
import { Refused } from '../errors.ts'
import { forgetOwner, noteDeletion } from '../store/forgetting.ts'
import { keys, objects } from '../keys.ts'
import { expectLasting } from '../store/durability.ts'
import { countOf, type Item } from '../records.ts'
import { expectFree, instanceIsFull } from '../store/free-space.ts'
import { randomToken } from '../tokens.ts'

export type UploadPorts = Pick<Ports, 'store' | 'bucket' | 'clock' | 'limits' | 'disk'>

/** Room is reserved in steps: first this many bytes, then doubling up to `mostStep`. Most photos need one step. */
const firstStep = 4 * 1024 * 1024
const mostStep = 64 * 1024 * 1024
const daySeconds = 86_400
/** How often an upload sends a heartbeat at least, in milliseconds. */
const heartbeatEveryMs = 60_000
/** An upload without a heartbeat for this long is dead, in milliseconds. */
export const deadAfterMs = 3_600_000

/** Room that is reserved for an upload as its bytes arrive, against the limits of its owner and of the instance. */
export interface Reservation {
  readonly id: string
  readonly owner: string
  /** The size that the sender announced, in bytes; null if unknown. */
  readonly expected: number | null
  /** Whose daily limit its bytes count against; nobody's if empty. */
  readonly sender: Party
  /** Bytes reserved so far. */
  reserved: number
}

/** An upload in progress: its reserved room, and the items whose bytes it has begun to write. */
export interface Upload extends Reservation {
  /** Bytes received so far. */
  received: number
  /** When it last sent a heartbeat. */
  heartbeatAt: number
  /** Resolves with the id of the previous file. */
  lastId: Promise<unknown>
  /** Ids that are noted with the upload and not used by a file yet. */
  ids: string[]
  /** How many ids were noted so far. */
  idsReserved: number
}

/** What identifies an upload. */
export type UploadName = Pick<Upload, 'id' | 'owner'>

/**
 * Begins an upload and reserves its first step. If `expected` tells that it will not fit, it is refused at once;
 * announced bytes that are not sent take no room from others. Throws Refused (`owner-quota`, `instance-full`,
 * `too-many-requests`).
 */
export async function beginUpload(
  ports: UploadPorts,
  owner: string,
  expected: number | null,
  sender: Party = [],
): Promise<Upload> {
  await expectLasting(ports.store)
  const upload: Upload = {
    id: randomToken(),
    owner,
    expected,
    sender,
    reserved: 0,
    received: 0,
    heartbeatAt: 0,
    lastId: Promise.resolve(),
    ids: [],
    idsReserved: 0,
  }
  const first = Math.min(expected ?? 0, firstStep)
  if (expected !== null && expected > first) await expectRoom(ports, owner, expected)
  else await expectFree(ports, first)
  await heartbeat(ports, upload)
  try {
    await countBytes(ports, upload, first)
    const opened = await ports.store.commit({ writes: openReservation(ports.limits, upload, first) })
    if (opened === 'over') throw ownerIsFull(ports.limits)
    upload.reserved = first
    await reserveWithInstance(ports, upload, first)
  } catch (error) {
    await abandonUpload(ports, upload)
    throw error
  }
  return upload
}

/** The writes that begin a reservation of `bytes` against the owner's limit. */
export const openReservation = (
  { maxOwnerBytes }: Limits,
  { owner, id }: UploadName,
  bytes: number,
): Write[] => [
  { kind: 'set', key: keys.uploadBytes(owner, id), value: String(bytes) },
  ...(bytes === 0
    ? []
    : ([
        { kind: 'increase', key: keys.usage(owner), field: 'bytes', by: bytes, max: maxOwnerBytes },
      ] as const)),
]

/** Whether `bytes` more would fit at this moment; nothing is reserved. Throws Refused (`owner-quota`, `instance-full`). */
export async function expectRoom(
  ports: Pick<UploadPorts, 'store' | 'limits' | 'disk'>,
  owner: string,
  bytes: number,
): Promise<void> {
  const { store, limits } = ports
  await expectFree(ports, bytes)
  const [ofOwner, ofAll] = await store.read([fields(keys.usage(owner)), fields(keys.instanceUsage)])
  if (countOf(ofOwner['bytes']) + bytes > limits.maxOwnerBytes) throw ownerIsFull(limits)
  if (countOf(ofAll['bytes']) + bytes > limits.maxInstanceBytes) throw instanceIsFull()
}

const ownerIsFull = ({ maxOwnerBytes }: Limits) =>
  new Refused('owner-quota', 'This is more than one sender may store here.', { limit: maxOwnerBytes })

async function heartbeat({ store, clock }: UploadPorts, upload: Upload): Promise<void> {
  upload.heartbeatAt = clock.now()
  await liveUntil(store, upload, upload.heartbeatAt + deadAfterMs)
}

/** Makes the sweep treat the upload as dead from `at` on. */
export async function liveUntil(store: Store, { owner, id }: UploadName, at: number): Promise<void> {
  const score = at - deadAfterMs
  await store.commit({ writes: [{ kind: 'rank', key: keys.uploads, member: `${owner}/${id}`, score }] })
}

/** Counts received bytes: reserves more room if needed, and sends heartbeats. */
export async function count(ports: UploadPorts, upload: Upload, bytes: number): Promise<void> {
  upload.received += bytes
  if (upload.received > upload.reserved) await makeRoom(ports, upload, upload.received)
  else if (ports.clock.now() - upload.heartbeatAt > heartbeatEveryMs) await heartbeat(ports, upload)
}

/**
 * Reserves room for the first `needed` bytes of an upload and a step ahead; if the step does not fit,
 * for the needed bytes only. Throws Refused (`owner-quota`, `instance-full`, `too-many-requests`, `conflict` when it has ended).
 */
export async function makeRoom(ports: UploadPorts, upload: Reservation, needed: number): Promise<void> {
  const step = Math.min(Math.max(upload.reserved, firstStep), mostStep)
  const wanted = Math.max(needed, Math.min(upload.reserved + step, upload.expected ?? Infinity))
  try {
    await reserve(ports, upload, wanted)
  } catch (error) {
    const isFull =
      error instanceof Refused && (error.reason === 'owner-quota' || error.reason === 'instance-full')
    if (!isFull || wanted === needed) throw error
    await reserve(ports, upload, needed)
  }
}

/** Raises the reservation of `upload` to `bytes`: first against the owner's limit, then the instance's. */
async function reserve(ports: UploadPorts, upload: Reservation, bytes: number): Promise<void> {
  const by = bytes - upload.reserved
  if (by <= 0) return
  await expectFree(ports, by)
  await countBytes(ports, upload, by)
  const ofOwner = await setReserved(ports.store, upload, bytes, ports.limits.maxOwnerBytes)
  if (ofOwner === 'over') throw ownerIsFull(ports.limits)
  await reserveWithInstance(ports, upload, by)
}

/** For bytes that are reserved against the owner's limit already; gives those back if the instance is full. */
async function reserveWithInstance(
  { store, limits }: UploadPorts,
  upload: Reservation,
  by: number,
): Promise<void> {
  if (by === 0) return
  const ofAll = await store.commit({
    writes: [{ kind: 'increase', key: keys.instanceUsage, field: 'bytes', by, max: limits.maxInstanceBytes }],
  })
  if (ofAll !== 'over') return
  await setReserved(store, upload, upload.reserved - by)
  throw instanceIsFull()
}

/** Counts bytes against the sender's daily limit, before they are reserved. Throws Refused('too-many-requests'). */
async function countBytes(
  { store, limits }: UploadPorts,
  { sender }: Reservation,
  bytes: number,
): Promise<void> {
  const limit = limits.addressBytesPerDay
  if (!limit || bytes === 0) return
  for (const { name, persons } of sender) {
    const most = Math.min(limit * persons, Number.MAX_SAFE_INTEGER)
    const { allowed, retryAfterSeconds } = await store.hit(keys.bytesSent(name), most, daySeconds, bytes)
    if (!allowed)
      throw new Refused('too-many-requests', 'Your network has reached its limit of bytes within a day.', {
        per: 'day',
        limit,
        retryAfterSeconds,
      })
  }
}

async function setReserved(
  store: Store,
  upload: Reservation,
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
  if (outcome === 'conflict') throw new Refused('conflict', 'This upload has ended. Start it again.')
  if (outcome === 'done') upload.reserved = bytes
  return outcome
}

/** Replaces the reservation of an upload by the real size of its items, and ends the upload. Returns the
 * difference in bytes, for `closeUpload`. */
export async function settleUpload(
  changing: Changing,
  upload: UploadName,
  items: readonly Item[],
): Promise<number> {
  const key = keys.uploadBytes(upload.owner, upload.id)
  const [reserved] = await changing.read([value(key)])
  if (reserved === null || reserved.startsWith(ending))
    throw new Refused('conflict', 'This upload has ended. Start it again.')
  changing.expect(key, reserved)
  const by = items.reduce((sum, item) => sum + item.original.size, 0) - countOf(reserved)
  changing.write(
    { kind: 'increase', key: keys.usage(upload.owner), field: 'bytes', by },
    { kind: 'remove', key },
    { kind: 'remove', key: keys.uploadItems(upload.owner, upload.id) },
  )
  return by
}

/** Cleans up after the items of an upload were recorded. They are safe, so failures are only logged. */
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
    log.warn({ err: error, upload: id, by }, 'the usage of the instance may be off by this many bytes')
  }
}

/** The writes that forget a resumable upload. */
export const forgetResumable = ({ owner, id }: UploadName): Write[] => [
  { kind: 'remove', key: keys.resumable(owner, id) },
  { kind: 'remove', key: keys.resumableHead(owner, id) },
  { kind: 'increase', key: keys.usage(owner), field: 'resumable', by: -1 },
]

/** Prefix of the reserved bytes of an upload that is being abandoned: its items can no longer be recorded. */
const ending = 'ending:'

/** The bytes that `keys.uploadBytes` holds. */
export const reservedBytes = (text: string): number =>
  countOf(text.startsWith(ending) ? text.slice(ending.length) : text)

/**
 * Ends an upload whose items are not recorded: deletes what it wrote and gives the room back. Safe to do twice,
 * also by the sweep for an upload whose process died.
 */
export async function abandonUpload(
  { store, bucket, clock }: Pick<Ports, 'store' | 'bucket' | 'clock'>,
  { owner, id }: UploadName,
): Promise<void> {
  const bytesKey = keys.uploadBytes(owner, id)
  const itemsKey = keys.uploadItems(owner, id)
  const recordKey = keys.resumable(owner, id)
  // Before the first byte is deleted, or items could be recorded at this moment whose bytes are gone.
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
      // Only once: the second of two finds nothing to give back.
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
  await noteDeletion({ store, clock })
  // Forgets an owner who has nothing else.
  await forgetOwner(store, owner)
}

/** Forgets an owner who was never recorded, after the first upload was abandoned. */
export async function forgetUnsavedOwner({ store }: Pick<Ports, 'store'>, owner: string): Promise<void> {
  const ownerKey = keys.owner(owner)
  const usageKey = keys.usage(owner)
  const [record, usage] = await store.read([value(ownerKey), fields(usageKey)])
  const { bytes, resumable, ...more } = usage
  if (record !== null || bytes !== '0' || (resumable ?? '0') !== '0' || Object.keys(more).length > 0) return
  await store.commit({
    expect: [{ key: ownerKey, value: null }],
    expectFields: [
      { key: usageKey, field: 'bytes', value: bytes },
      { key: usageKey, field: 'resumable', value: resumable ?? null },
    ],
    writes: [{ kind: 'remove', key: usageKey }],
  })
}
