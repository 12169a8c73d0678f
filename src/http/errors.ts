import type { ErrorRequestHandler, Request, Response } from 'express'
import { Refused, type Details, type Reason } from '../domain/records/errors.ts'
import { acceptedFormatsText } from '../media/formats/media-type.ts'
import { BucketFull, BucketUnavailable, StoreUnavailable, TooBusy, type Log } from '../ports.ts'
import { routeOf } from './input/caller.ts'

/** The status of every reason; the compiler sees to it that none is forgotten. */
export const statusOf: Readonly<Record<Reason, number>> = {
  'bad-request': 400,
  unknown: 404,
  unauthorized: 401,
  forbidden: 403,
  'cross-site': 403,
  'wrong-host': 421,
  'link-ended': 410,
  'link-locked': 401,
  'link-declined': 403,
  'wrong-password': 403,
  'not-ready': 409,
  'nothing-to-retry': 409,
  withheld: 403,
  'changed-in-storage': 403,
  conflict: 409,
  'secret-taken': 409,
  'secret-weak': 400,
  'file-too-large': 413,
  'too-many-items': 413,
  'unsupported-format': 415,
  'owner-quota': 429,
  'instance-full': 507,
  'too-many-requests': 429,
  'too-slow': 408,
  range: 416,
  unavailable: 503,
  'out-of-order': 503,
  'not-noted': 503,
}

/** What a caller hears of a failure. */
export interface Answered {
  readonly status: number
  readonly code: Reason | 'internal'
  readonly message: string
  readonly details: Details
}

const unavailable = (message: string): Answered => ({
  status: 503,
  code: 'unavailable',
  message,
  details: { retryAfterSeconds: 5 },
})

/** Turns whatever was thrown into what may be said about it. */
export function answerOf(error: unknown): Answered {
  if (error instanceof Refused)
    return {
      status: statusOf[error.reason],
      code: error.reason,
      message:
        error.reason === 'unsupported-format' ? `${error.message} ${acceptedFormatsText}` : error.message,
      details: error.details,
    }
  if (error instanceof StoreUnavailable || error instanceof BucketUnavailable)
    return unavailable('The service cannot answer right now. Try again in a moment.')
  if (error instanceof TooBusy) return unavailable('Too much is going on right now. Try again in a moment.')
  if (error instanceof BucketFull)
    return { status: 507, code: 'instance-full', message: 'This server has no room left.', details: {} }
  // Express and its body parsers mark what the caller did wrong by a 4xx status; their text is not for callers.
  if (error instanceof Error && 'status' in error && typeof error.status === 'number')
    if (error.status >= 400 && error.status < 500) return answerOfStatus(error.status)
  return {
    status: 500,
    code: 'internal',
    message: 'Something went wrong here. It has been noted.',
    details: {},
  }
}

function answerOfStatus(status: number): Answered {
  if (status === 413)
    return { status, code: 'file-too-large', message: 'The request is too large.', details: {} }
  return { status, code: 'bad-request', message: 'The request is not valid.', details: {} }
}

/** Shows an error as a page; returns false if the caller prefers JSON or text. */
export type ErrorPage = (req: Request, res: Response, answered: Answered) => boolean

/** The last handler: one place where every failure becomes an answer. */
export function errorHandler(log: Log, showPage: ErrorPage): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const answered = answerOf(error)
    // The route's pattern, never the address: that holds the secret.
    if (answered.status >= 500)
      log.error({ err: error, method: req.method, route: routeOf(req) }, 'request failed')
    if (res.headersSent) {
      // Too late for words: the broken connection is what tells the client that this is not all.
      res.destroy()
      return next()
    }
    // What was meant for the bytes that do not come. How many there are is told whoever asked past their end.
    for (const name of [
      'Content-Type',
      'Content-Disposition',
      'Content-Length',
      'Accept-Ranges',
      'ETag',
      'Repr-Digest',
    ])
      res.removeHeader(name)
    if (answered.code !== 'range') res.removeHeader('Content-Range')
    res.status(answered.status).set('Cache-Control', 'no-store')
    if (!req.complete) endSoon(req, res)
    const seconds = answered.details['retryAfterSeconds']
    if (typeof seconds === 'number') res.set('Retry-After', String(seconds))
    if (showPage(req, res, answered)) return
    const { code, message, details } = answered
    if (req.accepts(['json', 'text']) === 'text') return void res.type('text/plain').send(`${message}\n`)
    res.json({ error: { code, message, details } })
  }
}

/** Long enough for a client that still sends to read the answer, in milliseconds. */
const lingerMs = 5000

/** The rest of a body that was refused is read for a moment and thrown away; then the connection goes. */
function endSoon(req: Request, res: Response): void {
  res.set('Connection', 'close')
  res.once('finish', () => {
    req.resume()
    setTimeout(() => req.socket.destroy(), lingerMs).unref()
  })
}
