import { LRUCache } from 'lru-cache'
import type { Clock, Key, Store } from '../../ports.ts'
import { ranks, value } from '../../ports.ts'
import { Refused, unknown } from '../records/errors.ts'
import { decideEntrance, entranceQueries, findEntrance } from './entrance.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import {
  albumSchema,
  itemSchema,
  linkSchema,
  parseRecord,
  parseRecords,
  type Album,
  type Entrance,
  type Item,
  type Link,
} from '../records/records.ts'
import { hashToken } from '../records/tokens.ts'

/** What a visitor shows at the door: the secret from the address, and the session token of this link's cookie. */
export interface Knock {
  readonly secret: string
  /** Answers the session token that this browser holds for the link with this id, if any. */
  sessionOf(link: string): string | null
  /** The caller's network address: guessing is counted by it. Absent: one of our own, such as a running download. */
  readonly address?: string
  /** The mark that this browser holds of having been inside of the link with this id, if any. */
  markOf?(link: string): string | null
  /** Whether this browser's person declined the link with this id. Absent: no. */
  hasDeclined?(link: string): boolean
}

/** What the gate lets through: a link that is open now, to this visitor. */
export interface Visit {
  readonly link: Link
}

type Ports = { readonly store: Store; readonly clock: Clock }

export type LinkState = 'open' | 'expired' | 'stopped'

/** The date is looked at on each request: a link ends on time also when no worker runs. */
export function linkState(link: Link, now: number): LinkState {
  if (link.stoppedAt !== null) return 'stopped'
  return now < link.expiresAt ? 'open' : 'expired'
}

/** The session value that the store holds for a visitor who gave the password; dies when the password changes. */
export const sessionValue = (link: Link): string => String(link.password?.version ?? 0)

/** What the store says of a link at the gate. */
interface Door {
  /** Answers to `entranceQueries`. */
  readonly entrance: readonly [string | null, string | null]
  readonly link: string | null
  readonly session: string | null
}

const doorQueries = (knock: Knock, entrance: Entrance) => {
  const token = knock.sessionOf(entrance.link)
  return [
    ...entranceQueries(knock),
    value(keys.link(entrance.owner, entrance.link)),
    value(keys.session(entrance.owner, entrance.link, token === null ? 'none' : hashToken(token))),
  ] as const
}

/**
 * The gate: every visitor's route passes here, and nothing else opens a link. Throws Refused with `unknown` (no
 * such link), `link-ended` (expired or stopped), `link-declined` (shut in this browser by its own person) or
 * `link-locked` (a password that this visitor has not given).
 */
function judge(clock: Clock, knock: Knock, entrance: Entrance, door: Door): Visit {
  const link = parseRecord(linkSchema, keys.link(entrance.owner, entrance.link), door.link)
  // A secret that was taken anew leaves its old link behind: only the link that it belongs to now counts.
  if (!link || link.secretHash !== hashToken(knock.secret)) throw unknown('link')
  if (linkState(link, clock.now()) !== 'open') throw new Refused('link-ended', 'This link has ended.')
  if (knock.hasDeclined?.(link.id)) throw new Refused('link-declined', 'You declined this link.')
  const token = knock.sessionOf(entrance.link)
  if (link.password && (token === null || door.session !== sessionValue(link)))
    throw new Refused('link-locked', 'This link asks for a password.', { link: link.id })
  return { link }
}

/** Where a secret led the last time, and which albums that link opened then. */
interface Guess extends Entrance {
  readonly albums: readonly string[]
}

/** By the secrets' hashes: guesses that spare a round trip. What is read by one says itself whether it was right. */
const guesses = new WeakMap<Store, LRUCache<string, Guess>>()
const mostGuesses = 20_000

function guessesOf(store: Store): LRUCache<string, Guess> {
  const known = guesses.get(store) ?? new LRUCache<string, Guess>({ max: mostGuesses })
  guesses.set(store, known)
  return known
}

/** Passes the gate with what `ask` reads there together with the door: in one round trip, where the secret came before. */
async function pass<T>(
  { store, clock }: Ports,
  knock: Knock,
  ask: (guess: Guess) => Promise<{ door: Door; found: T }>,
): Promise<{ visit: Visit; found: T }> {
  const known = guessesOf(store)
  const hash = hashToken(knock.secret)
  const guess = known.get(hash)
  if (guess) {
    const { door, found } = await ask(guess)
    const entrance = await decideEntrance(store, knock, door.entrance)
    if (entrance.link === guess.link && entrance.owner === guess.owner)
      return { visit: judge(clock, knock, entrance, door), found }
  }
  const entrance = await findEntrance(store, knock)
  const fresh = { ...entrance, albums: [] }
  known.set(hash, fresh)
  const { door, found } = await ask(fresh)
  return { visit: judge(clock, knock, entrance, door), found }
}

/** Passes the gate. */
export async function enter(ports: Ports, knock: Knock): Promise<Visit> {
  const { visit } = await pass(ports, knock, async (at) => {
    const [raw, wrong, link, session] = await ports.store.read(doorQueries(knock, at))
    return { door: { entrance: [raw, wrong], link, session }, found: null }
  })
  return visit
}

/**
 * Passes the gate and finds one item behind it. Throws Refused as the gate does, and `unknown` for an item that
 * the link does not open: another album's, a private one, one that is gone.
 */
export async function enterForItem(
  ports: Ports,
  knock: Knock,
  id: string,
): Promise<{ visit: Visit; item: Item }> {
  const { visit, found } = await pass(ports, knock, async (at) => {
    const [raw, wrong, link, session, rawItem, albums] = await ports.store.read([
      ...doorQueries(knock, at),
      value(keys.item(at.owner, id)),
      ranks(keys.itemAlbums(at.owner, id)),
    ])
    return { door: { entrance: [raw, wrong], link, session }, found: { rawItem, albums } }
  })
  const item = parseRecord(itemSchema, keys.item(visit.link.owner, id), found.rawItem)
  const isOpened = found.albums.some(({ member }) => visit.link.albums.includes(member))
  if (!item || item.isPrivate || !isOpened) throw unknown('item')
  return { visit, item }
}

const albumKeysOf = ({ owner, albums }: Link): Key[] => albums.map((album) => keys.album(owner, album))

/** The albums that a link opens, in its order; those that are gone or unreadable are left out. */
export async function albumsOf(store: Store, { link }: Visit): Promise<Album[]> {
  return readRecordsThere(store, albumSchema, albumKeysOf(link))
}

/** Passes the gate and reads the albums behind it: in one round trip, where the secret came before and its link opens what it did then. */
export async function enterWithAlbums(
  ports: Ports,
  knock: Knock,
): Promise<{ visit: Visit; albums: Album[] }> {
  const { visit, found } = await pass(ports, knock, async (guess) => {
    const [raw, wrong, link, session, ...rawAlbums] = await ports.store.read([
      ...doorQueries(knock, guess),
      ...guess.albums.map((album) => value(keys.album(guess.owner, album))),
    ])
    return { door: { entrance: [raw, wrong], link, session }, found: { guess, rawAlbums } }
  })
  const { guess, rawAlbums } = found
  const { albums } = visit.link
  if (albums.length === guess.albums.length && albums.every((album, at) => album === guess.albums[at]))
    return {
      visit,
      albums: parseRecords(albumSchema, albumKeysOf(visit.link), rawAlbums).filter((album) => album !== null),
    }
  guessesOf(ports.store).set(hashToken(knock.secret), { ...guess, albums })
  return { visit, albums: await albumsOf(ports.store, visit) }
}

/** The link of a download that began, where it may go on: the same questions as at the gate; nothing is counted. */
export async function linkThatStillLetsIn(ports: Ports, knock: Knock): Promise<Link | null> {
  try {
    const { secret } = knock
    return (await enter(ports, { secret, sessionOf: (link) => knock.sessionOf(link) })).link
  } catch (error) {
    if (error instanceof Refused) return null
    throw error
  }
}
