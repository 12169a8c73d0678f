import type { Ports } from '../../ports.ts'
import { rank } from './store/change.ts'
import { keys } from './keys.ts'

/** What was stored is read for the first time after this long, when it no longer lies in the machine's memory alone. */
const firstCheckMs = 6 * 3_600_000

/** Has an item's or album's objects read and compared within their first day. `prefix`: `items/<item>`, `albums/<album>`. */
export async function expectCheck(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  prefix: string,
): Promise<void> {
  await store.commit({ writes: [rank(keys.unchecked, prefix, clock.now() + firstCheckMs)] })
}
