import type { Request, Response } from 'express'
import type { KnownOwner } from '../../../domain/owner/owner.ts'
import { ownerChannel } from '../../../domain/preparing/prepare.ts'
import { senderParty } from '../../delivery/fair-places.ts'
import { requireOwner } from '../../input/caller.ts'
import type { ApiContext } from './operation.ts'

/** How often a stream shows that it lives, in milliseconds. */
const heartbeatMs = 15_000
/** How often it is asked whether the stream's key still opens something, in milliseconds: well within 5 s. */
const lookMs = 2000
/** A client that does not read is let go once this many bytes wait for it. */
const maxWaitingBytes = 256 * 1024

/** Server-sent events (WHATWG HTML, 9.2): an owner hears of the owner's own items, and of no other's. */
export async function ownerNews({
  context,
  req,
  res,
  owner,
}: {
  readonly context: ApiContext
  readonly req: Request
  readonly res: Response
  readonly owner: KnownOwner
}): Promise<void> {
  // A stream whose place another party is owed ends; its page can ask for the state at any time.
  const place = context.places.eventStreams.take(senderParty(req, owner.id), () => void res.end())
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
    // A key that was changed meanwhile opens nothing any more; when the store cannot tell, nothing goes on.
    const look = setInterval(() => void requireOwner(context, req).catch(() => res.end()), lookMs)
    send(': here\n\n')
    // Whoever left meanwhile has closed it already, and that is told once.
    if (!res.closed) await new Promise((resolve) => res.once('close', resolve))
    clearInterval(heartbeat)
    clearInterval(look)
    await unsubscribe()
  } finally {
    place.leave()
  }
}
