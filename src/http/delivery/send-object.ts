import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import type { Request, Response } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import type { ByteRange } from '../../ports.ts'

/** Bytes to answer with: what they are, and how to open any part of them. */
export interface Sendable {
  readonly size: number
  /** Strong: the same text means the same bytes. Without quotes. */
  readonly etag: string
  readonly mime: string
  /** Of all the bytes, in hexadecimal, where it is known ahead: told as `Repr-Digest` (RFC 9530). */
  readonly sha256?: string
  /** `Content-Disposition`, where the bytes are to be saved or named. */
  readonly disposition?: string
  /** Opens `range` of the bytes; null when they are gone. */
  open(range: ByteRange): Promise<Readable | Buffer | null>
}

/** What a browser may keep for itself: not longer than a stop takes to break running downloads. */
const cacheControl = 'private, max-age=5, must-revalidate'

/**
 * Answers with bytes, all or one range of them (RFC 9110, 14), to GET and HEAD, and to POST for what a form
 * asked for. Call it only past the gate: an ETag that matches is answered 304 without another look.
 *
 * When the bytes stop half-way, so does the connection: the client sees that it has not all.
 */
export async function sendObject(req: Request, res: Response, object: Sendable): Promise<void> {
  const headers: Record<string, string> = {
    'Accept-Ranges': 'bytes',
    'Cache-Control': cacheControl,
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    'Cross-Origin-Resource-Policy': 'same-origin',
    ETag: `"${object.etag}"`,
    'Content-Type': object.mime,
    // nginx would keep up to 1 GB of it on its disk, and hand that out after a stop.
    'X-Accel-Buffering': 'no',
  }
  if (object.sha256)
    headers['Repr-Digest'] = `sha-256=:${Buffer.from(object.sha256, 'hex').toString('base64')}:`
  if (object.disposition) headers['Content-Disposition'] = object.disposition
  if (matches(req.get('if-none-match'), object.etag)) return void res.writeHead(304, headers).end()

  const range = rangeOf(req, object)
  if (range === 'unsatisfiable') {
    res.set('Content-Range', `bytes */${object.size}`)
    throw new Refused('range', 'The requested range does not exist.', { size: object.size })
  }
  const { start, end } = range ?? { start: 0, end: object.size - 1 }
  const status = range ? 206 : 200
  headers['Content-Length'] = String(end - start + 1)
  if (range) headers['Content-Range'] = `bytes ${start}-${end}/${object.size}`
  if (req.method === 'HEAD' || end < start) return void res.writeHead(status, headers).end()

  const body = await object.open({ start, end })
  if (!body) throw new Error(`the bytes of ${object.etag} are gone`)
  if (Buffer.isBuffer(body)) return void res.writeHead(status, headers).end(body)
  // Said with the first bytes: where there are none, another answer can still be given.
  res.status(status).set(headers)
  await pipeline(body, res).catch((error: unknown) => {
    // Where the client left before the body was open, pipeline refuses and leaves the body open.
    body.destroy()
    // A client that left is no failure of ours; anything else is reported, and the connection is broken by now.
    if (!isClientGone(error)) throw error
  })
}

const clientGone: readonly unknown[] = ['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_UNABLE_TO_PIPE', 'EPIPE']

const isClientGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && clientGone.includes(error.code)

export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((part) => part.trim().replace(/^W\//, '') === `"${etag}"`)
}

/** The requested range; null for the whole object, also if the header is malformed or names several ranges. */
function rangeOf(req: Request, { size, etag }: Sendable): ByteRange | 'unsatisfiable' | null {
  const header = req.get('range')
  const condition = req.get('if-range')
  if (header === undefined || (condition !== undefined && condition !== `"${etag}"`)) return null
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
  if (!match) return null
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return null
  const start = from === '' ? Math.max(size - Number(to), 0) : Number(from)
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return null
  return start >= size || end < start ? 'unsatisfiable' : { start, end }
}
