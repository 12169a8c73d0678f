import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Request, Response } from 'express'
import { Recent } from '../domain/recent.ts'
import { matches } from './send-object.ts'

const mostBytesInAll = 24 * 1024 * 1024
/** Shorter texts gain nothing. */
const leastBytes = 1024

const encoders = {
  br: (html: Buffer) =>
    promisify(brotliCompress)(html, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: html.length },
    }),
  gzip: (html: Buffer) => promisify(gzip)(html, { level: 5 }),
} as const
type Encoding = keyof typeof encoders | 'identity'

interface Encoded {
  readonly bytes: Buffer
  readonly etag: string
}

/** A page as text, and whether it stays the same while its key does. */
export interface MadePage {
  readonly html: string
  readonly isLasting: boolean
}

/**
 * Sends pages that are the same for everybody whom the gate lets in, compressed, and keeps them by a key that says all
 * that they are made of. Call it past the gate only. Not for an owner's pages: compressing what holds secrets next to what a
 * request chose would tell of them by its length (BREACH).
 */
export function keepPages() {
  const kept = new Recent<Encoded>(mostBytesInAll)

  async function encodedOf(key: string, encoding: Encoding, make: () => Promise<MadePage>): Promise<Encoded> {
    const found = kept.get(`${encoding} ${key}`)
    if (found) return found
    const { html, isLasting } = await make()
    const plain = Buffer.from(html)
    const bytes =
      encoding === 'identity' || plain.length < leastBytes ? plain : await encoders[encoding](plain)
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 27)
    const encoded = { bytes, etag: `${hash}-${bytes === plain ? 'identity' : encoding}` }
    if (isLasting) kept.set(`${encoding} ${key}`, encoded, bytes.length + key.length)
    return encoded
  }

  return async (req: Request, res: Response, key: string, make: () => Promise<MadePage>): Promise<void> => {
    const asked = req.acceptsEncodings('br', 'gzip', 'identity')
    const encoding: Encoding = asked === 'br' || asked === 'gzip' ? asked : 'identity'
    const { bytes, etag } = await encodedOf(key, encoding, make)
    res.status(200).type('html').vary('Accept-Language, Accept-Encoding, Cookie')
    res.set({ 'Cache-Control': 'private, no-cache', ETag: `"${etag}"` })
    if (matches(req.get('if-none-match'), etag)) return void res.status(304).end()
    if (encoding !== 'identity' && etag.endsWith(`-${encoding}`)) res.set('Content-Encoding', encoding)
    res.set('Content-Length', String(bytes.length)).end(bytes)
  }
}
