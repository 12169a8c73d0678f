import type { Party, Ports, Sharer, Write } from '../../ports.ts'
import { size, value } from '../../ports.ts'
import { addItems, checkAlbumSize, ownAlbum } from '../albums/album.ts'
import { set } from '../records/store/change.ts'
import { Refused } from '../records/errors.ts'
import { newItemId } from '../items/item-id.ts'
import { keys, objects } from '../records/keys.ts'
import { endLease, withLease, type Lease } from '../records/store/lease.ts'
import { expectLasting } from '../records/store/durability.ts'
import { countOf, recordText } from '../records/records.ts'
import {
  findResumable,
  partialObjectOf,
  nextExpiry,
  rememberMs,
  type Resumable,
} from '../records/resumable-record.ts'
import { fileTooLarge, headBytes, nextOf, tellType } from './store-file.ts'
import { randomToken } from '../records/tokens.ts'
import {
  abandonUpload,
  expectRoom,
  forgetResumable,
  liveUntil,
  makeRoom,
  openReservation,
  type Reservation,
} from '../records/limits/reservation.ts'

/** So many resumable uploads an owner may have under way. */
const mostAtOnce = 100
/** How often an upload under way says that it lives, in milliseconds. */
const heartbeatEveryMs = 60_000

export type ResumablePorts = Pick<
  Ports,
  | 'store'
  | 'bucket'
  | 'resumable'
  | 'queue'
  | 'events'
  | 'clock'
  | 'limits'
  | 'disk'
  | 'sniff'
  | 'firstLook'
  | 'log'
>

/** What a client says of a file before it sends it. `name` and `folder` are already safe for display. */
export type ResumableWish = Pick<Resumable, 'owner' | 'album' | 'name' | 'folder' | 'size'>

/**
 * Begins an upload into an owner's album; its room is reserved as its bytes arrive. Throws Refused (`unknown`, `bad-request`,
 * `file-too-large`, `too-many-items`, `owner-quota`, `instance-full`, `too-many-requests`).
 */
export async function createResumable(ports: ResumablePorts, wish: ResumableWish): Promise<Resumable> {
  const { store, limits, clock } = ports
  const { owner, name } = wish
  // Before anything is waited for: of uploads that begin at once, in the order in which they were asked for.
  const createdAt = clock.now()
  const item = newItemId(createdAt, owner)
  if (wish.size === 0) throw new Refused('bad-request', `“${name}” is empty.`, { name })
  if (wish.size > limits.maxFileBytes) throw fileTooLarge(limits, name)
  await expectLasting(store)
  const album = await ownAlbum(store, owner, wish.album)
  const [there] = await store.read([size(keys.albumItems(owner, album.id))])
  checkAlbumSize(limits.maxAlbumItems, there, 1)
  // What is announced takes no room before it arrives: see `checked`.
  await expectRoom(ports, owner, wish.size)
  const expiresAt = nextExpiry(clock, createdAt)
  const fresh = { id: randomToken(), offset: 0, type: null, state: '', isComplete: false }
  const upload: Resumable = { ...wish, ...fresh, item, createdAt, expiresAt }
  // First of all: whatever crashes after this, the sweep ends it.
  await liveUntil(store, upload, expiresAt)
  const outcome = await store.commit({
    writes: [
      ...openReservation(limits, upload, 0),
      set(keys.resumable(owner, upload.id), upload),
      { kind: 'rank', key: keys.uploadItems(owner, upload.id), member: item, score: 0 },
      { kind: 'increase', key: keys.usage(owner), field: 'resumable', by: 1, max: mostAtOnce },
    ],
  })
  if (outcome === 'done') return upload
  await abandonUpload(ports, upload)
  throw new Refused('too-many-requests', 'Too many uploads are in progress. Finish some of them first.', {
    limit: mostAtOnce,
    retryAfterSeconds: 60,
  })
}

const ended = () => new Refused('conflict', 'This upload has ended, or another connection took it over.')

/**
 * Adds bytes at `offset` and answers the upload as it is then; with the last byte its item is recorded. What arrived
 * before `body` threw is kept. Throws Refused: `conflict` for another offset, a completed upload, or when another
 * connection writes; `unsupported-format` ends the upload.
 */
export async function receiveBytes(
  ports: ResumablePorts,
  input: {
    owner: string
    id: string
    offset: number
    body: AsyncIterable<Buffer>
    /** Whom the bytes count for within a day. Absent: nobody. */
    sender?: Party
    /** Whom its memory counts for. Absent: nobody. */
    by?: Sharer
  },
): Promise<Resumable> {
  const { owner, id } = input
  await expectLasting(ports.store)
  return withLease(ports.store, keys.resumableLease(owner, id), async (lease) => {
    const [upload, [reserved]] = await Promise.all([
      findResumable(ports, owner, id),
      ports.store.read([value(keys.uploadBytes(owner, id))]),
    ])
    if (upload.isComplete) throw new Refused('conflict', 'This upload is complete.', { item: upload.item })
    if (upload.offset !== input.offset)
      throw new Refused('conflict', 'The upload is at another offset.', { offset: upload.offset })
    const expiresAt = nextExpiry(ports.clock, upload.createdAt)
    if (expiresAt - upload.expiresAt > heartbeatEveryMs) await liveUntil(ports.store, upload, expiresAt)
    const writer = new Writer(ports, lease, { ...upload, expiresAt })
    const room = {
      ...{ id, owner, expected: upload.size },
      sender: input.sender ?? [],
      reserved: countOf(reserved),
    }
    return writer.receive(input.body, room, input.by)
  })
}

/**
 * An upload as a client that comes back finds it. Whoever still writes to it, in any process, writes no more: the client
 * has given that connection up. One whose bytes are all there but whose item is not, for the process died in between, is
 * completed first.
 */
export async function resume(
  ports: ResumablePorts,
  { owner, id }: { owner: string; id: string },
): Promise<Resumable> {
  const before = await findResumable(ports, owner, id)
  if (before.isComplete) return before
  await endLease(ports.store, keys.resumableLease(owner, id))
  // Only now does it stand still.
  const found = await findResumable(ports, owner, id)
  if (found.isComplete || found.offset < found.size) return found
  return withLease(ports.store, keys.resumableLease(owner, id), async (lease) => {
    const upload = await findResumable(ports, owner, id)
    return upload.isComplete ? upload : new Writer(ports, lease, upload).finish()
  })
}

/** Ends an upload that is not complete, whoever writes to it: its bytes go and its room is given back. */
export async function terminate(
  ports: ResumablePorts,
  { owner, id }: { owner: string; id: string },
): Promise<void> {
  await findResumable(ports, owner, id)
  await endLease(ports.store, keys.resumableLease(owner, id))
  await withLease(ports.store, keys.resumableLease(owner, id), async () => {
    const { isComplete } = await findResumable(ports, owner, id)
    if (isComplete) throw new Refused('conflict', 'This upload is complete: it is an item of its album now.')
    await abandonUpload(ports, { owner, id })
  })
}

/** Writes to one upload, while it holds the lease. */
class Writer {
  private heartbeatAt: number
  private room: Reservation | null = null
  /** Commits that expect what is reserved, and those that change it, come one after the other. */
  private lastCommit: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly ports: ResumablePorts,
    private readonly lease: Lease,
    private upload: Resumable,
  ) {
    this.heartbeatAt = ports.clock.now()
  }

  /** `room`: what is reserved for this upload so far. */
  async receive(body: AsyncIterable<Buffer>, room: Reservation, by?: Sharer): Promise<Resumable> {
    this.room = room
    // All there, but not its item: see `resume`.
    if (this.upload.offset === this.upload.size) return this.finish()
    const pieces = body[Symbol.asyncIterator]()
    try {
      const head = this.upload.type === null ? await this.receiveHead(pieces) : []
      if (head === null) return this.upload
      await this.receiveRest(head, pieces, by)
    } finally {
      await pieces.return?.()
    }
    return this.upload.offset === this.upload.size ? this.finish() : this.upload
  }

  /** Gathers the first bytes until the type can be told. Answers them, or null when they do not suffice yet and are kept. */
  private async receiveHead(pieces: AsyncIterator<Buffer, unknown>): Promise<Buffer[] | null> {
    const { owner, id, size, name } = this.upload
    const headKey = keys.resumableHead(owner, id)
    const wanted = Math.min(headBytes, size)
    const [kept] = await this.ports.store.read([value(headKey)])
    const head: Buffer[] = kept === null ? [] : [Buffer.from(kept, 'base64')]
    let length = head[0]?.length ?? 0
    try {
      while (length < wanted) {
        const next = await pieces.next()
        if (next.done) break
        head.push(next.value)
        length += next.value.length
      }
    } finally {
      if (length < wanted && length > this.upload.offset) {
        const bytes = Buffer.concat(head).toString('base64')
        await this.record({ offset: length }, [{ kind: 'set', key: headKey, value: bytes }])
      }
    }
    if (length < wanted) return null
    try {
      this.upload = { ...this.upload, type: await tellType(this.ports, name, Buffer.concat(head)), offset: 0 }
    } catch (error) {
      if (error instanceof Refused) await abandonUpload(this.ports, this.upload)
      throw error
    }
    return head
  }

  private async receiveRest(
    head: Buffer[],
    pieces: AsyncIterator<Buffer, unknown>,
    by?: Sharer,
  ): Promise<void> {
    const { id, type, offset, owner } = this.upload
    const growing = partialObjectOf(this.upload, type?.mime ?? '')
    const isFirst = offset === 0
    for await (const { offset, state } of this.ports.resumable.append(
      growing,
      this.checked(head, pieces),
      by,
    ))
      await this.record(
        { offset, state },
        isFirst ? [{ kind: 'remove', key: keys.resumableHead(owner, id) }] : [],
      )
  }

  private async *checked(head: Buffer[], pieces: AsyncIterator<Buffer, unknown>): AsyncGenerator<Buffer> {
    let { offset } = this.upload
    for (;;) {
      const piece = head.shift() ?? (await nextOf(pieces))
      if (piece === null) return
      this.lease.check()
      offset += piece.length
      if (offset > this.upload.size) throw new Refused('bad-request', 'This is more than the upload holds.')
      const { room } = this
      if (room && offset > room.reserved) await this.inOrder(() => makeRoom(this.ports, room, offset))
      yield piece
    }
  }

  /** Notes how far the upload has come, unless it has ended or is another's by now. */
  private async record(change: Partial<Resumable>, more: readonly Write[]): Promise<void> {
    const { store, clock } = this.ports
    const { owner, id, createdAt } = this.upload
    const now = clock.now()
    if (now - this.heartbeatAt > heartbeatEveryMs) {
      this.heartbeatAt = now
      const expiresAt = nextExpiry(clock, createdAt)
      await liveUntil(store, this.upload, expiresAt)
      this.upload = { ...this.upload, expiresAt }
    }
    const upload = { ...this.upload, ...change }
    const outcome = await this.inOrder(() =>
      store.commit({
        expect: [
          this.lease.holds,
          { key: keys.uploadBytes(owner, id), value: String(this.room?.reserved ?? 0) },
        ],
        writes: [set(keys.resumable(owner, id), upload), ...more],
      }),
    )
    if (outcome !== 'done') throw ended()
    this.upload = upload
  }

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.lastCommit.then(work)
    this.lastCommit = mine.catch(() => {})
    return mine
  }

  /** Makes an item of an upload whose bytes are all there: once, however often it is tried. */
  async finish(): Promise<Resumable> {
    const { ports, upload } = this
    const { id, owner, album, item, name, folder, type, createdAt } = upload
    if (type === null) throw new Error('An upload whose bytes are all there has no type')
    // Seen from here on, and maybe old enough to be taken for an orphan before its item is recorded.
    await ports.store.commit({
      writes: [{ kind: 'set', key: keys.prefixOwner(objects.ofItem(item)), value: owner }],
    })
    const original = await ports.resumable.complete(partialObjectOf(upload, type.mime))
    // Remembered for a client that missed the answer: what the file was called is the item's alone from here on.
    const complete: Resumable = { ...upload, name: '', folder: null, isComplete: true }
    const record = recordText(complete)
    try {
      await addItems(ports, {
        owner,
        album,
        upload,
        received: [{ id: item, name, folder, type, original, createdAt, firstLook: null }],
        alsoWrite: [
          ...forgetResumable(upload),
          { kind: 'set', key: keys.resumable(owner, id), value: record, expiresInMs: rememberMs },
        ],
      })
    } catch (error) {
      // The album is gone or full: these bytes will never be an item.
      if (error instanceof Refused && error.reason !== 'conflict') await abandonUpload(ports, upload)
      throw error
    }
    return complete
  }
}
