import type { Ports } from '../../ports.ts'
import { ranks } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { readRecordsThere } from '../records/read-records.ts'
import { linkSchema, type Link } from '../records/records.ts'

/** Carries hashes of secrets, separated by spaces. Running answers of these links are checked again. */
export const gateChannel = 'gate'

/**
 * Tells every web process at once that links allow less than before. Best effort, not awaited: the
 * processes also check by themselves every two seconds.
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

/** The same for every link that opens one of the owner's `albums`, of which less is shown than before. */
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
