import { troubleOf } from '../src/domain/preparing/trouble.ts'
import type { Item, ItemWork } from '../src/domain/records/records.ts'
import { fileFaultOf } from '../src/media/types.ts'

/** A file seems to be at fault for the first time. Another try by another child process must say the same. */
export class UnconfirmedFault extends Error {
  override readonly name = 'UnconfirmedFault'

  constructor(
    readonly fault: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** What a failed run blames the file for; null where the file is not at fault. */
export const faultOf = (error: unknown): string | null =>
  error instanceof UnconfirmedFault ? error.fault : fileFaultOf(error)

/** Whether it is no use to try again at once: on a machine that is this busy it would take too long again. */
export const needsPause = (fault: string | null): boolean => fault !== null && fault.endsWith('timeout')

/** Goes on where an earlier run came to the same; throws UnconfirmedFault where this is the first. */
export function confirmFault(item: Item, work: ItemWork, fault: string, cause: unknown): void {
  if (troubleOf(item, work).faults.includes(fault)) return
  throw new UnconfirmedFault(fault, cause instanceof Error ? cause.message : String(cause), { cause })
}

let lastSuspect: Promise<unknown> = Promise.resolve()

/**
 * Runs jobs that may have killed their process before one after the other, so that only one of them can be blamed for the
 * next time.
 */
export function oneAtATime<Result>(work: () => Promise<Result>): Promise<Result> {
  const mine = lastSuspect.then(work)
  lastSuspect = mine.catch(() => undefined)
  return mine
}
