import { open } from 'node:fs/promises'
import type { Finding } from '../../types.ts'
import type { ByteRange } from './byte-source.ts'

/**
 * A change that keeps the file's length, so that no offset in any container moves. The walkers that find location
 * answer with patches: `inspect` prints their findings, `clean` applies them, the check wants none left.
 */
export interface Patch extends ByteRange {
  /** What takes the place: as long as `length`; null for zeros. */
  readonly bytes: Buffer | null
  /** What it removes; null for a change that only goes with another one. */
  readonly finding: Finding | null
  /** Bytes that say where the camera stood and must stand nowhere in the copy (GPS rationals as written). */
  readonly secrets: readonly Buffer[]
}

const zeros = Buffer.alloc(256 * 1024)

/** Writes the patches into the file at `path`. */
export async function applyPatches(path: string, patches: readonly Patch[]): Promise<void> {
  if (patches.length === 0) return
  const handle = await open(path, 'r+')
  try {
    const { size } = await handle.stat()
    for (const patch of patches) {
      const end = patch.offset + patch.length
      if (patch.offset < 0 || end > size) throw new RangeError('a patch outside the file')
      if (patch.bytes) {
        if (patch.bytes.length !== patch.length) throw new RangeError('a patch that changes the length')
        await handle.write(patch.bytes, 0, patch.length, patch.offset)
        continue
      }
      for (let offset = patch.offset; offset < end; offset += zeros.length) {
        await handle.write(zeros, 0, Math.min(zeros.length, end - offset), offset)
      }
    }
  } finally {
    await handle.close()
  }
}

/** `bytes` with the patches applied. */
export function applyInMemory(bytes: Buffer, patches: readonly Patch[]): Buffer {
  const patched = Buffer.from(bytes)
  for (const { offset, length, bytes: replacement } of patches) {
    if (replacement) replacement.copy(patched, offset)
    else patched.fill(0, offset, offset + length)
  }
  return patched
}

/** A short printable form of a value, for findings. */
export function shortValue(value: string): string {
  const printable = value
    .slice(0, 1000)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
  return printable.length > 80 ? `${printable.slice(0, 79)}…` : printable
}
