import { crc32 } from 'node:zlib'
import { metadataPolicies } from '../../../media/types.ts'
import type { Bucket, Ports } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { enqueueBundles } from '../../preparing/bundle.ts'
import { rank } from '../../records/store/change.ts'
import { updateAlbum } from '../../albums/album.ts'
import { changedInStorageText } from '../../items/failure.ts'
import { keys, objects } from '../../records/keys.ts'
import { enqueuePreparing, notePreparing, recordPrepared } from '../../preparing/prepare.ts'
import { readRecord } from '../../records/read-records.ts'
import { albumSchema, copyPolicies, itemSchema, renditionNames } from '../../records/records.ts'
import type { Album, Copy, CopyPolicy, Item, RenditionName, StoredObject } from '../../records/records.ts'
import { enqueue, note, toPlay } from '../../records/store/outbox.ts'

/** An object whose bytes are not those that its record tells of. Nothing may be made of it. */
export class WrongBytes extends Error {
  override readonly name = 'WrongBytes'

  constructor(readonly object: Recorded) {
    super(`the bytes of ${object.key} are not those that were stored`)
  }
}

/** An object that a record tells of. */
export interface Recorded {
  readonly key: string
  readonly stored: StoredObject
}

/** Every object of an item that is not known to be wrong, in an order that stays. */
export function objectsOfItem(item: Item): Recorded[] {
  const { id, original, copies, motion, renditions } = item
  const found: (Recorded | null)[] = [
    recorded(objects.original(id), original),
    ...copyPolicies.map((policy) => copyOf(objects.copy(id, policy), copies[policy])),
    ...renditionNames.map((name) => recorded(objects.rendition(id, name), renditions[name])),
  ]
  if (motion)
    found.push(
      recorded(objects.motionOriginal(id), motion.original),
      ...copyPolicies.map((policy) => copyOf(objects.motionCopy(id, policy), motion.copies[policy])),
    )
  return found.filter((object) => object !== null)
}

export function objectsOfAlbum({ id, bundles, card }: Album): Recorded[] {
  const found: (Recorded | null)[] = [
    ...metadataPolicies.map((policy) => {
      const bundle = bundles[policy]
      return bundle ? recorded(objects.bundle(id, policy, bundle.version), bundle) : null
    }),
    card && recorded(objects.card(id, card.version), card),
  ]
  return found.filter((object) => object !== null)
}

const recorded = (key: string, stored: StoredObject | undefined): Recorded | null =>
  stored && !stored.isWrong ? { key, stored } : null

const copyOf = (key: string, copy: Copy | undefined): Recorded | null =>
  copy?.state === 'clean' ? recorded(key, copy) : null

/** What is recorded of the objects under a bucket prefix (`items/<item>`, `albums/<album>`); null where there is no record. */
export async function recordedUnder(
  { store }: Pick<Ports, 'store'>,
  prefix: string,
): Promise<{ readonly owner: string; readonly objects: Recorded[] } | null> {
  const [owner] = await store.read([value(keys.prefixOwner(prefix))])
  const [kind, id = ''] = prefix.split('/')
  if (owner === null) return null
  if (kind === 'items') {
    const item = await readRecord(store, itemSchema, keys.item(owner, id))
    return item && { owner, objects: objectsOfItem(item) }
  }
  const album = await readRecord(store, albumSchema, keys.album(owner, id))
  return album && { owner, objects: objectsOfAlbum(album) }
}

/** How far the reading of one object has come. */
export interface Reading {
  readonly offset: number
  readonly crc32: number
}

export const readingBegins: Reading = { offset: 0, crc32: 0 }

export type Verdict = 'right' | 'wrong' | 'missing'

/**
 * Reads up to `most` bytes of an object on from where `reading` is. Returns the verdict once all of it was read, else how
 * far it came. Size and CRC-32 are compared: a CRC can go on later and in another process, which a SHA-256 cannot.
 */
export async function readOn(
  bucket: Pick<Bucket, 'open'>,
  { key, stored }: Recorded,
  { offset, crc32: before }: Reading = readingBegins,
  most = Infinity,
): Promise<Verdict | Reading> {
  const size = stored.size
  const end = Math.min(size, offset + most)
  let opened
  try {
    opened = await bucket.open(key, end > offset ? { start: offset, end: end - 1 } : undefined)
  } catch (error) {
    // It is shorter than the range that was asked for.
    if (error instanceof RangeError) return 'wrong'
    throw error
  }
  if (opened === null) return 'missing'
  const { body } = opened
  if (opened.size !== size) {
    body.destroy()
    return 'wrong'
  }
  let crc = before
  let at = offset
  const pieces: AsyncIterable<Buffer> = body
  for await (const piece of pieces) {
    crc = crc32(piece, crc)
    at += piece.length
  }
  if (at !== end) throw new Error(`${key} broke off`)
  if (at < size) return { offset: at, crc32: crc }
  return crc === stored.crc32 ? 'right' : 'wrong'
}

/** Whether the object is as recorded, read once from its beginning to its end. */
const verdictOf = async (bucket: Pick<Bucket, 'open'>, object: Recorded): Promise<Verdict> => {
  const found = await readOn(bucket, object)
  if (typeof found !== 'string') throw new Error('an object was not read to its end')
  return found
}

type Withholding = Pick<Ports, 'store' | 'bucket' | 'events' | 'queue' | 'log' | 'clock'>

/**
 * Withholds an object whose bytes are wrong, after a second look. What was made of an original is made again; an original
 * itself is withheld for good, and its owner told. Logs and counts it. Returns false where the second look found it right.
 */
export async function withholdWrong(ports: Withholding, owner: string, object: Recorded): Promise<boolean> {
  const { key } = object
  const verdict = await verdictOf(ports.bucket, object)
  if (verdict === 'right' || (verdict === 'missing' && !(await hasNeighbours(ports.bucket, key))))
    return false
  const [kind, id = '', name = ''] = key.split('/')
  const isWithheld = await (kind === 'items'
    ? withholdOfItem(ports, owner, id, name, object.stored)
    : withholdOfAlbum(ports, owner, id, key))
  // It was made again, or its record went, meanwhile.
  if (!isWithheld) return false
  ports.log.error({ key, verdict }, 'an object is not what was stored; it is withheld')
  await countWrong(ports.store)
  return true
}

/** One that is gone while others of its item are there is lost; where all are gone, the bucket may be. */
async function hasNeighbours(bucket: Bucket, key: string): Promise<boolean> {
  const prefix = key.split('/', 2).join('/')
  for await (const entry of bucket.list(`${prefix}/`)) if (entry.key !== key) return true
  return false
}

async function withholdOfItem(
  ports: Withholding,
  owner: string,
  id: string,
  name: string,
  wrong: StoredObject,
): Promise<boolean> {
  // Noted before the record is changed: whatever crashes after this, the sweep finds it.
  const before = await readRecord(ports.store, itemSchema, keys.item(owner, id))
  if (!before) return false
  await notePreparing(ports, [before])
  if (name === 'playable' || name === 'motion') await note(ports, [toPlay(before)])
  let isWithheld = false
  const item = await recordPrepared(ports, owner, id, (found) => {
    const changed = withoutWrong(found, name, wrong.sha256)
    isWithheld = changed !== found
    return changed
  })
  if (!item) return false
  await enqueuePreparing(ports, [item])
  if (name === 'playable' || name === 'motion') await enqueue(ports, [toPlay(item)])
  return isWithheld
}

/** The record without what is wrong: `name` is the object's under the item's prefix. */
function withoutWrong(item: Item, name: string, sha256: string): Item {
  if (name === 'original' && item.original.sha256 === sha256)
    return {
      ...item,
      // One that nobody has looked at yet has nothing to show.
      state: item.state === 'ready' ? 'ready' : 'failed',
      reason: changedInStorageText,
      original: { ...item.original, isWrong: true },
      copies: withheldWhereMissing(item.copies),
    }
  const { motion } = item
  if (motion && name === 'motion-original' && motion.original.sha256 === sha256)
    return {
      ...item,
      reason: changedInStorageText,
      motion: {
        ...motion,
        original: { ...motion.original, isWrong: true },
        copies: withheldWhereMissing(motion.copies),
      },
    }
  for (const policy of copyPolicies) {
    if (name === policy && isOf(item.copies[policy], sha256))
      return { ...item, copies: withoutCopy(item.copies, policy, item.original) }
    if (motion && name === `motion-${policy}` && isOf(motion.copies[policy], sha256))
      return { ...item, motion: { ...motion, copies: withoutCopy(motion.copies, policy, motion.original) } }
  }
  const rendition = renditionNames.find((known) => known === name)
  if (rendition && item.renditions[rendition]?.sha256 === sha256) return withoutRendition(item, rendition)
  // It was made again meanwhile.
  return item
}

const isOf = (copy: Copy | undefined, sha256: string): boolean =>
  copy?.state === 'clean' && copy.sha256 === sha256

const lost: Copy = { state: 'withheld', reason: changedInStorageText }

const withheldWhereMissing = (copies: Item['copies']): Item['copies'] => ({
  'no-location': copies['no-location'] ?? lost,
  none: copies.none ?? lost,
})

/** To be made again of an original that is right. */
function withoutCopy(copies: Item['copies'], policy: CopyPolicy, original: StoredObject): Item['copies'] {
  const others = { ...copies }
  delete others[policy]
  return original.isWrong ? { ...others, [policy]: lost } : others
}

function withoutRendition(item: Item, name: RenditionName): Item {
  const renditions = { ...item.renditions }
  delete renditions[name]
  const isLook = name !== 'playable' && name !== 'motion'
  const isMadeAnew = isLook && item.state === 'ready' && !item.original.isWrong
  return { ...item, renditions, ...(isMadeAnew ? { state: 'uploaded' } : {}) }
}

async function withholdOfAlbum(ports: Withholding, owner: string, id: string, key: string): Promise<boolean> {
  let isWithheld = false
  await updateAlbum(ports.store, owner, id, (album) => {
    const card = album.card && objects.card(id, album.card.version) === key ? null : album.card
    const bundles = { ...album.bundles }
    for (const policy of metadataPolicies) {
      const bundle = bundles[policy]
      if (bundle && objects.bundle(id, policy, bundle.version) === key) delete bundles[policy]
    }
    const changed = { ...album, card, bundles }
    isWithheld = objectsOfAlbum(changed).length < objectsOfAlbum(album).length
    return changed
  })
  await enqueueBundles(ports, owner, [id])
  return isWithheld
}

/** Objects that were found wrong, ever, by any process. */
export async function wrongObjects({ store }: Pick<Ports, 'store'>): Promise<number> {
  const [fields] = await store.read([{ kind: 'fields', key: keys.integrity }])
  return Number(fields['wrong'] ?? 0)
}

const countWrong = (store: Ports['store']) =>
  store.commit({ writes: [{ kind: 'increase', key: keys.integrity, field: 'wrong', by: 1 }] })

/** Has the scrub look at an object's prefix in its next run: whoever reads something that cannot be right asks for it. */
export async function suspect(
  { store, log }: Pick<Ports, 'store' | 'log'>,
  key: string,
  error: unknown,
): Promise<void> {
  log.error({ err: error, key }, 'an object may not be what was stored; it will be checked')
  const prefix = key.split('/', 2).join('/')
  await store
    .commit({ writes: [rank(keys.unchecked, prefix, 0)] })
    .catch((failure: unknown) => log.warn({ err: failure, key }, 'the check could not be noted'))
}
