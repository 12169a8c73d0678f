import type { Store } from '../../ports.ts'
import { value } from '../../ports.ts'
import { Refused, notFound } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { readRecord } from '../records/read-records.ts'
import { networksOf } from '../records/limits/network.ts'
import { entranceSchema, linkSchema, parseRecord, type Entrance } from '../records/records.ts'
import { hashToken, tokenPattern } from '../records/tokens.ts'
import { countTry, type TryLimit } from '../records/limits/tries.ts'
import { readWasHere } from './return-marks.ts'

/** Wrong secrets that one address may try within a window, in seconds, before it is held up. */
export const wrongSecrets = 30
const windowSeconds = 60

const heldUp = (retryAfterSeconds: number) =>
  new Refused('too-many-requests', 'Too many links that do not exist. Wait a little, then try again.', {
    retryAfterSeconds,
  })

/** Who knocks, and with what. */
export interface EntranceRequest {
  readonly secret: string
  /** The caller's network address; absent: nothing is counted. */
  readonly address?: string | null
  /** The mark that this browser holds of having been inside of the link with this id, if any. */
  markOf?(link: string): string | null
}

/** Guesses count for the widest network that one customer may have: of IPv6 that of 48 bits. */
const guesses = (address: string): string => keys.wrongSecrets(networksOf(address).at(-1)?.name ?? '')

/** What `decideEntrance` is to be answered. */
export const entranceQueries = ({ secret, address }: EntranceRequest) =>
  [value(keys.entrance(hashToken(secret))), value(guesses(address ?? ''))] as const

/**
 * Finds what a secret leads to. Whoever (by network address; without one nothing is counted) has tried too many that lead
 * nowhere is held up for a while, also with one that a person chose and that is right, or the answers would tell
 * which ones are. A random secret that is right is let through all the same: nobody finds one by guessing, and
 * an address may be many people's. So is a browser that was inside before.
 *
 * Throws Refused (`unknown`, `too-many-requests`).
 */
export async function findEntrance(store: Store, guess: EntranceRequest): Promise<Entrance> {
  return decideEntrance(store, guess, await store.read(entranceQueries(guess)))
}

/** As `findEntrance`, from what the store answered to `entranceQueries`. */
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

/** Whether this browser was inside of the link before, by a mark that only one who was can hold. */
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

/** Names of links that one address may try to take within an hour: the answer tells whether one exists. */
const namesTried: TryLimit = { most: 30, windowSeconds: 3600 }

/** Counts a try to take a chosen secret. Throws Refused('too-many-requests'). */
export const countCustomSlug = (store: Store, address: string): Promise<void> =>
  countTry(
    store,
    networksOf(address),
    keys.namesTried,
    namesTried,
    'Too many names were tried. Wait a while, or take a random link.',
  )
