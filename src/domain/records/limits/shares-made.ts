import type { Party, Ports } from '../../../ports.ts'
import { Refused } from '../errors.ts'
import { keys } from '../keys.ts'

const hourSeconds = 3600

/**
 * Counts something new that its sender wants to keep here: a share, an album, a link. Whoever has an owner of each of
 * a thousand shares is still one address. Throws Refused('too-many-requests').
 */
export async function countShare(
  { store, limits }: Pick<Ports, 'store' | 'limits'>,
  sender: Party,
): Promise<void> {
  const limit = limits.addressSharesPerHour
  if (!limit) return
  for (const { name, persons } of sender) {
    const { allowed, retryAfterSeconds } = await store.hit(
      keys.sharesMade(name),
      limit * persons,
      hourSeconds,
    )
    if (!allowed)
      throw new Refused('too-many-requests', 'Your network has reached its limit of shares within an hour.', {
        per: 'hour',
        limit,
        retryAfterSeconds,
      })
  }
}
