import { hash, verify, type Options } from '@node-rs/argon2'
import { FairQueue } from '../fair/queue.ts'
import type { Passwords } from '../ports.ts'

/** OWASP's least for argon2id (Password Storage Cheat Sheet, 2024): 19 MiB, two passes, one lane. argon2id is the default. */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export interface Argon2Options {
  /** Hashes at the same time; each takes 19 MiB and a thread of Node's pool of four. */
  readonly atOnce?: number
  /** Hashes that may wait for their turn: 256 wait for about 5 s. */
  readonly waiting?: number
}

/** Passwords by argon2id. A flood of guesses takes bounded memory, leaves threads to the rest of the process, and waits behind others. */
export function argon2Passwords({ atOnce = 2, waiting = 256 }: Argon2Options = {}): Passwords {
  const queue = new FairQueue(atOnce, waiting)
  return {
    hash: (password, by = []) => queue.run(by, () => hash(password, cost)),
    verify: (hashed, password, by = []) => queue.run(by, () => verify(hashed, password)),
  }
}
