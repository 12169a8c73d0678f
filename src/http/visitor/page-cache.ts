import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Request, Response } from 'express'
import { LRUCache } from 'lru-cache'

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
  readonly encoding: Encoding
}

/** An encoded page, and whether it may be cached. */
interface Made extends Encoded {
  readonly isLasting: boolean
}

/** A page as text, and whether it stays the same while what it is made of does. */
export interface MadePage {
  readonly html: string
  readonly isLasting: boolean
}

/** Which page, and the version of all that it is made of: the same version makes the same page. */
export interface PageSource {
  readonly name: string
  readonly version: string
}

interface CachedPage extends Encoded {
  readonly version: string
}

const encodingOf = (req: Request): Encoding => {
  const asked = req.acceptsEncodings('br', 'gzip', 'identity')
  return asked === 'br' || asked === 'gzip' ? asked : 'identity'
}

/**
 * Sends pages that are the same for everybody whom the gate lets in, compressed, and keeps them as long as their
 * version stays the same. Call it past the gate only. Not for an owner's pages: compressing what holds secrets next to what a
 * request chose would tell of them by its length (BREACH).
 */
export function createPageCache() {
  const kept = new LRUCache<string, CachedPage>({
    maxSize: mostBytesInAll,
    maxEntrySize: mostBytesInAll / 4,
    sizeCalculation: ({ bytes, version }, key) => bytes.length + version.length + key.length,
  })
  /** Being made at this moment: a hundred who come at once wait for one. */
  const coming = new Map<string, { readonly version: string; readonly made: Promise<Made> }>()

  async function encode(make: () => Promise<MadePage>, encoding: Encoding): Promise<Made> {
    const { html, isLasting } = await make()
    const plain = Buffer.from(html)
    if (encoding === 'identity' || plain.length < leastBytes)
      return { bytes: plain, encoding: 'identity', isLasting }
    return { bytes: await encoders[encoding](plain), encoding, isLasting }
  }

  async function encodedOf(
    { name, version }: PageSource,
    encoding: Encoding,
    make: () => Promise<MadePage>,
  ): Promise<Encoded> {
    const key = `${encoding} ${name}`
    const found = kept.get(key)
    if (found?.version === version) return found
    const running = coming.get(key)
    if (running?.version === version) {
      const made = await running.made
      // One that is still to change may have been begun before what this visitor has come for.
      if (made.isLasting) return made
    }
    const mine = { version, made: encode(make, encoding) }
    coming.set(key, mine)
    try {
      const made = await mine.made
      if (made.isLasting) kept.set(key, { ...made, version })
      return made
    } finally {
      if (coming.get(key) === mine) coming.delete(key)
    }
  }

  return async (
    req: Request,
    res: Response,
    source: PageSource,
    make: () => Promise<MadePage>,
  ): Promise<void> => {
    const { bytes, encoding } = await encodedOf(source, encodingOf(req), make)
    res.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      Vary: 'Accept-Language, Accept-Encoding, Cookie',
      ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
      'Content-Length': bytes.length,
    })
    res.end(bytes)
  }
}
