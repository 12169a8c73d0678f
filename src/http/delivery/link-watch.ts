import type { Response } from 'express'
import { gateChannel } from '../../domain/gate/access-changes.ts'
import { linkIfStillOpen, type Credentials } from '../../domain/gate/authorize.ts'
import { askForLink, isStillAllowed, type Question } from '../../domain/gate/still-allowed.ts'
import { hashToken } from '../../domain/records/tokens.ts'
import type { Ports } from '../../ports.ts'
import { breakOff } from './break-off.ts'

/**
 * How often the gate is asked again for downloads that run, in milliseconds. A stop is announced and breaks them at
 * once; this finds expiry, and what an announcement that was lost would have told.
 */
const interval = 2000

/** Breaks running downloads once they would no longer be given. */
export interface LinkWatch {
  /** Watches an answer until it has ended: it goes on while the answer to `question` is yes. */
  add(credentials: Credentials, res: Response, question?: Question): void
  stop(): void
}

/** What a visitor showed at the door, and what for. */
interface Asked {
  readonly credentials: Credentials
  readonly question: Question
}

/** The running answers of one link. */
type Running = Map<Response, Asked>

/**
 * Asks each question once per link and round, however many downloads wait for its answer. When the store cannot tell,
 * nothing goes on.
 */
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
      const link = await linkIfStillOpen(ports, first.credentials)
      // Behind a password each browser has a session of its own.
      const isForAll = link !== null && !link.password
      const answers = new Map<string, Promise<boolean>>()
      await Promise.all(
        [...running].map(async ([res, { credentials, question }]) => {
          const answer =
            (isForAll && answers.get(question.name)) || isStillAllowed(ports, credentials, question)
          answers.set(question.name, answer)
          if (!(await answer)) breakOff(res)
        }),
      )
    } catch (error) {
      ports.log.warn({ err: error }, 'ended downloads: the gate could not be asked')
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
    add(credentials, res, question = askForLink) {
      // The visitor left while the gate was asked: nothing would ever take it out again.
      if (res.closed) return
      const hash = hashToken(credentials.secret)
      const running = byHash.get(hash) ?? new Map<Response, Asked>()
      byHash.set(hash, running)
      running.set(res, { credentials, question })
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
