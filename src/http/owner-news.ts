import type { RequestHandler } from 'express'
import { Refused } from '../domain/errors.ts'
import { ownerChannel } from '../domain/prepare.ts'
import type { WebContext } from './context.ts'
import { requireOwner } from './request.ts'

/** Streams that one process keeps open at most, and how often it shows that it lives, in milliseconds. */
const maxStreams = 2000
const heartbeatMs = 15_000
/** A client that does not read is let go once this many bytes wait for it. */
const maxWaitingBytes = 256 * 1024

/** Server-sent events (WHATWG HTML, 9.2): an owner hears of the owner's own items, and of no other's. */
export function ownerNews(context: WebContext): RequestHandler {
  let streams = 0
  return async (req, res) => {
    const owner = await requireOwner(context, req)
    if (streams >= maxStreams)
      throw new Refused('unavailable', 'Too many pages listen. Reload to see the state.')
    streams += 1
    try {
      res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
      res.flushHeaders()
      const send = (text: string): void => {
        if (res.writableLength > maxWaitingBytes) res.destroy()
        else res.write(text)
      }
      const unsubscribe = await context.ports.events.subscribe(ownerChannel(owner.id), (news) =>
        send(`data: ${news}\n\n`),
      )
      const heartbeat = setInterval(() => send(': here\n\n'), heartbeatMs)
      send(': here\n\n')
      // Whoever left meanwhile has closed it already, and that is told once.
      if (!res.closed) await new Promise((resolve) => res.once('close', resolve))
      clearInterval(heartbeat)
      await unsubscribe()
    } finally {
      streams -= 1
    }
  }
}
