import { ranks, type Ports } from '../../ports.ts'
import { changeOwner, rank, set, type Changing } from '../records/store/change.ts'
import { graceMs, atOnce, wakeSweep, queueRemoval } from '../records/store/deletion-schedule.ts'
import { notFound } from '../records/errors.ts'
import { announceNarrowed } from '../gate/access-changes.ts'
import { keys } from '../records/keys.ts'
import { linkState } from '../gate/authorize.ts'
import type { Link } from '../records/records.ts'
import { linksOrStandIns } from '../records/stand-ins.ts'
import { noteActs, makeLasting } from '../records/instance/tombstones.ts'

type StopPorts = Pick<Ports, 'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log'>

/** Links that are stopped as one step. */
const stopStep = 200

/**
 * Ends a link for good: when this has answered, the gate lets nobody in by it. What no other living link reaches
 * is deleted within a minute, or, where `keepForADay`, a day later unless it is shared again. Doing it twice
 * changes nothing, but that what was kept for a day goes where it is no longer to be kept. One whose record cannot be read ends all the same. Throws Refused: `unknown`, and `not-noted` where it
 * has ended, but a loss of the store could bring it back yet.
 */
export async function stopSharing(
  ports: StopPorts,
  input: { owner: string; link: string; keepForADay?: boolean },
): Promise<Link> {
  const { owner } = input
  const stop = await beginStop(ports, input)
  const link = await changeOwner(ports.store, owner, async (changing) => {
    const [found] = await linksOrStandIns(changing, owner, [input.link])
    if (!found) throw notFound('link')
    const isDone = found.stoppedAt !== null && found.dueAt <= stop.dueAt
    return isDone ? found : writeStopped(changing, found, stop)
  })
  announceNarrowed(ports, [link])
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'The link has ended')
  return link
}

/**
 * Ends every link of an owner: when this has answered, none of them lets anybody in. What they alone reach is deleted as by
 * `stopSharing`, also where a link had ended before and its files were kept for a day. Returns how many were open.
 */
export async function stopAll(
  ports: StopPorts,
  input: { owner: string; keepForADay?: boolean },
): Promise<number> {
  const { store } = ports
  const { owner } = input
  const stop = await beginStop(ports, input)
  const [members] = await store.read([ranks(keys.links(owner))])
  let stopped = 0
  for (let from = 0; from < members.length; from += stopStep) {
    const justEnded = await changeOwner(store, owner, async (changing) => {
      const part = members.slice(from, from + stopStep).map(({ member }) => member)
      const links = await linksOrStandIns(changing, owner, part)
      const isOpen = (link: Link) => linkState(link, stop.now) === 'open'
      const toEnd = links.filter((link) => isOpen(link) || (!link.isReaped && link.dueAt > stop.dueAt))
      for (const link of toEnd) writeStopped(changing, link, stop)
      return toEnd.filter(isOpen)
    })
    announceNarrowed(ports, justEnded)
    stopped += justEnded.length
  }
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'All links have ended')
  return stopped
}

interface Stop {
  readonly now: number
  /** When what the links alone reach is to be deleted. */
  readonly dueAt: number
}

/** Wakes the sweep before anything is recorded: whatever crashes after this, it deletes what is to go. */
async function beginStop(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  { owner, keepForADay }: { owner: string; keepForADay?: boolean },
): Promise<Stop> {
  const now = clock.now()
  // Deleting at once does not depend on any clock.
  const dueAt = keepForADay ? now + graceMs : atOnce
  await wakeSweep(store, owner, dueAt)
  return { now, dueAt }
}

function writeStopped(changing: Changing, link: Link, { now, dueAt }: Stop): Link {
  const stopped: Link = { ...link, stoppedAt: link.stoppedAt ?? now, dueAt: Math.min(link.dueAt, dueAt) }
  changing.write(
    set(keys.link(link.owner, link.id), stopped),
    rank(keys.ownerDue(link.owner), `link/${link.id}`, stopped.dueAt),
    ...noteActs(link.owner, [{ kind: 'stop', id: link.id, at: now }]),
  )
  return stopped
}
