import type { MediaType } from '../../media/types.ts'
import type { Limits, Ports } from '../../ports.ts'
import { Refused } from '../records/errors.ts'
import { newItemId } from '../items/item-id.ts'
import type { Received } from '../items/item.ts'
import { keys, objects } from '../records/keys.ts'
import { count, type Upload, type UploadPorts } from '../records/limits/reservation.ts'

/** How much of a file's beginning may be needed to detect its type, in bytes. */
export const headBytes = 64 * 1024

/** A file as it arrives. `name` and `folder` are already safe for display. */
export interface Incoming {
  readonly name: string
  readonly folder: string | null
  readonly body: AsyncIterable<Buffer>
  /** Called when the whole body has been received (not yet stored), or has failed. */
  readonly onReceived?: () => void
}

type ReceivingPorts = UploadPorts & Pick<Ports, 'bucket' | 'sniff' | 'firstLook'>

/** Reads up to `headBytes` from `pieces`, without joining them. */
async function takeHead(pieces: AsyncIterator<Buffer, unknown>): Promise<Buffer[]> {
  const head: Buffer[] = []
  for (let length = 0; length < headBytes;) {
    const next = await pieces.next()
    if (next.done) break
    head.push(next.value)
    length += next.value.length
  }
  return head
}

/**
 * The pieces of a file, `head` first. Reserves more room as needed. Throws Refused if the file is too large
 * or no room is left.
 */
async function* counted(
  ports: UploadPorts,
  upload: Upload,
  { name, onReceived }: Incoming,
  head: readonly Buffer[],
  pieces: AsyncIterator<Buffer, unknown>,
): AsyncGenerator<Buffer> {
  let size = 0
  try {
    for (let at = 0; ; at += 1) {
      const piece = head[at] ?? (await nextOf(pieces))
      if (piece === null) return
      size += piece.length
      if (size > ports.limits.maxFileBytes) throw fileTooLarge(ports.limits, name)
      await count(ports, upload, piece.length)
      yield piece
    }
  } finally {
    onReceived?.()
  }
}

export async function nextOf(pieces: AsyncIterator<Buffer, unknown>): Promise<Buffer | null> {
  const next = await pieces.next()
  return next.done ? null : next.value
}

/** Ids are reserved in batches: as many as were reserved before, up to this number. */
const mostIds = 32

/**
 * The id for the next file, noted before its first byte is written, so that the sweep can find the bytes after a
 * crash. Ids are given in the order of calls: items of one date are sorted by id.
 */
function nextId(ports: UploadPorts, upload: Upload): Promise<string> {
  const id = upload.lastId.then(async () => {
    const next = upload.ids.shift()
    if (next !== undefined) return next
    return noteIds(ports, upload)
  })
  // The caller of `nextId` gets the error.
  upload.lastId = id.catch(() => {})
  return id
}

async function noteIds({ store, clock }: UploadPorts, upload: Upload): Promise<string> {
  const { owner, id, idsReserved } = upload
  const count = Math.min(Math.max(idsReserved, 1), mostIds)
  const ids = Array.from({ length: count }, () => newItemId(clock.now(), owner))
  const key = keys.uploadItems(owner, id)
  await store.commit({ writes: ids.map((member) => ({ kind: 'rank', key, member, score: 0 })) })
  upload.idsReserved += count
  const [first = '', ...rest] = ids
  upload.ids = rest
  return first
}

/**
 * Streams one file into the bucket, detects its type and counts it on the way. Throws Refused
 * (`unsupported-format`, `file-too-large`, `owner-quota`, `instance-full`) and then leaves nothing of the file. The caller
 * must end the body.
 */
export async function storeFile(
  ports: ReceivingPorts,
  upload: Upload,
  incoming: Incoming,
): Promise<Received> {
  const { name, folder } = incoming
  const pieces = incoming.body[Symbol.asyncIterator]()
  const head = await takeHead(pieces)
  const start = Buffer.concat(head)
  const type = await tellType(ports, name, start)
  const id = await nextId(ports, upload)
  const body = counted(ports, upload, incoming, head, pieces)
  const original = await ports.bucket.put(objects.original(id), body, { mime: type.mime })
  const firstLook = await ports.firstLook(start, type)
  return { id, name, folder, type, original, firstLook }
}

export const fileTooLarge = ({ maxFileBytes }: Limits, name: string) =>
  new Refused('file-too-large', `“${name}” is larger than this server takes.`, { name, limit: maxFileBytes })

/** Whether `tellType` rejected a file as empty or as no photo or video. The other files of the form are not affected. */
export const isOfWrongKind = (error: unknown): error is Refused =>
  error instanceof Refused &&
  (error.reason === 'unsupported-format' || (error.reason === 'bad-request' && 'name' in error.details))

/** Throws Refused (`bad-request`, `unsupported-format`). */
export async function tellType(ports: Pick<Ports, 'sniff'>, name: string, head: Buffer): Promise<MediaType> {
  if (head.length === 0) throw new Refused('bad-request', `“${name}” is empty.`, { name })
  const type = await ports.sniff(head)
  if (type) return type
  throw new Refused('unsupported-format', `“${name}” is not a photo or video that Mayfly knows.`, { name })
}
