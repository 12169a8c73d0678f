import type { Ports } from '../../ports.ts'
import { Refused } from '../records/errors.ts'
import { ownItem } from '../items/item.ts'
import { enqueuePreparing, recordPrepared } from './prepare.ts'
import type { Copy, CopyPolicy, Item } from '../records/records.ts'
import { isStandIn } from '../records/stand-ins.ts'
import { troubleOf, withoutTrouble } from './trouble.ts'
import { enqueue, note, toPlay, toPrepare } from '../records/store/outbox.ts'

type Copies = Item['copies']

const isWithheldAnywhere = ({ copies, motion }: Item): boolean =>
  [copies, motion?.copies ?? {}].some((some) =>
    Object.values(some).some((copy) => copy?.state === 'withheld'),
  )

const mayBePrepared = (item: Item): boolean =>
  item.state === 'failed' || item.state === 'waiting' || (item.state === 'ready' && isWithheldAnywhere(item))

/** Whether something of an item went wrong that another try may mend. */
export const canRetry = (item: Item): boolean =>
  !isStandIn(item) && (mayBePrepared(item) || troubleOf(item, 'playable').gaveUp)

/**
 * Tries again what went wrong with an owner's item: a file that could not be opened, or not yet; a copy that was withheld;
 * a video that could not be made to play. Returns the changed item. Withheld files stay withheld meanwhile.
 * Throws Refused: `unknown`, `nothing-to-retry`.
 */
export async function retryItem(
  ports: Pick<Ports, 'store' | 'queue' | 'events' | 'clock' | 'log'>,
  owner: string,
  id: string,
): Promise<Item> {
  const item = await ownItem(ports.store, owner, id)
  if (!canRetry(item))
    throw new Refused('nothing-to-retry', 'Nothing went wrong with this file that could be tried again.')
  const isToPrepare = mayBePrepared(item)
  const isToPlay = troubleOf(item, 'playable').gaveUp
  // Noted before it is recorded: whatever crashes in between, the sweep finds it.
  if (isToPrepare) await note(ports, [toPrepare(item)])
  if (isToPlay) await note(ports, [toPlay(item)])
  const begun = await recordPrepared(ports, owner, id, (found) => beginAnew(found))
  if (!begun) return ownItem(ports.store, owner, id)
  if (isToPrepare) await enqueuePreparing(ports, [begun])
  if (isToPlay) await enqueue(ports, [toPlay(begun)])
  return begun
}

function beginAnew(item: Item): Item {
  const anew = withoutTrouble(withoutTrouble(item, 'prepare'), 'playable')
  if (item.state === 'failed' || item.state === 'waiting') return { ...anew, state: 'uploaded', reason: null }
  const { copies, motion } = item
  return {
    ...anew,
    copies: withoutWithheld(copies),
    motion: motion && { ...motion, copies: withoutWithheld(motion.copies) },
  }
}

function withoutWithheld(copies: Copies): Copies {
  const kept: { [K in CopyPolicy]?: Copy } = {}
  for (const policy of ['no-location', 'none'] as const) {
    const copy = copies[policy]
    if (copy && copy.state !== 'withheld') kept[policy] = copy
  }
  return kept
}
