import type { Request, Response } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import { findOwner, type KnownOwner } from '../../domain/owner/owner.ts'
import type { Credentials } from '../../domain/gate/authorize.ts'
import type { CustomSlug } from '../../domain/links/slug.ts'
import type { Link } from '../../domain/records/records.ts'
import { ownerKeyPattern, tokenPattern } from '../../domain/records/tokens.ts'
import type { Visitor } from '../../domain/gate/unlock.ts'
import { isGuessable, newWasHere } from '../../domain/gate/return-marks.ts'
import { countedAddress } from './caller-address.ts'
import type { WebContext, WebSettings } from '../context.ts'
import { clearCookie, readCookie, setCookie } from './cookies.ts'

/** An id in an address or a body. */
export const idSchema = z.string().regex(tokenPattern, 'is not an id')

/** A link's secret in an address: random, or chosen by its owner. */
export const secretSchema = z.string().regex(/^[a-z0-9-]{8,64}$/, 'is not a secret')

/** Parses what came in at an edge. Throws Refused('bad-request') that names the first thing that is wrong. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new Refused(
    'bad-request',
    where ? `${where}: ${issue?.message ?? 'is not valid'}.` : 'The request is not valid.',
  )
}

/** A custom slug that a request asks for, with its caller; null and undefined stay. */
export const slugOf = <T extends null | undefined>(req: Request, text: string | T): CustomSlug | T =>
  typeof text === 'string' ? { text, address: addressOf(req) } : text

/** Parses an id or secret of an address: a malformed one names nothing that exists. Throws Refused('unknown'). */
export function parseAddress<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new Refused('unknown', 'There is nothing here.')
}

/** The pattern of a request's route, for logs and numbers: its address holds a secret. `none` where no route took it. */
export function routeOf({ route }: { route?: unknown }): string {
  return route && typeof route === 'object' && 'path' in route ? String(route.path) : 'none'
}

/** The address that links are made of, without a slash at its end. */
export function baseUrl(settings: WebSettings, req: Request): string {
  return settings.publicUrl ?? `http://${req.get('host') ?? 'localhost'}`
}

const ownerCookie = 'mayfly-owner'
/** Browsers cap a cookie's life at 400 days; each visit of a sender's page renews it. */
const ownerCookieMs = 400 * 24 * 3_600_000

export function rememberOwner(settings: WebSettings, res: Response, owner: KnownOwner): void {
  setCookie(settings, res, { name: ownerCookie, value: owner.key, maxAgeMs: ownerCookieMs })
}

export const forgetOwner = (settings: WebSettings, res: Response): void =>
  clearCookie(settings, res, ownerCookie)

/** The owner key that the caller shows: `Authorization: Bearer`, else the cookie. */
function shownOwnerKey(settings: WebSettings, req: Request): { key: string; isBearer: boolean } | null {
  const bearer = /^Bearer\s+(\S+)$/i.exec(req.get('authorization') ?? '')?.[1]
  if (bearer !== undefined) return { key: bearer, isBearer: true }
  const cookie = readCookie(settings, req, ownerCookie)
  return cookie !== null && ownerKeyPattern.test(cookie) ? { key: cookie, isBearer: false } : null
}

/**
 * The owner who calls, or null for a caller without a key. A cookie whose owner is gone counts as none; a Bearer
 * key that opens nothing is an error, for its program would otherwise send into another owner's hands.
 */
export async function currentOwner(
  { ports, settings }: WebContext,
  req: Request,
): Promise<KnownOwner | null> {
  const shown = shownOwnerKey(settings, req)
  if (!shown) return null
  const owner = await findOwner(ports.store, shown.key)
  if (!owner && shown.isBearer) throw new Refused('unauthorized', 'This owner key is not known here.')
  return owner
}

/** The owner who calls. Throws Refused('unauthorized'). */
export async function requireOwner(context: WebContext, req: Request): Promise<KnownOwner> {
  const owner = await currentOwner(context, req)
  if (!owner)
    throw new Refused('unauthorized', 'Send your owner key as a cookie or as “Authorization: Bearer”.')
  return owner
}

/** The name of the cookie that holds a visitor's session for one link. */
export const visitCookie = (link: string): string => `mayfly-visit-${link}`

/** The name of the cookie by which this browser's person declined a link. */
export const declinedCookie = (link: string): string => `mayfly-declined-${link}`

/** The name of the cookie that holds the mark of a browser that was let in before. */
const markCookie = (link: string): string => `mayfly-here-${link}`

/** Marks this browser as one that was let in, if that may help it later. The mark lasts as long as the link. */
export function rememberHere({ ports, settings }: WebContext, res: Response, link: Link): void {
  const maxAgeMs = link.expiresAt - ports.clock.now()
  if (!isGuessable(link) || maxAgeMs <= 0) return
  setCookie(settings, res, { name: markCookie(link.id), value: newWasHere(link), maxAgeMs })
}

/**
 * The caller's network address, for counting tries: see `countedAddress`. `X-Forwarded-For` counts only where TRUST_PROXY
 * says so. Where that names no address, the proxy's own counts: no text may be a new caller each time.
 */
export const addressOf = (req: Request): string =>
  countedAddress(req.ip ?? '') ?? countedAddress(req.socket.remoteAddress ?? '') ?? ''

/** A visitor who has not been let in yet. Throws Refused('unknown') if the secret has no valid form. */
export const visitorOf = ({ settings }: WebContext, req: Request): Visitor => ({
  secret: parseAddress(secretSchema, req.params['secret']),
  address: addressOf(req),
  markOf: (link) => readCookie(settings, req, markCookie(link)),
})

/** What this caller shows at a link's door. Throws Refused('unknown') for a secret that cannot be one. */
export function credentialsOf(context: WebContext, req: Request): Credentials {
  const { settings } = context
  return {
    ...visitorOf(context, req),
    sessionOf: (link) => readCookie(settings, req, visitCookie(link)),
    hasDeclined: (link) => readCookie(settings, req, declinedCookie(link)) !== null,
  }
}
