import type { Ports } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { linkSchema, type Link } from '../records/records.ts'

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
      log.warn({ err: error }, 'could not announce the stop; running downloads end at their next check'),
    )
}

/** The same for whatever link opens any of an owner's `albums`: less of them is shown than before. */
export async function announceShownLess(
  ports: Pick<Ports, 'store' | 'events' | 'log'>,
  owner: string,
  albums: readonly string[],
): Promise<void> {
  try {
    const members = await ports.store.read(albums.map((album) => ranks(keys.albumLinks(owner, album))))
    const links = new Set(members.flat().map(({ member }) => member))
    const recordKeys = [...links].map((link) => keys.link(owner, link))
    announceNarrowed(ports, await readRecordsThere(ports.store, linkSchema, recordKeys))
  } catch (error) {
    ports.log.warn({ err: error }, 'could not announce the change; running downloads end at their next check')
  }
}
