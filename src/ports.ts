import type { Readable } from 'node:stream'
import type { Instance } from './domain/records/instance/instance.ts'
import type { FirstLook, MediaType } from './media/types.ts'

/** The present moment, in milliseconds since 1970. Tests move it. */
export interface Clock {
  now(): number
}

// ── Store ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A key of the store. What stands in braces is its hash tag (Redis Cluster, “keys hash tags”): keys with the
 * same tag can change together in one commit.
 */
export type Key = string

/** One question to the store. Made by the functions below, answered by `Store.read`. */
export type Query =
  | { readonly kind: 'value'; readonly key: Key }
  | { readonly kind: 'fields'; readonly key: Key }
  | { readonly kind: 'someFields'; readonly key: Key; readonly fields: readonly string[] }
  | { readonly kind: 'members'; readonly key: Key }
  | { readonly kind: 'size'; readonly key: Key }
  | { readonly kind: 'score'; readonly key: Key; readonly member: string }
  | {
      readonly kind: 'ranks'
      readonly key: Key
      readonly from: number
      readonly to: number
      readonly reverse: boolean
    }
  | {
      readonly kind: 'scores'
      readonly key: Key
      readonly from: number
      readonly to: number
      readonly limit: number
    }

/** A member of a sorted index with its score. */
export interface Ranked {
  readonly member: string
  readonly score: number
}

/** What `Store.read` answers for each kind of query. */
export type Answer<Q> = Q extends { kind: 'value' }
  ? string | null
  : Q extends { kind: 'fields' }
    ? Readonly<Record<string, string>>
    : Q extends { kind: 'someFields' }
      ? readonly (string | null)[]
      : Q extends { kind: 'members' }
        ? readonly string[]
        : Q extends { kind: 'size' }
          ? number
          : Q extends { kind: 'score' }
            ? number | null
            : readonly Ranked[]

/** What must still hold when a commit is made: the key's whole value (null: absent). */
export interface Expectation {
  readonly key: Key
  readonly value: string | null
}

/** What must still hold of one field of a hash (null: absent). */
export interface FieldExpectation {
  readonly key: Key
  readonly field: string
  readonly value: string | null
}

export type Write =
  /** `expiresInMs`: the store forgets the value after that many milliseconds. */
  | { readonly kind: 'set'; readonly key: Key; readonly value: string; readonly expiresInMs?: number }
  | { readonly kind: 'remove'; readonly key: Key }
  /** `onlyLower`: a member that has a lower score keeps it (Redis: ZADD LT). */
  | {
      readonly kind: 'rank'
      readonly key: Key
      readonly member: string
      readonly score: number
      readonly onlyLower?: boolean
    }
  | { readonly kind: 'unrank'; readonly key: Key; readonly member: string }
  | { readonly kind: 'setField'; readonly key: Key; readonly field: string; readonly value: string }
  | { readonly kind: 'removeField'; readonly key: Key; readonly field: string }
  /**
   * Adds `by` to a count in a hash; the whole commit is refused when the sum would pass `max`. A sum below 0 becomes 0, and
   * what is no number counts as 0.
   */
  | {
      readonly kind: 'increase'
      readonly key: Key
      readonly field: string
      readonly by: number
      readonly max?: number
    }

/** All writes happen, or none. Every key must have the same hash tag. */
export interface Change {
  readonly expect?: readonly Expectation[]
  readonly expectFields?: readonly FieldExpectation[]
  readonly writes: readonly Write[]
}

/** `conflict`: an expectation no longer holds. `over`: an `increase` would pass its `max`. Nothing was written then. */
export type CommitOutcome = 'done' | 'conflict' | 'over'

/** A key, and which query reads it. */
export interface Entry {
  readonly key: Key
  readonly kind: 'value' | 'fields' | 'ranks'
}

/** `retryAfterSeconds` is 0 when the hit is allowed. */
export interface RateAnswer {
  readonly allowed: boolean
  readonly retryAfterSeconds: number
}

/** Where records live. Throws `StoreUnavailable` within 2 seconds when it cannot answer. */
export interface Store {
  /** Answers all queries in one round trip (one for each hash slot on a cluster). */
  read<const Q extends readonly Query[]>(queries: Q): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
  commit(change: Change): Promise<CommitOutcome>
  /** Counts a hit on `key`, or `by` at once, and says whether that is among the first `limit` in the running window. */
  hit(key: Key, limit: number, windowSeconds: number, by?: number): Promise<RateAnswer>
  /** Every key with what is kept under it, in no order; what changes meanwhile may be missed. For what seldom runs. */
  entries(): AsyncIterable<Entry>
  /**
   * Begins to rewrite what lies on the store's disk, so that nothing stays there of what was deleted. `busy`: try again
   * later. `refused`: whoever runs the store does not allow it, or it failed.
   */
  rewrite(): Promise<'begun' | 'busy' | 'refused'>
  /** What the store's own clock says, in milliseconds since 1970; null where it is this machine's. */
  time(): Promise<number | null>
  /**
   * Resolves when the store answers and may be used: it takes writes, drops nothing to make room, and keeps what it
   * answered. Throws `StoreUnavailable` with the reason otherwise.
   */
  check(): Promise<void>
  close(): Promise<void>
}

export const value = (key: Key) => ({ kind: 'value', key }) as const
export const fields = (key: Key) => ({ kind: 'fields', key }) as const
/** The fields asked for, in that order; null for one that is absent. */
export const someFields = (key: Key, names: readonly string[]) =>
  ({ kind: 'someFields', key, fields: names }) as const
/** All members of a sorted index by rank, without their scores: half of what `ranks` costs. */
export const members = (key: Key) => ({ kind: 'members', key }) as const
export const size = (key: Key) => ({ kind: 'size', key }) as const
export const score = (key: Key, member: string) => ({ kind: 'score', key, member }) as const
/** Members by rank, inclusive; `to` -1 is the last. */
export const ranks = (key: Key, from = 0, to = -1, reverse = false) =>
  ({ kind: 'ranks', key, from, to, reverse }) as const
/** Members whose score lies in `from..to`, inclusive, lowest first. */
export const scores = (key: Key, from: number, to: number, limit: number) =>
  ({ kind: 'scores', key, from, to, limit }) as const

export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable'
}

/** The store answers, and refuses our user or password: to wait does not help. */
export class StoreRefusesUs extends StoreUnavailable {
  override readonly name = 'StoreRefusesUs'
}

// ── Events ───────────────────────────────────────────────────────────────────────────────────────────────

/** Messages between processes, best effort: whoever misses one finds the truth in the store. */
export interface Events {
  publish(channel: string, message: string): Promise<void>
  /** Returns the function that ends the subscription. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

// ── Bucket ───────────────────────────────────────────────────────────────────────────────────────────────

/** Bytes `start..end`, both inclusive and inside the object. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface OpenObject {
  /** The bytes of the range asked for. Whoever opened it must read it to the end or destroy it. */
  readonly body: Readable
  /** Size of the whole object in bytes. */
  readonly size: number
}

export interface ObjectEntry {
  readonly key: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

export interface PutOptions {
  readonly mime: string
  /** Bytes, where known ahead: the adapter may then send it in one piece. A body of another length fails. */
  readonly size?: number
  /** Ends the put; one that waits for its body, where that is a Readable. */
  readonly signal?: AbortSignal
}

/** How a recipient's browser should take a presigned download. */
export interface PresignOptions {
  readonly seconds: number
  readonly mime: string
  /** Ready-made `Content-Disposition`. */
  readonly disposition: string
}

/**
 * Bytes on their way into the bucket. Each piece is the bucket's until it asks for the next: whoever gives it may fill
 * its memory anew then. A Readable is ended by whoever takes it.
 */
export type Body = Readable | AsyncIterable<Buffer>

/** What is known of an object's bytes: taken as they were stored. `sha256` in hexadecimal. */
export interface StoredFacts {
  readonly size: number
  readonly crc32: number
  readonly sha256: string
}

/** Where bytes live. Keys are made by the domain of ids alone, never by a user. Throws `BucketUnavailable` or `BucketFull`. */
export interface Bucket {
  /** Streams `range` of the object (all of it without one), or null when there is none. */
  open(key: string, range?: ByteRange): Promise<OpenObject | null>
  /** Stores `body`; the object is seen by `open` only when all of it is there and durable. A failed put leaves nothing. */
  put(key: string, body: Body, options: PutOptions): Promise<StoredFacts>
  /** A read-only local file with the object's bytes, made in `directory` where the bucket is not local; null when there is no object. */
  localFile(key: string, directory: string): Promise<string | null>
  /** Moves a local file in, without copying where the bucket is on the same disk. The file is gone afterwards or still the caller's to remove. */
  putFile(key: string, path: string, options: { mime: string }): Promise<StoredFacts>
  /** Deletes every object whose key starts with `prefix`, finished or not. Throws when any is left. */
  removeAll(prefix: string): Promise<void>
  /** Every object under `prefix`, in no order. */
  list(prefix: string): AsyncIterable<ObjectEntry>
  /** Ends unfinished puts under `prefix` (absent: all) that began more than `olderThanMs` ago; answers how many. */
  sweepUnfinished(olderThanMs: number, prefix?: string): Promise<number>
  /** An address that gives the object for a short time without passing through us; null where the bucket has none. */
  presign(key: string, options: PresignOptions): Promise<string | null>
  /** What the bucket's own clock says, in milliseconds since 1970; null where it is this machine's. */
  time(): Promise<number | null>
  /** Resolves when the bucket answers; throws otherwise. */
  check(): Promise<void>
  close(): Promise<void>
}

/** An object that grows piece by piece. Plain data, to be kept in a record: any process can go on with it. */
export interface PartialObject {
  readonly key: string
  readonly mime: string
  /** Bytes of the whole object. */
  readonly size: number
  /** Bytes that are durable. */
  readonly offset: number
  /** What the bucket wants to know of it the next time; '' at first. */
  readonly state: string
}

/**
 * Writes objects over many connections. `Bucket.removeAll` and `sweepUnfinished` end one that is not complete.
 */
export interface ResumableBucket {
  /**
   * Adds `body` at `offset`. Returns the grown object each time that more of it is durable, the last time at the end of
   * `body`: also when `body` throws, which is passed on afterwards. Whoever asks for the next answer has noted the last
   * one; what was never noted, a later append replaces. Pieces of `body` are lent, as those of `Body`. `by`: whom its memory
   * counts for (absent: nobody).
   */
  append(growing: PartialObject, body: AsyncIterable<Buffer>, by?: Sharer): AsyncIterable<PartialObject>
  /** Makes the object seen by `Bucket.open` once all of it is durable. Safe to do twice. */
  complete(growing: PartialObject): Promise<StoredFacts>
  close(): Promise<void>
}

export class BucketUnavailable extends Error {
  override readonly name = 'BucketUnavailable'
}

/** The disk or the account has no room left. */
export class BucketFull extends Error {
  override readonly name = 'BucketFull'
}

// ── Disk ─────────────────────────────────────────────────────────────────────────────────────────────────

/** This machine's disk that holds the bucket's files or the store's. */
export interface Disk {
  /** Bytes that may be written, without those that are kept for stops. */
  freeBytes(): Promise<number>
  /** Gives the room back that is kept for stops, so that what the full disk refused can be written. Returns whether there was any. */
  releaseBallast(): Promise<boolean>
}

// ── Queue ────────────────────────────────────────────────────────────────────────────────────────────────

/** Jobs hold ids, never content; run twice they end in the same state. */
export type Job =
  | { readonly kind: 'prepare'; readonly owner: string; readonly item: string }
  /** Prepares an item that takes long: its own kind, so that nothing else waits behind it. */
  | { readonly kind: 'prepare-slow'; readonly owner: string; readonly item: string }
  /** Makes a video playable in browsers. Takes minutes: its own kind, so that nothing waits behind it. */
  | { readonly kind: 'playable'; readonly owner: string; readonly item: string }
  | { readonly kind: 'bundle'; readonly owner: string; readonly album: string }
  | { readonly kind: 'card'; readonly owner: string; readonly album: string }
  | { readonly kind: 'remove'; readonly owner: string }
  | { readonly kind: 'sweep' }
  /** Makes a snapshot of all records. */
  | { readonly kind: 'backup' }

export interface Queue {
  /**
   * Adds a job unless the same one already waits. `delayMs`: not before then. Owners take turns with jobs for items and
   * albums: an owner's second job of a kind waits behind everybody else's first.
   */
  add(job: Job, options?: { delayMs?: number }): Promise<void>
  /** For a day the jobs of `owner` also take turns with those of its network (a hash): four owners' worth at a time. */
  groupOwner(owner: string, network: string): Promise<void>
  /** Runs `job` every `everyMs`, once among all processes. */
  schedule(job: Job, everyMs: number): Promise<void>
  close(): Promise<void>
}

/** What runs jobs of one kind in a worker process. */
export interface JobRunner {
  /** A job that throws `JobFailed` is not tried again; any other error is, with backoff. `lastTry` is true when it will not be. */
  run(handlers: {
    readonly [K in Job['kind']]: (job: Extract<Job, { kind: K }>, context: JobContext) => Promise<void>
  }): Promise<void>
  /** Stops taking jobs and waits for those that run. */
  close(): Promise<void>
}

export interface JobContext {
  readonly lastTry: boolean
  readonly signal: AbortSignal
}

/** Throw it for a job that can never succeed. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed'
}

// ── Passwords ────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Whom something bounded is counted for: by each of these names (an address, an owner, a link). `persons`: how many people
 * may stand behind one; it may take as many shares.
 */
export type Party = readonly { readonly name: string; readonly persons: number }[]

/** Somebody with a share of something bounded, who is asked to end soon when that is owed to somebody else. */
export interface Sharer {
  readonly party: Party
  yieldPlace(reason: TooBusy): void
}

/** Slow, salted hashing in a bounded pool, which `by` shares fairly with others (absent: it counts for nobody). Throws `TooBusy` when too many already wait. */
export interface Passwords {
  hash(password: string, by?: Party): Promise<string>
  verify(hash: string, password: string, by?: Party): Promise<boolean>
}

export class TooBusy extends Error {
  override readonly name = 'TooBusy'
}

// ── Log ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Structured log. Never give it a secret, an owner key, a password, a title or a file name. */
export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

// ── All of it ────────────────────────────────────────────────────────────────────────────────────────────

/** The operator's bounds, in bytes, items and days. */
export interface Limits {
  readonly maxFileBytes: number
  readonly maxAlbumItems: number
  readonly maxOwnerBytes: number
  readonly maxInstanceBytes: number
  readonly linkDaysDefault: number
  readonly linkDaysMax: number
  /** What one address may share within an hour, and send within a day in bytes; 0 or absent: as much as it likes. */
  readonly addressSharesPerHour?: number
  readonly addressBytesPerDay?: number
  /** Uploads leave as much of the disk free, in bytes; absent: nothing. */
  readonly minFreeBytes?: number
}

/** What a domain function may be given. Each asks for what it needs. */
export interface Ports {
  readonly store: Store
  readonly events: Events
  readonly bucket: Bucket
  readonly resumable: ResumableBucket
  /** Absent where neither the bucket nor the store lies on this machine. */
  readonly disk?: Disk
  readonly queue: Queue
  readonly clock: Clock
  readonly passwords: Passwords
  /** Tells a file's type by its first bytes; null for what Mayfly does not take. */
  readonly sniff: (head: Uint8Array) => Promise<MediaType | null>
  /** What a file's first bytes tell besides; null where they tell nothing. Quick, and never throws. */
  readonly firstLook: (head: Uint8Array, type: MediaType) => Promise<FirstLook | null>
  /** Whether store and bucket belong to each other. */
  readonly instance: Instance
  readonly limits: Limits
  readonly log: Log
}
