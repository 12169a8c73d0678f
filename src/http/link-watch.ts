import type { Response } from 'express'
import { mayGoOn, type Knock } from '../domain/link.ts'
import type { Ports } from '../ports.ts'
import { breakOff } from './break-off.ts'

/**
 * How often the gate is asked again for downloads that run, in milliseconds. A proxy in front hands out for up to 4 s
 * more what it holds already (4 MB, read at 1 MB/s): little is left of the 5 s that are promised.
 */
const interval = 500

/** Breaks running downloads once their link no longer lets them in. */
export interface LinkWatch {
  /** Watches an answer until it has ended. */
  add(knock: Knock, res: Response): void
  stop(): void
}

/** The answers that run for one link, each with what its visitor showed at the door. */
type Running = Map<Response, Knock>

/** Asks once per link and round, however many downloads it has. When the store cannot tell, nothing goes on. */
export function watchLinks(ports: Pick<Ports, 'store' | 'clock' | 'log'>): LinkWatch {
  const bySecret = new Map<string, Running>()
  let isAsking = false

  async function ask(running: Running): Promise<void> {
    try {
      const [first] = running.values()
      if (!first || (await mayGoOn(ports, first))) return
      // The one may have left, which shuts nobody else out.
      await Promise.all(
        [...running].map(async ([res, knock]) => {
          if (!(await mayGoOn(ports, knock))) breakOff(res)
        }),
      )
    } catch (error) {
      ports.log.warn({ err: error }, 'downloads broken: the gate could not be asked')
      for (const res of running.keys()) breakOff(res)
    }
  }

  const timer = setInterval(() => {
    if (isAsking) return
    isAsking = true
    void Promise.all([...bySecret.values()].map(ask)).finally(() => (isAsking = false))
  }, interval)
  timer.unref()

  return {
    add(knock, res) {
      // The visitor left while the gate was asked: nothing would ever take it out again.
      if (res.closed) return
      const running = bySecret.get(knock.secret) ?? new Map<Response, Knock>()
      bySecret.set(knock.secret, running)
      running.set(res, knock)
      res.once('close', () => {
        running.delete(res)
        if (running.size === 0) bySecret.delete(knock.secret)
      })
    },
    stop: () => clearInterval(timer),
  }
}
