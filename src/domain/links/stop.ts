import { ranks, type Ports } from '../../ports.ts'
import { changeOwner, set, rank } from '../records/store/change.ts'
import { graceMs, atOnce, wakeSweep, queueRemoval } from '../records/store/due.ts'
import { unknown } from '../records/errors.ts'
import { announceNarrowed } from '../gate/gate-news.ts'
import { keys } from '../records/keys.ts'
import { linkState } from '../gate/authorize.ts'
import type { Link } from '../records/records.ts'
import { linksOrStandIns } from '../records/stand-ins.ts'
import { noteActs, makeLasting } from '../records/instance/tombstones.ts'

/** Links that are stopped as one step. */
const stopStep = 200

/**
 * Ends a link for good: when this has answered, the gate lets nobody in by it. What no other living link reaches
 * is deleted within a minute, or, where `keepForADay`, a day later unless it is shared anew. Doing it twice
 * changes nothing. One whose record cannot be read ends all the same. Throws Refused: `unknown`, and `not-noted` where it
 * has ended, but a loss of the store could bring it back yet.
 */
export async function stopSharing(
  ports: Pick<Ports, 'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log'>,
  input: { owner: string; link: string; keepForADay?: boolean },
): Promise<Link> {
  const { store, clock, queue, log } = ports
  const now = clock.now()
  // What is to go at once does not wait for any clock.
  const dueAt = input.keepForADay ? now + graceMs : atOnce
  await wakeSweep(store, input.owner, dueAt)
  const link = await changeOwner(store, input.owner, async (changing) => {
    const [found] = await linksOrStandIns(changing, input.owner, [input.link])
    if (!found) throw unknown('link')
    if (found.stoppedAt !== null) return found
    const stopped: Link = { ...found, stoppedAt: now, dueAt: Math.min(found.dueAt, dueAt) }
    changing.write(
      set(keys.link(found.owner, found.id), stopped),
      rank(keys.ownerDue(found.owner), `link/${found.id}`, stopped.dueAt),
      ...noteActs(found.owner, [{ kind: 'stop', id: found.id, at: now }]),
    )
    return stopped
  })
  announceNarrowed(ports, [link])
  try {
    await queue.add({ kind: 'remove', owner: input.owner })
  } catch (error) {
    // The link has ended all the same, and the sweep that was woken above removes what is left.
    log.warn({ err: error, link: link.id }, 'removal not queued; the sweep will')
  }
  await makeLasting(ports, input.owner, 'The link has ended')
  return link
}

/**
 * Ends every link of an owner that is open: when this has answered, none of them lets anybody in. What they alone
 * reach is deleted as by `stopSharing`. Answers how many were stopped.
 */
export async function stopAll(
  ports: Pick<Ports, 'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log'>,
  input: { owner: string; keepForADay?: boolean },
): Promise<number> {
  const { store, clock } = ports
  const { owner } = input
  const now = clock.now()
  const dueAt = input.keepForADay ? now + graceMs : atOnce
  await wakeSweep(store, owner, dueAt)
  const [members] = await store.read([ranks(keys.links(owner))])
  let stopped = 0
  for (let from = 0; from < members.length; from += stopStep) {
    const justEnded = await changeOwner(store, owner, async (changing) => {
      const part = members.slice(from, from + stopStep).map(({ member }) => member)
      const links = await linksOrStandIns(changing, owner, part)
      const open = links.filter((link) => linkState(link, now) === 'open')
      for (const link of open) {
        const next: Link = { ...link, stoppedAt: now, dueAt: Math.min(link.dueAt, dueAt) }
        changing.write(
          set(keys.link(owner, link.id), next),
          rank(keys.ownerDue(owner), `link/${link.id}`, next.dueAt),
          ...noteActs(owner, [{ kind: 'stop', id: link.id, at: now }]),
        )
      }
      return open
    })
    announceNarrowed(ports, justEnded)
    stopped += justEnded.length
  }
  await queueRemoval(ports, owner)
  await makeLasting(ports, owner, 'All links have ended')
  return stopped
}
