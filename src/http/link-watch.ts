import type { Response } from 'express'
import { gateChannel } from '../domain/gate-news.ts'
import { linkThatStillLetsIn, type Knock } from '../domain/link.ts'
import { hashToken } from '../domain/tokens.ts'
import type { Ports } from '../ports.ts'
import { breakOff } from './break-off.ts'

/**
 * How often the gate is asked again for downloads that run, in milliseconds. A stop is announced and breaks them at
 * once; this finds expiry, and what an announcement that was lost would have told.
 */
const interval = 2000

/** Breaks running downloads once their link no longer lets them in. */
export interface LinkWatch {
  /** Watches an answer until it has ended. */
  add(knock: Knock, res: Response): void
  stop(): void
}

/** The answers that run for one link, each with what its visitor showed at the door. */
type Running = Map<Response, Knock>

/** Asks once per link and round, however many downloads it has. When the store cannot tell, nothing goes on. */
export function watchLinks(
  ports: Pick<Ports, 'store' | 'events' | 'clock' | 'log'>,
  { everyMs = interval } = {},
): LinkWatch {
  /** By the secret's hash, as announcements name links. */
  const byHash = new Map<string, Running>()
  let isAsking = false

  async function ask(running: Running): Promise<void> {
    try {
      const [first] = running.values()
      if (!first) return
      const link = await linkThatStillLetsIn(ports, first)
      // Behind a password each browser has a session of its own.
      if (link && !link.password) return
      await Promise.all(
        [...running].map(async ([res, knock]) => {
          if (!(await linkThatStillLetsIn(ports, knock))) breakOff(res)
        }),
      )
    } catch (error) {
      ports.log.warn({ err: error }, 'downloads broken: the gate could not be asked')
      for (const res of running.keys()) breakOff(res)
    }
  }

  function hear(message: string): void {
    for (const hash of message.split(' ')) {
      const running = byHash.get(hash)
      if (running) void ask(running)
    }
  }

  let leave: Promise<() => Promise<void>> | null = null
  /** Redis may be away at the start: tried again with each round. */
  function listen(): void {
    leave ??= ports.events.subscribe(gateChannel, hear)
    leave.catch((error: unknown) => {
      leave = null
      ports.log.debug({ err: error }, 'stops are not heard of yet')
    })
  }

  listen()
  const timer = setInterval(() => {
    listen()
    if (isAsking) return
    isAsking = true
    void Promise.all([...byHash.values()].map(ask)).finally(() => (isAsking = false))
  }, everyMs)
  timer.unref()

  return {
    add(knock, res) {
      // The visitor left while the gate was asked: nothing would ever take it out again.
      if (res.closed) return
      const hash = hashToken(knock.secret)
      const running = byHash.get(hash) ?? new Map<Response, Knock>()
      byHash.set(hash, running)
      running.set(res, knock)
      res.once('close', () => {
        running.delete(res)
        if (running.size === 0 && byHash.get(hash) === running) byHash.delete(hash)
      })
    },
    stop() {
      clearInterval(timer)
      void leave?.then((unsubscribe) => unsubscribe()).catch(() => undefined)
    },
  }
}
