import type { Ports } from '../ports.ts'
import type { Link } from './records.ts'

/** Carries hashes of secrets, apart by spaces: whoever is inside of these links is to be asked for again. */
export const gateChannel = 'gate'

/**
 * Tells every web process at once that links let fewer in than before. Best effort, and waited for by nobody: the
 * processes look for themselves as well, only later.
 */
export function announceNarrowed(
  { events, log }: Pick<Ports, 'events' | 'log'>,
  links: readonly Pick<Link, 'secretHash'>[],
): void {
  if (links.length === 0) return
  events
    .publish(gateChannel, links.map(({ secretHash }) => secretHash).join(' '))
    .catch((error: unknown) =>
      log.warn({ err: error }, 'a stop was not announced; running downloads see it later'),
    )
}
