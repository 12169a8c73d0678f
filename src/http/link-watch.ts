import type { Response } from 'express'
import { mayGoOn, type Knock } from '../domain/link.ts'
import type { Ports } from '../ports.ts'

/** How often the gate is asked again for downloads that run, in milliseconds: with the asking itself well under 5 s. */
const interval = 2000

/** Breaks running downloads once their link no longer lets them in. */
export interface LinkWatch {
  /** Watches an answer until it has ended. */
  add(knock: Knock, res: Response): void
  stop(): void
}

interface Watched {
  readonly knock: Knock
  readonly answers: Set<Response>
}

/** Asks once per link and round, however many downloads it has. When the store cannot tell, nothing goes on. */
export function watchLinks(ports: Pick<Ports, 'store' | 'clock' | 'log'>): LinkWatch {
  const bySecret = new Map<string, Watched>()
  let isAsking = false

  async function ask({ knock, answers }: Watched): Promise<void> {
    const goesOn = await mayGoOn(ports, knock).catch((error: unknown) => {
      ports.log.warn({ err: error }, 'downloads broken: the gate could not be asked')
      return false
    })
    if (!goesOn) for (const res of answers) res.destroy()
  }

  const timer = setInterval(() => {
    if (isAsking) return
    isAsking = true
    void Promise.all([...bySecret.values()].map(ask)).finally(() => (isAsking = false))
  }, interval)
  timer.unref()

  return {
    add(knock, res) {
      const watched = bySecret.get(knock.secret) ?? { knock, answers: new Set() }
      bySecret.set(knock.secret, watched)
      watched.answers.add(res)
      res.once('close', () => {
        watched.answers.delete(res)
        if (watched.answers.size === 0) bySecret.delete(knock.secret)
      })
    },
    stop: () => clearInterval(timer),
  }
}
