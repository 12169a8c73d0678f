import type { ServerResponse } from 'node:http'

/**
 * Ends an answer that must not go on, with a reset (RST; RFC 9293, 3.5.2) instead of a regular end: a regular end comes
 * after the megabytes that the kernel has taken and not yet sent, and would hand them out too.
 */
export function breakOff(res: ServerResponse): void {
  if (res.socket === null || res.socket.destroyed) res.destroy()
  else res.socket.resetAndDestroy()
}
