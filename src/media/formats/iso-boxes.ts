import type { FileHandle } from 'node:fs/promises'

/** A box of ISO/IEC 14496-12; positions count from the start of what was walked, `end` is past its last byte. */
export interface Box {
  readonly type: string
  readonly start: number
  readonly content: number
  readonly end: number
}

const maxBoxes = 10_000

/** Walks the boxes between `start` and `end`; stops at the first that is malformed. */
export function* boxes(bytes: Buffer, start = 0, end = bytes.length): Generator<Box> {
  let at = start
  for (let count = 0; count < maxBoxes && at + 8 <= end; count += 1) {
    const box = readBox(bytes.subarray(at, Math.min(at + 16, end)), at, end)
    if (box === null) return
    yield box
    at = box.end
  }
}

/** Walks the top-level boxes of a file, reading 16 bytes of each. */
export async function* fileBoxes(file: FileHandle, start: number, end: number): AsyncGenerator<Box> {
  const header = Buffer.alloc(16)
  let at = start
  for (let count = 0; count < maxBoxes && at + 8 <= end; count += 1) {
    const { bytesRead } = await file.read(header, 0, 16, at)
    const box = readBox(header.subarray(0, bytesRead), at, end)
    if (box === null) return
    yield box
    at = box.end
  }
}

/** Null where size or type cannot be those of a box. */
function readBox(header: Buffer, start: number, end: number): Box | null {
  if (header.length < 8) return null
  const type = header.toString('latin1', 4, 8)
  if (!/^[\x20-\x7e\xa9][\x20-\x7e]{3}$/.test(type)) return null
  let size = header.readUInt32BE(0)
  let content = start + 8
  if (size === 1) {
    if (header.length < 16) return null
    size = Number(header.readBigUInt64BE(8))
    content += 8
  } else if (size === 0) {
    size = end - start
  }
  if (size < content - start || start + size > end) return null
  return { type, start, content, end: start + size }
}
