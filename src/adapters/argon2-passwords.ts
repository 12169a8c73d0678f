import { hash, verify, type Options } from '@node-rs/argon2'
import { TooBusy, type Passwords } from '../ports.ts'

/** OWASP's least for argon2id (Password Storage Cheat Sheet, 2024): 19 MiB, two passes, one lane. argon2id is the default. */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export interface Argon2Options {
  /** Hashes at the same time; each takes 19 MiB and a thread of Node's pool of four. */
  readonly atOnce?: number
  /** Hashes that may wait for their turn. */
  readonly waiting?: number
}

/** Passwords by argon2id. A flood of guesses takes bounded memory and leaves threads to the rest of the process. */
export function argon2Passwords({ atOnce = 2, waiting = 32 }: Argon2Options = {}): Passwords {
  const queue: (() => void)[] = []
  let running = 0

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running < atOnce) running++
    // Whoever ends hands its place over, so that `running` stays.
    else if (queue.length < waiting) await new Promise<void>((go) => queue.push(go))
    else throw new TooBusy('too many passwords are being checked')
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }

  return {
    hash: (password) => inTurn(() => hash(password, cost)),
    verify: (hashed, password) => inTurn(() => verify(hashed, password)),
  }
}
