import type { Request } from 'express'
import { Refused } from '../domain/errors.ts'

/** A body must bring at least so many bytes in each span of time, or it is given up. */
export const slowBody = { spanMs: 20_000, leastBytes: 4096 }

/**
 * Watches a request's body: `failed` rejects with Refused('too-slow') when the client sends next to nothing for a
 * whole span while we wait for it. Time in which we hold the body back does not count against the client.
 */
export function guardSlowBody(req: Request): { failed: Promise<never>; stop(): void } {
  let seen = req.socket.bytesRead
  let timer: NodeJS.Timeout | undefined
  const failed = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      const now = req.socket.bytesRead
      // A paused stream, or one with bytes waiting in it, is held back by us.
      const isWaiting = req.readableFlowing !== false && req.readableLength === 0
      if (isWaiting && !req.readableEnded && now - seen < slowBody.leastBytes)
        reject(
          new Refused('too-slow', 'Too little came in for too long. Send it again over a better connection.'),
        )
      seen = now
    }, slowBody.spanMs)
  })
  // Whoever never asks must not be told by an unhandled rejection.
  failed.catch(() => {})
  return { failed, stop: () => clearInterval(timer) }
}
