import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'

/**
 * A snapshot: the line below, a line of JSON about it, then the records, line by line, compressed and encrypted by
 * AES-256-GCM, then the tag. The two lines are authenticated, too. Nothing of it is held in memory as a whole.
 */
const magic = 'mayfly-snapshot-1\n'
const tagBytes = 16

const headerSchema = z.object({
  instance: z.string(),
  /** When it was begun, in milliseconds since 1970. */
  began: z.number(),
  salt: z.string(),
  nonce: z.string(),
  /** Tells which key opens it, and nothing about the key. */
  key: z.string(),
})
export type SnapshotHeader = z.infer<typeof headerSchema>

/** It cannot be read: damaged, cut short, or made with another key. Its message is for operators. */
export class BadSnapshot extends Error {
  override readonly name = 'BadSnapshot'
}

const fingerprint = (key: Buffer): string =>
  createHash('sha256').update('mayfly-key:').update(key).digest('hex').slice(0, 16)

const contentKey = (key: Buffer, salt: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, Buffer.from(salt, 'hex'), 'mayfly-snapshot', 32))

/** The bytes of a snapshot of `lines`, none of which holds a line break. */
export async function* sealSnapshot(
  key: Buffer,
  about: { readonly instance: string; readonly began: number },
  lines: AsyncIterable<string>,
): AsyncGenerator<Buffer> {
  const header: SnapshotHeader = {
    instance: about.instance,
    began: about.began,
    salt: randomBytes(16).toString('hex'),
    nonce: randomBytes(12).toString('hex'),
    key: fingerprint(key),
  }
  const head = Buffer.from(`${magic}${JSON.stringify(header)}\n`)
  const cipher = createCipheriv('aes-256-gcm', contentKey(key, header.salt), Buffer.from(header.nonce, 'hex'))
  cipher.setAAD(head)
  yield head
  async function* withBreaks() {
    for await (const line of lines) yield Buffer.from(`${line}\n`)
  }
  const source = Readable.from(withBreaks())
  const gzip = createGzip()
  source.once('error', (error) => gzip.destroy(error))
  for await (const piece of source.pipe(gzip) as AsyncIterable<Buffer>) yield cipher.update(piece)
  yield cipher.final()
  yield cipher.getAuthTag()
}

/** Splits a snapshot's bytes; the tag is what the last ones turn out to be. */
async function* cipherText(
  bytes: AsyncIterable<Buffer>,
  onHead: (header: SnapshotHeader, head: Buffer) => void,
  onTag: (tag: Buffer) => void,
): AsyncGenerator<Buffer> {
  let kept = Buffer.alloc(0)
  let isBody = false
  for await (const piece of bytes) {
    kept = Buffer.concat([kept, piece])
    if (!isBody) {
      const end = kept.indexOf('\n', magic.length)
      if (end === -1 && kept.length < 4096) continue
      const head = kept.subarray(0, end + 1)
      onHead(headerOf(head), head)
      kept = kept.subarray(end + 1)
      isBody = true
    }
    if (kept.length > tagBytes) yield kept.subarray(0, kept.length - tagBytes)
    kept = kept.subarray(Math.max(0, kept.length - tagBytes))
  }
  if (!isBody || kept.length !== tagBytes) throw new BadSnapshot('It is cut short.')
  onTag(kept)
}

function headerOf(head: Buffer): SnapshotHeader {
  const lines = head.toString()
  if (!lines.startsWith(magic)) throw new BadSnapshot('It is no snapshot of Mayfly.')
  try {
    return headerSchema.parse(JSON.parse(lines.slice(magic.length)))
  } catch (cause) {
    throw new BadSnapshot('Its beginning is damaged.', { cause })
  }
}

/**
 * Reads a snapshot line by line and answers its header at the end. A damaged one throws only there: read it once without
 * believing it, and then anew.
 */
export async function readSnapshot(
  key: Buffer,
  bytes: AsyncIterable<Buffer>,
  onLine: (line: string) => Promise<void> | void,
): Promise<SnapshotHeader> {
  let header: SnapshotHeader | null = null
  let decipher: ReturnType<typeof decipherOf> | null = null
  let isGenuine = false
  async function* plain() {
    let tag: Buffer | null = null
    const text = cipherText(
      bytes,
      (found, head) => {
        header = found
        decipher = decipherOf(key, found, head)
      },
      (found) => {
        tag = found
      },
    )
    for await (const piece of text) if (decipher) yield decipher.update(piece)
    if (!decipher || !tag) throw new BadSnapshot('It is cut short.')
    decipher.setAuthTag(tag)
    try {
      yield decipher.final()
      isGenuine = true
    } catch (cause) {
      throw new BadSnapshot('It is damaged.', { cause })
    }
  }
  const source = Readable.from(plain())
  const gunzip = createGunzip()
  source.once('error', (error) => gunzip.destroy(error))
  try {
    for await (const line of linesOf(source.pipe(gunzip) as AsyncIterable<Buffer>)) await onLine(line)
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
      throw new BadSnapshot('It is damaged.', { cause: error })
    throw error
  } finally {
    source.destroy()
  }
  if (!header || !isGenuine) throw new BadSnapshot('It is damaged.')
  return header
}

/** Lines end with a line feed and nothing else: what readline takes for one may stand in a title. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  for await (const piece of bytes) {
    let from = 0
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, from)) {
      yield Buffer.concat([...parts, piece.subarray(from, end)]).toString()
      parts = []
      from = end + 1
    }
    if (from < piece.length) parts.push(piece.subarray(from))
  }
}

function decipherOf(key: Buffer, header: SnapshotHeader, head: Buffer) {
  if (header.key !== fingerprint(key))
    throw new BadSnapshot('It was made with another key: set BACKUP_KEY, or bring DATA_DIR/backup.key back.')
  const decipher = createDecipheriv(
    'aes-256-gcm',
    contentKey(key, header.salt),
    Buffer.from(header.nonce, 'hex'),
  )
  decipher.setAAD(head)
  return decipher
}
