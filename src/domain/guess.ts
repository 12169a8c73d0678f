import type { Store } from '../ports.ts'
import { value } from '../ports.ts'
import { Refused, unknown } from './errors.ts'
import { keys } from './keys.ts'
import { entranceSchema, parseRecord, type Entrance } from './records.ts'
import { hashToken, tokenPattern } from './tokens.ts'

/** Wrong secrets that one address may try within a window, in seconds, before it is held up. */
export const wrongSecrets = 30
const windowSeconds = 60

const guessesOf = (address: string): string => `guess:${hashToken(address)}`

const heldUp = (retryAfterSeconds: number) =>
  new Refused('too-many-requests', 'Too many links that do not exist. Wait a little, then try again.', {
    retryAfterSeconds,
  })

/** Who knocks, and with what. */
export interface Guess {
  readonly secret: string
  /** The caller's network address; absent: nothing is counted. */
  readonly address?: string | null
}

/** What `decideEntrance` is to be answered. */
export const entranceQueries = ({ secret, address }: Guess) =>
  [value(keys.entrance(hashToken(secret))), value(guessesOf(address ?? ''))] as const

/**
 * Finds what a secret leads to. Whoever (by network address; without one nothing is counted) has tried too many that lead
 * nowhere is held up for a while, also with one that a person chose and that is right, or the answers would tell
 * which ones are. A random secret that is right is let through all the same: nobody finds one by guessing, and
 * an address may be many people's.
 *
 * Throws Refused (`unknown`, `too-many-requests`).
 */
export async function findEntrance(store: Store, guess: Guess): Promise<Entrance> {
  return decideEntrance(store, guess, await store.read(entranceQueries(guess)))
}

/** As `findEntrance`, from what the store answered to `entranceQueries`. */
export async function decideEntrance(
  store: Store,
  { secret, address = null }: Guess,
  [raw, guesses]: readonly [string | null, string | null],
): Promise<Entrance> {
  const entrance = parseRecord(entranceSchema, raw)
  const isHeldUp = address !== null && Number(guesses ?? 0) >= wrongSecrets
  if (entrance && !(isHeldUp && !tokenPattern.test(secret))) return entrance
  if (address === null) throw unknown('link')
  const { allowed, retryAfterSeconds } = await store.hit(guessesOf(address), wrongSecrets, windowSeconds)
  if (!allowed) throw heldUp(retryAfterSeconds)
  throw unknown('link')
}

/** Names of links that one address may try to take within an hour: the answer tells whether one exists. */
const namesTried = 30

/** Counts a try to take a chosen secret. Throws Refused('too-many-requests'). */
export async function countChosenSecret(store: Store, address: string): Promise<void> {
  const { allowed, retryAfterSeconds } = await store.hit(`choose:${hashToken(address)}`, namesTried, 3600)
  if (!allowed)
    throw new Refused(
      'too-many-requests',
      'Too many names were tried. Wait a while, or take a random link.',
      {
        retryAfterSeconds,
      },
    )
}
