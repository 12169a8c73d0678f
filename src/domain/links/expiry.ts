import type { Limits } from '../../ports.ts'
import { Refused } from '../records/errors.ts'

export const dayMs = 24 * 3_600_000
const hourMs = 3_600_000
/** What a caller's clock and the way here may differ by. */
const slackMs = 60_000

/** When a link is to end: a moment in milliseconds since 1970, or days from now. */
export type Until = { readonly expiresAt: number } | { readonly expiresInDays: number }

/**
 * When a link ends, in milliseconds since 1970: an hour from `now` at the earliest, and the operator's longest life
 * after `from` (its making or last renewal) at the latest. Throws Refused('bad-request').
 */
export function expiryOf(
  { linkDaysMax }: Pick<Limits, 'linkDaysMax'>,
  { now, from, until }: { now: number; from: number; until: Until },
): number {
  const at = Math.round('expiresAt' in until ? until.expiresAt : now + until.expiresInDays * dayMs)
  if (!(at >= now + hourMs - slackMs)) throw new Refused('bad-request', 'A link lives at least an hour.')
  if (at > from + linkDaysMax * dayMs + slackMs)
    throw new Refused(
      'bad-request',
      `A link lives at most ${linkDaysMax} days from its making or last renewal.`,
      { limit: linkDaysMax },
    )
  return Math.min(at, from + linkDaysMax * dayMs)
}
