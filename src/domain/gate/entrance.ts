import type { Store } from '../../ports.ts'
import { value } from '../../ports.ts'
import { Refused, notFound } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { readRecord } from '../records/read-records.ts'
import { networksOf } from '../records/limits/network.ts'
import { entranceSchema, linkSchema, parseRecord, type Entrance } from '../records/records.ts'
import { hashToken, tokenPattern } from '../records/tokens.ts'
import { readWasHere } from './return-marks.ts'

/** Wrong secrets that one address may try within a window (in seconds) before it must wait. */
export const wrongSecrets = 30
const windowSeconds = 60

const heldUp = (retryAfterSeconds: number) =>
  new Refused('too-many-requests', 'Too many links that do not exist. Wait a little, then try again.', {
    retryAfterSeconds,
  })

/** A secret and who presents it. */
export interface EntranceRequest {
  readonly secret: string
  /** The caller's network address; absent: nothing is counted. */
  readonly address?: string | null
  /** The mark that this browser holds of having been inside of the link with this id, if any. */
  markOf?(link: string): string | null
}

/** Guesses count for the largest network that one customer may have: an IPv6 /48. */
const guesses = (address: string): string => keys.wrongSecrets(networksOf(address).at(-1)?.name ?? '')

/** The queries whose answers `decideEntrance` needs. */
export const entranceQueries = ({ secret, address }: EntranceRequest) =>
  [value(keys.entrance(hashToken(secret))), value(guesses(address ?? ''))] as const

/**
 * Finds the link of a secret. A network address that has tried too many wrong secrets must wait (without an address nothing
 * is counted). It must wait even with a right slug, or the answers would tell
 * which slugs exist. A right random secret still works: nobody finds one by guessing, and
 * many people may share an address. So does a browser that was let in before.
 *
 * Throws Refused (`unknown`, `too-many-requests`).
 */
export async function findEntrance(store: Store, guess: EntranceRequest): Promise<Entrance> {
  return decideEntrance(store, guess, await store.read(entranceQueries(guess)))
}

/** Like `findEntrance`, with the store's answers to `entranceQueries`. */
export async function decideEntrance(
  store: Store,
  guess: EntranceRequest,
  [raw, wrong]: readonly [string | null, string | null],
): Promise<Entrance> {
  const { secret, address = null } = guess
  const entrance = parseRecord(entranceSchema, keys.entrance(hashToken(secret)), raw)
  const isHeldUp = address !== null && Number(wrong ?? 0) >= wrongSecrets
  if (entrance && (!isHeldUp || tokenPattern.test(secret) || (await wasInside(store, guess, entrance))))
    return entrance
  if (address === null) throw notFound('link')
  const { allowed, retryAfterSeconds } = await store.hit(guesses(address), wrongSecrets, windowSeconds)
  if (!allowed) throw heldUp(retryAfterSeconds)
  throw notFound('link')
}

/** Whether this browser holds a valid mark of having been let in before. */
async function wasInside(
  store: Store,
  guess: EntranceRequest,
  { owner, link: id }: Entrance,
): Promise<boolean> {
  const mark = guess.markOf?.(id) ?? null
  if (mark === null) return false
  const link = await readRecord(store, linkSchema, keys.link(owner, id))
  return link !== null && link.secretHash === hashToken(guess.secret) && readWasHere(link, mark) !== null
}
