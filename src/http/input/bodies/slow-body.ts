import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'
import { Refused } from '../../../domain/records/errors.ts'

/** A body must deliver at least this many bytes in each span of time, or it is given up. */
export const slowBody = { spanMs: 20_000, leastBytes: 4096 }

/**
 * Watches a request's body: `failed` rejects with Refused('too-slow') when the client sends next to nothing for a
 * whole span while we wait for it. Time in which we hold the body back does not count against the client.
 */
export function guardSlowBody(req: IncomingMessage): { failed: Promise<never>; stop(): void } {
  let seen = req.socket.bytesRead
  let timer: NodeJS.Timeout | undefined
  const failed = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      const now = req.socket.bytesRead
      // A paused stream, or one with bytes waiting in it, is held back by us.
      const isWaiting = req.readableFlowing !== false && req.readableLength === 0
      if (isWaiting && !req.readableEnded && now - seen < slowBody.leastBytes)
        reject(new Refused('too-slow', 'The request was too slow. Send it again over a better connection.'))
      seen = now
    }, slowBody.spanMs)
  })
  // If nobody awaits it, it must not become an unhandled rejection.
  failed.catch(() => {})
  return { failed, stop: () => clearInterval(timer) }
}

/** A body parser of Express that gives up a body which comes too slowly: Refused('too-slow'). */
export const withoutStalling =
  (parse: RequestHandler): RequestHandler =>
  (req, res, next) => {
    if (req.complete) return void parse(req, res, next)
    const guard = guardSlowBody(req)
    let isOver = false
    // The parser still waits for the rest: it may end later, but it is asked no more.
    const end = (error?: unknown): void => {
      if (isOver) return
      isOver = true
      guard.stop()
      next(error)
    }
    guard.failed.catch(end)
    void parse(req, res, end)
  }

/** A body that nobody reads, because its request is answered already: the connection ends when it comes too slowly. */
export function dropSlowRest(req: IncomingMessage, res: ServerResponse): void {
  res.once('finish', () => {
    if (req.complete || req.destroyed) return
    const guard = guardSlowBody(req)
    guard.failed.catch(() => req.socket.destroy())
    const stop = (): void => guard.stop()
    req.once('end', stop).once('close', stop)
  })
}
