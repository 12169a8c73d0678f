import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** A download that runs: what it got so far, and how it ends. */
export interface Download {
  readonly status: number
  readonly bytes: () => number
  /** Resolves when nothing more comes: whole, or broken off. */
  readonly ended: Promise<{ at: number; isWhole: boolean }>
  leave(): void
}

/** Downloads `address`, reading no more than `bytesPerSecond` (Infinity: as fast as it comes). Throws without an answer. */
export async function download(
  address: string,
  {
    bytesPerSecond = Infinity,
    headers = {},
  }: { bytesPerSecond?: number; headers?: Record<string, string> } = {},
): Promise<Download> {
  const req = request(address, { headers, agent: false })
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const begun = Date.now()
  let bytes = 0
  const read = async (): Promise<{ at: number; isWhole: boolean }> => {
    try {
      for await (const piece of res as AsyncIterable<Buffer>) {
        bytes += piece.length
        const early = (1000 * bytes) / bytesPerSecond - (Date.now() - begun)
        if (early > 0) await sleep(early)
      }
    } catch {
      // Broken off: `complete` says so.
    }
    return { at: Date.now(), isWhole: res.complete }
  }
  req.on('error', () => {})
  return { status: res.statusCode ?? 0, bytes: () => bytes, ended: read(), leave: () => req.destroy() }
}
