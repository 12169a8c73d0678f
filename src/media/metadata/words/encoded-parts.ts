import { applyInMemory, type Patch, shortValue } from '../bytes/patch.ts'
import { bufferBytes, type ByteRange, type ByteSource, windows } from '../bytes/byte-source.ts'

/** What a search finds in bytes that were unpacked. */
export type Look = (source: ByteSource) => Promise<readonly Patch[]>

/** Base64 (RFC 4648), which XMP breaks into lines. */
const letters = /[A-Za-z0-9+/]{16}/g
const rest = /[^A-Za-z0-9+/\r\n]/g
const maxEncodedBytes = 64 * 1024 * 1024

/**
 * Finds what `look` finds in base64 anywhere in `ranges`: whole pictures stand so in XMP. The patches put it back
 * cleaned; it stays as long as it was.
 */
export async function findEncoded(
  source: ByteSource,
  ranges: readonly ByteRange[],
  look: Look,
): Promise<Patch[]> {
  const patches: Patch[] = []
  for (const range of ranges) {
    const end = Math.min(source.size, range.offset + range.length)
    let done = range.offset
    for await (const { bytes, offset, fresh } of windows(source, range)) {
      const text = bytes.toString('latin1')
      for (const match of text.matchAll(letters)) {
        if (offset + match.index < done || match.index >= fresh) continue
        const from = offset + match.index
        const encoded = await runFrom(from, end)
        done = from + encoded.length
        const patch = await cleaned(from, encoded, look)
        if (patch) patches.push(patch)
      }
    }
  }
  return patches

  /** All of the base64 that begins at `from`. */
  async function runFrom(from: number, end: number): Promise<Buffer> {
    for (let size = 4096; ; size *= 8) {
      const length = Math.min(size, end - from, maxEncodedBytes)
      const bytes = await source.read(from, length)
      rest.lastIndex = 0
      const stop = rest.exec(bytes.toString('latin1'))
      if (stop) return bytes.subarray(0, stop.index)
      if (length < size) return bytes
    }
  }
}

async function cleaned(offset: number, encoded: Buffer, look: Look): Promise<Patch | null> {
  const decoded = Buffer.from(encoded.toString('latin1'), 'base64')
  const found = await look(bufferBytes(decoded))
  if (found.length === 0) return null
  const again = applyInMemory(decoded, found).toString('base64')
  const bytes = Buffer.from(encoded)
  let next = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const isBreak = bytes[at] === 0x0a || bytes[at] === 0x0d
    if (!isBreak) bytes[at] = again.charCodeAt(next++)
  }
  const value = shortValue(found.map(({ finding }) => finding?.value ?? '').join(' '))
  const finding = { kind: 'location', where: `base64 at ${offset}`, value } as const
  return { offset, length: bytes.length, bytes, finding, secrets: found.flatMap(({ secrets }) => secrets) }
}
