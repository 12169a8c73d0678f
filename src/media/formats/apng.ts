import { open } from 'node:fs/promises'

export interface Apng {
  readonly frames: number
  readonly width: number
  readonly height: number
}

const headBytes = 64 * 1024

/** What an animated PNG says of itself (`IHDR`, and `acTL` before the pixels); null where it does not move. */
export async function readApng(path: string): Promise<Apng | null> {
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(headBytes)
    const { bytesRead } = await file.read(buffer, 0, headBytes, 0)
    const head = buffer.subarray(0, bytesRead)
    for (let at = 8; at + 16 <= head.length;) {
      const length = head.readUInt32BE(at)
      const chunk = head.toString('latin1', at + 4, at + 8)
      if (chunk === 'IDAT') return null
      if (chunk === 'acTL') {
        const frames = head.readUInt32BE(at + 8)
        return frames < 2 ? null : { frames, width: head.readUInt32BE(16), height: head.readUInt32BE(20) }
      }
      at += 12 + length
    }
    return null
  } finally {
    await file.close()
  }
}
