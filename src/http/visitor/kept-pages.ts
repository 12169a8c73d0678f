import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Request, Response } from 'express'
import { Recent } from '../../domain/records/store/recent.ts'
import { byHeader } from '../input/by-header.ts'

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

/** A page as it is sent, and whether it stays the same while what it is made of does. */
interface Made extends Encoded {
  readonly isLasting: boolean
}

/** A page as text, and whether it stays the same while what it is made of does. */
export interface MadePage {
  readonly html: string
  readonly isLasting: boolean
}

/** What a page is made of: the same parts, each the very same value, make the same page under the same name. */
export interface PageSource {
  readonly name: string
  readonly parts: readonly unknown[]
}

interface Kept extends Encoded {
  readonly parts: readonly unknown[]
}

const sameParts = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((part, at) => part === b[at])

const encodingOf = byHeader('accept-encoding', (req: Request): Encoding => {
  const asked = req.acceptsEncodings('br', 'gzip', 'identity')
  return asked === 'br' || asked === 'gzip' ? asked : 'identity'
})

/**
 * Sends pages that are the same for everybody whom the gate lets in, compressed, and keeps them as long as all
 * that they are made of stays the same. Call it past the gate only. Not for an owner's pages: compressing what holds secrets next to what a
 * request chose would tell of them by its length (BREACH).
 */
export function keepPages() {
  const kept = new Recent<Kept>(mostBytesInAll)
  /** Being made at this moment: a hundred who come at once wait for one. */
  const coming = new Map<string, { readonly parts: readonly unknown[]; readonly made: Promise<Made> }>()

  async function encode(make: () => Promise<MadePage>, encoding: Encoding): Promise<Made> {
    const { html, isLasting } = await make()
    const plain = Buffer.from(html)
    if (encoding === 'identity' || plain.length < leastBytes)
      return { bytes: plain, encoding: 'identity', isLasting }
    return { bytes: await encoders[encoding](plain), encoding, isLasting }
  }

  async function encodedOf(
    { name, parts }: PageSource,
    encoding: Encoding,
    make: () => Promise<MadePage>,
  ): Promise<Encoded> {
    const key = `${encoding} ${name}`
    const found = kept.get(key)
    if (found && sameParts(found.parts, parts)) return found
    const running = coming.get(key)
    if (running && sameParts(running.parts, parts)) {
      const made = await running.made
      // One that is still to change may have been begun before what this visitor has come for.
      if (made.isLasting) return made
    }
    const mine = { parts, made: encode(make, encoding) }
    coming.set(key, mine)
    try {
      const made = await mine.made
      if (made.isLasting) kept.set(key, { ...made, parts }, made.bytes.length + key.length)
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
