import type { Ports } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import type { Link } from '../records/records.ts'

type CountPorts = Pick<Ports, 'store' | 'clock' | 'log'>

/**
 * Counts that a person looked at a link: how many and when, never who. Call it for actions that only people take,
 * never for a plain GET. A failure is logged and does not stop the visitor.
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

/** Counts a download of a file or a ZIP. A failure is logged, as for visits. */
export async function countDownload({ store, log }: CountPorts, link: Link): Promise<void> {
  const key = keys.linkCounts(link.owner, link.id)
  try {
    await store.commit({ writes: [{ kind: 'increase', key, field: 'downloads', by: 1 }] })
  } catch (error) {
    log.warn({ err: error, link: link.id }, 'a download was not counted')
  }
}
