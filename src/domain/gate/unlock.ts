import type { Party, Ports, Store } from '../../ports.ts'
import { Refused, notFound } from '../records/errors.ts'
import { announceNarrowed } from './access-changes.ts'
import { findEntrance } from './entrance.ts'
import { keys } from '../records/keys.ts'
import { linkState, sessionValue } from './authorize.ts'
import { linkParty, networksOf } from '../records/limits/network.ts'
import { readRecord } from '../records/read-records.ts'
import { linkSchema, type Link } from '../records/records.ts'
import { hashToken, randomToken } from '../records/tokens.ts'
import { countTry, forgetTries, type TryLimit } from '../records/limits/tries.ts'
import { readWasHere } from './return-marks.ts'

/** Tries of one party at one link. */
const triesOfOne: TryLimit = { most: 10, windowSeconds: 60 }
/** Tries of everybody at one link. Beyond this nobody is locked out, but each party may try less often. */
const triesOfAll: TryLimit = { most: 30, windowSeconds: 60 }
const triesInCrowd: TryLimit = { most: 1, windowSeconds: 15 }

/** How long a session lasts, in milliseconds. */
const sessionMs = 24 * 3_600_000

type UnlockPorts = Pick<Ports, 'store' | 'clock' | 'passwords'>

/** A visitor who has not been let in yet. */
export interface Visitor {
  readonly secret: string
  readonly address: string
  /** The mark that proves that this browser was let in by the link with this id before; null if it has none. */
  markOf(link: string): string | null
}

/**
 * The link of a secret, for what a visitor may do without the password. Throws Refused (`unknown`,
 * `link-ended`, `too-many-requests`).
 */
export async function linkOfVisitor(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  visitor: Visitor,
): Promise<Link> {
  const entrance = await findEntrance(store, visitor)
  const link = await readRecord(store, linkSchema, keys.link(entrance.owner, entrance.link))
  if (!link || link.secretHash !== hashToken(visitor.secret)) throw notFound('link')
  if (linkState(link, clock.now()) !== 'open') throw new Refused('link-ended', 'This link has ended.')
  return link
}

/**
 * Counts a try before the password is checked, so that parallel tries are limited too. Strangers can slow each other down
 * but lock nobody out: the first try of a party is always checked, and a browser that was let in before counts for itself.
 */
async function countUnlock(store: Store, link: Link, who: Party, isKnown: boolean): Promise<void> {
  await countTry(store, who, (name) => keys.unlockTries(link.id, name), triesOfOne)
  if (isKnown) return
  const { most, windowSeconds } = triesOfAll
  const { allowed } = await store.hit(keys.unlockTriesOfAll(link.id), most, windowSeconds)
  if (!allowed) await countTry(store, who, (name) => keys.unlockTriesInCrowd(link.id, name), triesInCrowd)
}

/**
 * Checks the password and begins a session. Returns the session's token: the visitor's browser keeps
 * it, the store keeps its hash. The token is null where the link has no password. Throws Refused (`unknown`,
 * `link-ended`, `wrong-password`, `too-many-requests`).
 */
export async function unlock(
  ports: UnlockPorts,
  input: Visitor & { readonly password: string },
): Promise<{ link: Link; token: string | null }> {
  const link = await linkOfVisitor(ports, input)
  if (!link.password) return { link, token: null }
  const mark = readWasHere(link, input.markOf(link.id))
  const who = mark === null ? networksOf(input.address) : [{ name: `mark ${mark}`, persons: 1 }]
  await countUnlock(ports.store, link, who, mark !== null)
  if (!(await ports.passwords.verify(link.password.hash, input.password, [...who, ...linkParty(link.id)])))
    throw new Refused('wrong-password', 'The password is wrong.')
  await forgetTries(ports.store, who, (name) => keys.unlockTries(link.id, name))
  const token = randomToken()
  await ports.store.commit({
    writes: [
      {
        kind: 'set',
        key: keys.session(link.owner, link.id, hashToken(token)),
        value: sessionValue(link),
        expiresInMs: sessionMs,
      },
    ],
  })
  return { link, token }
}

/** Ends a visitor's session, if there is one. */
export async function leave(
  ports: Pick<Ports, 'store' | 'events' | 'log'>,
  link: Link,
  token: string,
): Promise<void> {
  await ports.store.commit({
    writes: [{ kind: 'remove', key: keys.session(link.owner, link.id, hashToken(token)) }],
  })
  announceNarrowed(ports, [link])
}
