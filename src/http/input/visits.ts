import type { Request, Response } from 'express'
import type { Link } from '../../domain/records/records.ts'
import { countDownload, countVisit } from '../../domain/gate/visits.ts'
import type { WebContext } from '../context.ts'
import { clearCookie, readCookie, setCookie } from './cookies.ts'
import { declinedCookie, rememberHere, visitCookie } from './caller.ts'

/** The name of the cookie by which one browser session counts as one visit; it holds nothing else. */
const seenCookie = (link: string): string => `mayfly-seen-${link}`

/** Counts a visit, once for each browser session. Call it for what a person did. */
export async function markSeen(context: WebContext, req: Request, res: Response, link: Link): Promise<void> {
  const { ports, settings } = context
  if (readCookie(settings, req, seenCookie(link.id)) !== null) return
  setCookie(settings, res, { name: seenCookie(link.id), value: '1' })
  rememberHere(context, res, link)
  await countVisit(ports, link)
}

/** What fetches addresses by itself: crawlers, and what messengers make previews with. */
const robots =
  /bot\b|bot\/|crawl|spider|slurp|preview|facebookexternalhit|facebookcatalog|whatsapp|telegram|slack|discord|skype|twitter|linkedin|pinterest|embedly|vkshare|headless|lighthouse|monitor|uptime|validator|wget -r/i

/** Whether a person asked for this, as far as one can tell. */
function isByPerson(req: Request): boolean {
  if (req.method !== 'GET' && req.method !== 'POST') return false
  const purpose = `${req.get('sec-purpose') ?? ''} ${req.get('purpose') ?? ''} ${req.get('x-moz') ?? ''}`
  return !/prefetch|preview|prerender/i.test(purpose) && !robots.test(req.get('user-agent') ?? '')
}

/** Counts a download once it was sent whole, or its first part was: what goes on where one broke off is the same one. */
export function countWhenSent({ ports }: WebContext, req: Request, res: Response, link: Link): void {
  if (!isByPerson(req)) return
  res.once('finish', () => {
    const range = String(res.getHeader('content-range') ?? '')
    const isFirst =
      res.statusCode === 200 ||
      res.statusCode === 302 ||
      (res.statusCode === 206 && range.startsWith('bytes 0-'))
    if (isFirst) void countDownload(ports, link)
  })
}

/** How long a declined link stays shut in a browser, in milliseconds: longer than links live, bounded by browsers. */
const declinedMs = 400 * 24 * 3_600_000

/** Shuts a link in this browser; the session behind its password ends too. */
export function decline({ settings }: WebContext, res: Response, link: Link): void {
  setCookie(settings, res, { name: declinedCookie(link.id), value: '1', maxAgeMs: declinedMs })
  clearCookie(settings, res, visitCookie(link.id))
}

export function undoDecline({ settings }: WebContext, res: Response, link: Link): void {
  clearCookie(settings, res, declinedCookie(link.id))
}
