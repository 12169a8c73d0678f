import type { Request } from 'express'
import type { Log } from '../../ports.ts'
import { routeOf } from '../input/caller.ts'

/** How often the event loop is looked at, and from when on it counts as held, in milliseconds. */
const stepMs = 50
const heldMs = 200
/** Routes that one line of the log names at most. */
const mostNamed = 5

export interface LoopWatch {
  /** Call it when a request comes in; what it answers, when the request is over. */
  begin(req: Request): () => void
  stop(): void
}

/**
 * Looks whether the event loop goes round: `observe` hears of each look how late it came, in seconds. One that is more
 * than 200 ms late is logged with the patterns of the routes that were being answered meanwhile: one of them held it,
 * or the machine had no time for any.
 */
export function watchLoop(log: Log, observe: (seconds: number) => void): LoopWatch {
  const answering = new Set<Request>()
  const answered = new Set<Request>()
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const late = Math.max(0, now - last - stepMs)
    last = now
    observe(late / 1000)
    if (late > heldMs) {
      const routes = new Set([...answered, ...answering].map((req) => `${req.method} ${routeOf(req)}`))
      log.warn({ delayMs: Math.round(late), routes: [...routes].slice(0, mostNamed) }, 'event loop held')
    }
    answered.clear()
  }, stepMs)
  timer.unref()
  return {
    begin(req) {
      answering.add(req)
      return () => {
        answering.delete(req)
        answered.add(req)
      }
    },
    stop: () => clearInterval(timer),
  }
}
