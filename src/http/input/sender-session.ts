import type { Request, Response } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import { keys } from '../../domain/records/keys.ts'
import { networksOf, ownerParty } from '../../domain/records/limits/network.ts'
import { senderPasswordId } from '../../domain/owner/sender-password.ts'
import { hashToken, randomToken, sameText } from '../../domain/records/tokens.ts'
import { countTry, forgetTries, type TryLimit } from '../../domain/records/limits/tries.ts'
import { countShare } from '../../domain/records/limits/shares-made.ts'
import { value, type Party } from '../../ports.ts'
import type { WebContext } from '../context.ts'
import { readCookie, setCookie } from './cookies.ts'
import { addressOf, currentOwner } from './caller.ts'

const cookie = 'mayfly-sender'
const lifeMs = 30 * 24 * 3_600_000
const triesOfOne: TryLimit = { most: 10, windowSeconds: 60 }

/** Whether this caller may send: everybody if no SENDER_PASSWORD is set, else only those who have given it. */
export async function maySend(context: WebContext, req: Request): Promise<boolean> {
  const { senderPassword } = context.settings
  if (senderPassword === null) return true
  const token = readCookie(context.settings, req, cookie)
  if (token === null) return false
  const [session] = await context.ports.store.read([value(keys.senderSession(hashToken(token)))])
  // Bound to the password: a changed one ends every session.
  return session !== null && session === (await senderPasswordId(context.ports, senderPassword))
}

/** Throws Refused('unauthorized') for a caller who may not send. Programs show the password in `Sender-Password`. */
export async function requireSender(context: WebContext, req: Request): Promise<void> {
  const shown = req.get('sender-password')
  if (shown !== undefined) return checkSenderPassword(context, req, shown)
  if (!(await maySend(context, req)))
    throw new Refused('unauthorized', 'This server asks for a password before you can send.')
}

/** Whom a sender's bytes and shares count for: nobody where all who send have shown the password. */
export const countedSender = ({ settings }: WebContext, req: Request): Party =>
  settings.senderPassword === null ? networksOf(addressOf(req)) : []

/** Like `requireSender`, for making a share, an album or a link. Also throws Refused('too-many-requests'). */
export async function requireSharer(context: WebContext, req: Request): Promise<void> {
  await requireSender(context, req)
  await countShare(context.ports, countedSender(context, req))
}

async function checkSenderPassword(context: WebContext, req: Request, password: string): Promise<void> {
  const { ports, settings } = context
  if (settings.senderPassword === null) return
  // An owner was made by somebody who knew the password: strangers cannot use up that one's tries.
  const owner = await currentOwner(context, req)
  const who = owner ? ownerParty(owner.id) : networksOf(addressOf(req))
  await countTry(ports.store, who, keys.senderTries, triesOfOne)
  if (!sameText(password, settings.senderPassword))
    throw new Refused('wrong-password', 'The password is wrong.')
  // A program sends the password each time: only wrong ones count in the end.
  await forgetTries(ports.store, who, keys.senderTries)
}

/** Opens a sender's session. Throws Refused (`wrong-password`, `too-many-requests`). */
export async function openSenderSession(
  context: WebContext,
  req: Request,
  res: Response,
  password: string,
): Promise<void> {
  const { senderPassword } = context.settings
  if (senderPassword === null) return
  await checkSenderPassword(context, req, password)
  const token = randomToken()
  await context.ports.store.commit({
    writes: [
      {
        kind: 'set',
        key: keys.senderSession(hashToken(token)),
        value: await senderPasswordId(context.ports, senderPassword),
        expiresInMs: lifeMs,
      },
    ],
  })
  setCookie(context.settings, res, { name: cookie, value: token, maxAgeMs: lifeMs })
}
