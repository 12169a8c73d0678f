import type { Key, Party, Store } from '../../../ports.ts'
import { Refused } from '../errors.ts'

/** How often something may be tried within a window. */
export interface TryLimit {
  readonly most: number
  readonly windowSeconds: number
}

/**
 * Counts a try for each name of who tries, before it is judged: of many at once no more than the limit are. Names that
 * several persons may stand behind have several times the limit. Throws Refused('too-many-requests').
 */
export async function countTry(
  store: Pick<Store, 'hit'>,
  who: Party,
  keyOf: (name: string) => Key,
  { most, windowSeconds }: TryLimit,
  message = 'Too many tries. Wait a little, then try again.',
): Promise<void> {
  for (const { name, persons } of who) {
    const answer = await store.hit(keyOf(name), most * persons, windowSeconds)
    if (!answer.allowed)
      throw new Refused('too-many-requests', message, { retryAfterSeconds: answer.retryAfterSeconds })
  }
}

/** Forgets the tries of a party that gave the right password: many people may share one address. */
export async function forgetTries(
  store: Pick<Store, 'commit'>,
  who: Party,
  keyOf: (name: string) => Key,
): Promise<void> {
  await Promise.all(who.map(({ name }) => store.commit({ writes: [{ kind: 'remove', key: keyOf(name) }] })))
}
