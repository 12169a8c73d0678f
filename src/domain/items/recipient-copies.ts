import type { MetadataPolicy } from '../../media/types.ts'
import { Refused } from '../records/errors.ts'
import { changedInStorageText } from './failure.ts'
import { objects } from '../records/keys.ts'
import type { Copy, CopyPolicy, Item, StoredObject } from '../records/records.ts'

/** One file that a recipient may download: where its bytes are, and their size and hashes. */
export interface Download extends Pick<StoredObject, 'size' | 'crc32' | 'sha256'> {
  readonly key: string
  readonly name: string
  readonly mime: string
}

type Held = { readonly state: 'clean' } & StoredObject

function cleanCopy(copies: { [K in CopyPolicy]?: Copy | undefined }, policy: CopyPolicy, item: Item): Held {
  const copy = copies[policy]
  if (copy === undefined) throw notMadeYet(item.id)
  if (copy.state === 'withheld')
    throw copy.reason === changedInStorageText ? changedInStorage(item.id) : withheld(item.id)
  return copy
}

function rightOriginal(original: StoredObject, { id }: Item): StoredObject {
  if (original.isWrong) throw changedInStorage(id)
  return original
}

/** What a recipient hears of a file whose bytes in the bucket are no longer those that were sent. */
export const changedInStorage = (item: string): Refused =>
  new Refused('changed-in-storage', 'This file was changed in storage, so it is withheld.', { item })

/** What a recipient hears of an item's copy that is still being made. */
export const notMadeYet = (item: string): Refused =>
  new Refused('not-ready', 'This file is still being prepared. Try again in a moment.', { item })

/** What a recipient hears of an item's copy that could not be made clean. */
export const withheld = (item: string): Refused =>
  new Refused('withheld', 'The location in this file cannot be removed, so the file is withheld.', { item })

/**
 * What a recipient downloads of an item under a metadata policy: one file, or the two of a Live Photo. Throws
 * Refused: `not-ready` while the copy is being made, `withheld` when it could not be made clean. Another
 * policy's file never stands in for it.
 */
export function downloadsOf(item: Item, policy: MetadataPolicy): Download[] {
  if (item.state === 'failed') throw new Refused('unknown', 'There is no such item.')
  const still =
    policy === 'everything' ? rightOriginal(item.original, item) : cleanCopy(item.copies, policy, item)
  const files = [describe(still, objects.copy(item.id, policy), item.name, item.type.mime)]
  if (item.motion) {
    const { motion } = item
    const video =
      policy === 'everything' ? rightOriginal(motion.original, item) : cleanCopy(motion.copies, policy, item)
    files.push(describe(video, objects.motionCopy(item.id, policy), motion.name, motion.type.mime))
  }
  return files
}

const describe = (
  { size, crc32, sha256 }: StoredObject,
  key: string,
  name: string,
  mime: string,
): Download => ({
  key,
  name,
  mime,
  size,
  crc32,
  sha256,
})

/** Whether a visitor may see an item at all. */
export const isShown = (item: Item): boolean => !item.isPrivate && item.state !== 'failed'

/** Whether `downloadsOf` would answer now. */
export function isDownloadable(item: Item, policy: MetadataPolicy): boolean {
  if (!isShown(item)) return false
  if (policy === 'everything') return !item.original.isWrong && !item.motion?.original.isWrong
  const copies = item.motion ? [item.copies[policy], item.motion.copies[policy]] : [item.copies[policy]]
  return copies.every((copy) => copy?.state === 'clean')
}

/** Whether a visitor can never download an item under `policy`, though it is shown. */
export function isWithheld(item: Item, policy: MetadataPolicy): boolean {
  if (policy === 'everything') return item.original.isWrong === true || item.motion?.original.isWrong === true
  return item.copies[policy]?.state === 'withheld' || item.motion?.copies[policy]?.state === 'withheld'
}

/** Whether what `isWithheld` tells comes from bytes that were changed in storage. */
export function isChanged(item: Item, policy: MetadataPolicy): boolean {
  if (policy === 'everything') return isWithheld(item, policy)
  return [item.copies[policy], item.motion?.copies[policy]].some(
    (copy) => copy?.state === 'withheld' && copy.reason === changedInStorageText,
  )
}
