import { open } from 'node:fs/promises'
import type { ByteRange, ByteSource } from './byte-source.ts'

/** Writes a file from front to back. */
export interface FileWriter {
  write(bytes: Buffer): Promise<void>
  copy(source: ByteSource, range: ByteRange): Promise<void>
}

/** Makes `path` anew by `work`. */
export async function writeFileBy(path: string, work: (writer: FileWriter) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w')
  const write = async (bytes: Buffer) => {
    let done = 0
    while (done < bytes.length) {
      done += (await handle.write(bytes, done, bytes.length - done, null)).bytesWritten
    }
  }
  try {
    await work({
      write,
      async copy(source, range) {
        const step = 1024 * 1024
        for (let done = 0; done < range.length; done += step) {
          const bytes = await source.read(range.offset + done, Math.min(step, range.length - done))
          if (bytes.length === 0) return
          await write(bytes)
        }
      },
    })
  } finally {
    await handle.close()
  }
}
