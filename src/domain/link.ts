import type { Clock, Store } from '../ports.ts'
import { ranks, value } from '../ports.ts'
import { Refused, unknown } from './errors.ts'
import { findEntrance } from './guess.ts'
import { keys } from './keys.ts'
import {
  albumSchema,
  itemSchema,
  linkSchema,
  parseRecord,
  type Album,
  type Entrance,
  type Item,
  type Link,
} from './records.ts'
import { hashToken } from './tokens.ts'

/** What a visitor shows at the door: the secret from the address, and the session token of this link's cookie. */
export interface Knock {
  readonly secret: string
  /** Answers the session token that this browser holds for the link with this id, if any. */
  sessionOf(link: string): string | null
  /** The caller's network address: guessing is counted by it. Absent: one of our own, such as a running download. */
  readonly address?: string
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

/**
 * The gate: every visitor's route passes here, and nothing else opens a link. Throws Refused with `unknown` (no
 * such link), `link-ended` (expired or stopped), `link-declined` (shut in this browser by its own person) or
 * `link-locked` (a password that this visitor has not given).
 */
async function judge({ store, clock }: Ports, knock: Knock, entrance: Entrance): Promise<Visit> {
  const token = knock.sessionOf(entrance.link)
  const [rawLink, session] = await store.read([
    value(keys.link(entrance.owner, entrance.link)),
    value(keys.session(entrance.owner, entrance.link, token === null ? 'none' : hashToken(token))),
  ])
  const link = parseRecord(linkSchema, rawLink)
  // A secret that was taken anew leaves its old link behind: only the link that it belongs to now counts.
  if (!link || link.secretHash !== hashToken(knock.secret)) throw unknown('link')
  if (linkState(link, clock.now()) !== 'open') throw new Refused('link-ended', 'This link has ended.')
  if (knock.hasDeclined?.(link.id)) throw new Refused('link-declined', 'You declined this link.')
  if (link.password && (token === null || session !== sessionValue(link)))
    throw new Refused('link-locked', 'This link asks for a password.', { link: link.id })
  return { link }
}

/** Passes the gate. */
export async function enter(ports: Ports, knock: Knock): Promise<Visit> {
  return judge(ports, knock, await findEntrance(ports.store, knock))
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
  const entrance = await findEntrance(ports.store, knock)
  const [visit, [rawItem, albums]] = await Promise.all([
    judge(ports, knock, entrance),
    ports.store.read([value(keys.item(entrance.owner, id)), ranks(keys.itemAlbums(entrance.owner, id))]),
  ])
  const item = parseRecord(itemSchema, rawItem)
  const isOpened = albums.some(({ member }) => visit.link.albums.includes(member))
  if (!item || item.isPrivate || !isOpened) throw unknown('item')
  return { visit, item }
}

/** The albums that a link opens, in its order; albums that are gone are left out. */
export async function albumsOf(store: Store, { link }: Visit): Promise<Album[]> {
  if (link.albums.length === 0) return []
  const raw = await store.read(link.albums.map((album) => value(keys.album(link.owner, album))))
  return raw.flatMap((text) => parseRecord(albumSchema, text) ?? [])
}

/** Whether a download that began may go on: the same questions as at the gate; nothing is counted. */
export async function mayGoOn(ports: Ports, knock: Knock): Promise<boolean> {
  try {
    const { secret } = knock
    await enter(ports, { secret, sessionOf: (link) => knock.sessionOf(link) })
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}
