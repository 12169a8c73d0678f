import { LRUCache } from 'lru-cache'
import type { z } from 'zod'
import type { Clock, Key, Store } from '../../ports.ts'
import { ranks, value } from '../../ports.ts'
import { Refused, notFound } from '../records/errors.ts'
import { decideEntrance, entranceQueries, findEntrance } from './entrance.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import {
  albumSchema,
  itemSchema,
  linkSchema,
  freeze,
  parseRecord,
  type Album,
  type Entrance,
  type Item,
  type Link,
} from '../records/records.ts'
import { hashToken } from '../records/tokens.ts'

/** What a visitor presents: the secret from the address, and the session token from this link's cookie. */
export interface Credentials {
  readonly secret: string
  /** Returns the session token that this browser holds for the link with this id; null if it has none. */
  sessionOf(link: string): string | null
  /** The caller's network address; guesses are counted per address. Absent for our own checks of running downloads. */
  readonly address?: string
  /** The mark that proves that this browser was let in by the link with this id before; null if it has none. */
  markOf?(link: string): string | null
  /** Whether the person at this browser declined the link with this id. Absent: no. */
  hasDeclined?(link: string): boolean
}

/** A link that is open to this visitor now. */
export interface Access {
  readonly link: Link
}

type Ports = { readonly store: Store; readonly clock: Clock }

export type LinkState = 'open' | 'expired' | 'stopped'

/** The date is checked on each request, so a link ends on time even when no worker runs. */
export function linkState(link: Link, now: number): LinkState {
  if (link.stoppedAt !== null) return 'stopped'
  return now < link.expiresAt ? 'open' : 'expired'
}

/** The value of a session in the store. It becomes invalid when the password changes. */
export const sessionValue = (link: Link): string => String(link.password?.version ?? 0)

/** What the gate reads about a link from the store. */
interface Door {
  /** Answers to `entranceQueries`. */
  readonly entrance: readonly [string | null, string | null]
  readonly link: string | null
  readonly session: string | null
}

const doorQueries = (credentials: Credentials, entrance: Entrance) => {
  const token = credentials.sessionOf(entrance.link)
  return [
    ...entranceQueries(credentials),
    value(keys.link(entrance.owner, entrance.link)),
    value(keys.session(entrance.owner, entrance.link, token === null ? 'none' : hashToken(token))),
  ] as const
}

/**
 * The gate: every visitor's route passes here, and nothing else opens a link. Throws Refused with `unknown` (no
 * such link), `link-ended` (expired or stopped), `link-declined` (the person at this browser declined it) or
 * `link-locked` (this visitor has not given the password).
 */
function checkAccess(
  clock: Clock,
  credentials: Credentials,
  entrance: Entrance,
  door: Door,
  link: Link | null,
): Access {
  // After a slug was claimed again, the old link still exists. Only the link that owns the secret now counts.
  if (!link || link.secretHash !== hashToken(credentials.secret)) throw notFound('link')
  if (linkState(link, clock.now()) !== 'open') throw new Refused('link-ended', 'This link has ended.')
  if (credentials.hasDeclined?.(link.id)) throw new Refused('link-declined', 'You declined this link.')
  const token = credentials.sessionOf(entrance.link)
  if (link.password && (token === null || door.session !== sessionValue(link)))
    throw new Refused('link-locked', 'This link asks for a password.', { link: link.id })
  return { link }
}

/** A record and the text that it was parsed from: the same text is not parsed again. */
interface Parsed<T> {
  readonly text: string
  readonly record: T
}

function parseAgain<T>(
  schema: z.ZodType<T>,
  key: Key,
  text: string | null,
  known?: Parsed<T> | null,
): Parsed<T> | null {
  if (text === null) return null
  if (known?.text === text) return known
  const record = parseRecord(schema, key, text)
  // Many requests share it.
  return record === null ? null : { text, record: freeze(record) }
}

/** Where a secret led last time, and which albums that link opened then. */
interface CachedEntrance extends Entrance {
  readonly albums: readonly string[]
  readonly linkRecord: Parsed<Link> | null
  readonly albumRecords: readonly (Parsed<Album> | null)[]
}

/** Keyed by the secret's hash. An entry saves a round trip; what is read with it shows whether it was still right. */
const entranceCaches = new WeakMap<Store, LRUCache<string, CachedEntrance>>()
const maxCached = 20_000
/** Of the records' texts, in all. */
const maxCharacters = 16 * 1024 * 1024

function entranceCacheOf(store: Store): LRUCache<string, CachedEntrance> {
  const known =
    entranceCaches.get(store) ??
    new LRUCache<string, CachedEntrance>({
      max: maxCached,
      maxSize: maxCharacters,
      sizeCalculation: ({ linkRecord, albumRecords }) =>
        [linkRecord, ...albumRecords].reduce((sum, parsed) => sum + (parsed?.text.length ?? 0), 1),
    })
  entranceCaches.set(store, known)
  return known
}

/** Authorizes, and reads what `ask` wants in the same round trip if the secret is in the cache. */
async function authorizeReading<T>(
  { store, clock }: Ports,
  credentials: Credentials,
  ask: (guess: CachedEntrance) => Promise<{ door: Door; found: T }>,
): Promise<{ access: Access; found: T }> {
  const cache = entranceCacheOf(store)
  const hash = hashToken(credentials.secret)
  const judge = (guess: CachedEntrance, door: Door): Access => {
    const parsed = parseAgain(linkSchema, keys.link(guess.owner, guess.link), door.link, guess.linkRecord)
    if (parsed !== guess.linkRecord) cache.set(hash, { ...guess, linkRecord: parsed })
    return checkAccess(clock, credentials, guess, door, parsed?.record ?? null)
  }
  const guess = cache.get(hash)
  if (guess) {
    const { door, found } = await ask(guess)
    const entrance = await decideEntrance(store, credentials, door.entrance)
    if (entrance.link === guess.link && entrance.owner === guess.owner)
      return { access: judge(guess, door), found }
  }
  const entrance = await findEntrance(store, credentials)
  const fresh = { ...entrance, albums: [], linkRecord: null, albumRecords: [] }
  cache.set(hash, fresh)
  const { door, found } = await ask(fresh)
  return { access: judge(fresh, door), found }
}

/** Lets a visitor in, or throws Refused as `checkAccess` does. */
export async function authorize(ports: Ports, credentials: Credentials): Promise<Access> {
  const { access } = await authorizeReading(ports, credentials, async (at) => {
    const [raw, wrong, link, session] = await ports.store.read(doorQueries(credentials, at))
    return { door: { entrance: [raw, wrong], link, session }, found: null }
  })
  return access
}

/**
 * Authorizes and finds one item. Throws Refused as `checkAccess` does, and `unknown` for an item that
 * the link does not open: one of another album, a private one, or one that was deleted.
 */
export async function authorizeForItem(
  ports: Ports,
  credentials: Credentials,
  id: string,
): Promise<{ access: Access; item: Item }> {
  const { access, found } = await authorizeReading(ports, credentials, async (at) => {
    const [raw, wrong, link, session, rawItem, albums] = await ports.store.read([
      ...doorQueries(credentials, at),
      value(keys.item(at.owner, id)),
      ranks(keys.itemAlbums(at.owner, id)),
    ])
    return { door: { entrance: [raw, wrong], link, session }, found: { rawItem, albums } }
  })
  const cache = itemCacheOf(ports.store)
  const known = cache.get(id)
  const parsed = parseAgain(itemSchema, keys.item(access.link.owner, id), found.rawItem, known)
  if (parsed && parsed !== known) cache.set(id, parsed)
  const item = parsed?.record
  const isOpened = found.albums.some(({ member }) => access.link.albums.includes(member))
  if (!item || item.isPrivate || !isOpened) throw notFound('item')
  return { access, item }
}

/** Items that were asked for one by one, by their ids: pictures of one page come again and again. */
const itemCaches = new WeakMap<Store, LRUCache<string, Parsed<Item>>>()

function itemCacheOf(store: Store): LRUCache<string, Parsed<Item>> {
  const known =
    itemCaches.get(store) ??
    new LRUCache<string, Parsed<Item>>({ maxSize: maxCharacters, sizeCalculation: ({ text }) => text.length })
  itemCaches.set(store, known)
  return known
}

const albumKeysOf = ({ owner, albums }: Link): Key[] => albums.map((album) => keys.album(owner, album))

/** The albums that a link opens, in the link's order, without deleted and unreadable ones. */
export async function albumsOf(store: Store, { link }: Access): Promise<Album[]> {
  return readRecordsThere(store, albumSchema, albumKeysOf(link))
}

/** Authorizes and reads the albums of the link: in one round trip if the cached entrance is still right. */
export async function authorizeWithAlbums(
  ports: Ports,
  credentials: Credentials,
): Promise<{ access: Access; albums: Album[] }> {
  const { access, found } = await authorizeReading(ports, credentials, async (guess) => {
    const [raw, wrong, link, session, ...rawAlbums] = await ports.store.read([
      ...doorQueries(credentials, guess),
      ...guess.albums.map((album) => value(keys.album(guess.owner, album))),
    ])
    return { door: { entrance: [raw, wrong], link, session }, found: { guess, rawAlbums } }
  })
  const { guess, rawAlbums } = found
  const { albums } = access.link
  const cache = entranceCacheOf(ports.store)
  const hash = hashToken(credentials.secret)
  const now = cache.get(hash) ?? guess
  if (albums.length !== guess.albums.length || !albums.every((album, at) => album === guess.albums[at])) {
    cache.set(hash, { ...now, albums, albumRecords: [] })
    return { access, albums: await albumsOf(ports.store, access) }
  }
  const albumRecords = albumKeysOf(access.link).map((key, at) =>
    parseAgain(albumSchema, key, rawAlbums[at] ?? null, guess.albumRecords[at]),
  )
  if (albumRecords.some((parsed, at) => parsed !== guess.albumRecords[at]))
    cache.set(hash, { ...now, albumRecords })
  return { access, albums: albumRecords.flatMap((parsed) => parsed?.record ?? []) }
}

/** The link of a running download, or null if the download must end. Makes the same checks as the gate, without counting a try. */
export async function linkIfStillOpen(ports: Ports, credentials: Credentials): Promise<Link | null> {
  try {
    const { secret } = credentials
    return (await authorize(ports, { secret, sessionOf: (link) => credentials.sessionOf(link) })).link
  } catch (error) {
    if (error instanceof Refused) return null
    throw error
  }
}
