import { createHash, randomBytes } from 'node:crypto'
import { sortedToken } from '../records/tokens.ts'

/** The moment in the id that this process made last, in milliseconds. */
let latest = 0

/**
 * An id for an item of `owner`; it sorts after all that this process made before. Whatever is put in order by dates
 * (an album, its ZIP, the library) has ids as its last resort, and so keeps files of one date, or of none, in the
 * order in which they were sent. 48 bits of it are a moment, 80 are random.
 */
export function newItemId(now: number, owner: string): string {
  latest = Math.max(now, latest + 1)
  const id = randomBytes(16)
  id.writeUIntBE(latest + shiftOf(owner), 0, 6)
  return sortedToken(id)
}

/** What hides from visitors when an item was sent: they see its id, and never its owner's. */
const shiftOf = (owner: string): number =>
  createHash('sha256').update(`item ids of ${owner}`).digest().readUIntBE(0, 6) % 2 ** 47
