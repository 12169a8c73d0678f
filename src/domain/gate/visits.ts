import type { Ports } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import type { Link } from '../records/records.ts'

type CountPorts = Pick<Ports, 'store' | 'clock' | 'log'>

/**
 * Counts that a person looked at a link: how many and when, and nothing about who. Call it for what only people do,
 * never for a mere GET. A count that fails is logged: nobody is kept from the pictures for it.
 */
export async function countVisit({ store, clock, log }: CountPorts, link: Link): Promise<void> {
  const key = keys.linkCounts(link.owner, link.id)
  try {
    await store.commit({
      writes: [
        { kind: 'increase', key, field: 'visits', by: 1 },
        { kind: 'setField', key, field: 'lastVisitAt', value: String(clock.now()) },
      ],
    })
  } catch (error) {
    log.warn({ err: error, link: link.id }, 'a access was not counted')
  }
}

/** Counts a download, of one file or of a ZIP. As with visits, one that fails is logged. */
export async function countDownload({ store, log }: CountPorts, link: Link): Promise<void> {
  const key = keys.linkCounts(link.owner, link.id)
  try {
    await store.commit({ writes: [{ kind: 'increase', key, field: 'downloads', by: 1 }] })
  } catch (error) {
    log.warn({ err: error, link: link.id }, 'a download was not counted')
  }
}
