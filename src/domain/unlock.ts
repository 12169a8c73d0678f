import type { Ports } from '../ports.ts'
import { value } from '../ports.ts'
import { Refused, unknown } from './errors.ts'
import { findEntrance } from './guess.ts'
import { keys } from './keys.ts'
import { linkState, sessionValue } from './link.ts'
import { linkSchema, parseRecord, type Link } from './records.ts'
import { hashToken, randomToken } from './tokens.ts'

/** Tries of one caller at one link, and of all callers together, within a minute. */
const triesOfOne = 10
const triesOfAll = 30
const windowSeconds = 60

/** How long a visitor who gave the password stays in, in milliseconds. */
const sessionMs = 24 * 3_600_000

type UnlockPorts = Pick<Ports, 'store' | 'clock' | 'passwords'>

/**
 * The link behind a secret, open or locked, for what a visitor may do before the password. Throws Refused (`unknown`,
 * `link-ended`, `too-many-requests`).
 */
export async function knockedLink(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { secret, address }: { secret: string; address: string },
): Promise<Link> {
  const entrance = await findEntrance(store, { secret, address })
  const [raw] = await store.read([value(keys.link(entrance.owner, entrance.link))])
  const link = parseRecord(linkSchema, raw)
  if (!link || link.secretHash !== hashToken(secret)) throw unknown('link')
  if (linkState(link, clock.now()) !== 'open') throw new Refused('link-ended', 'This link has ended.')
  return link
}

/** Counts a try before it is judged, so that many at once are not all judged. */
async function countTry({ store }: UnlockPorts, link: Link, address: string): Promise<void> {
  for (const [key, limit] of [
    [`unlock:${link.id}:${hashToken(address)}`, triesOfOne],
    [`unlock:${link.id}`, triesOfAll],
  ] as const) {
    const { allowed, retryAfterSeconds } = await store.hit(key, limit, windowSeconds)
    if (!allowed)
      throw new Refused('too-many-requests', 'Too many tries. Wait a little, then try again.', {
        retryAfterSeconds,
      })
  }
}

/**
 * Opens a link for a visitor who gives its password, and answers the session's token: the visitor's browser keeps
 * it, the store keeps its hash. The token is null where the link has no password. Throws Refused (`unknown`,
 * `link-ended`, `wrong-password`, `too-many-requests`).
 */
export async function unlock(
  ports: UnlockPorts,
  input: { secret: string; password: string; address: string },
): Promise<{ link: Link; token: string | null }> {
  const link = await knockedLink(ports, input)
  if (!link.password) return { link, token: null }
  await countTry(ports, link, input.address)
  if (!(await ports.passwords.verify(link.password.hash, input.password)))
    throw new Refused('wrong-password', 'That is not the password.')
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

/** Ends a visitor's session; one that is not there is no matter. */
export async function leave({ store }: Pick<Ports, 'store'>, link: Link, token: string): Promise<void> {
  await store.commit({
    writes: [{ kind: 'remove', key: keys.session(link.owner, link.id, hashToken(token)) }],
  })
}
