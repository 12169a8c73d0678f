import type { Limits } from '../../ports.ts'

const usualDays = [1, 3, 7, 14, 30, 90, 365]

/** Lives of a link that forms offer, in days, ascending: the usual ones, the operator's default and maximum. */
export const offeredDays = ({ linkDaysDefault, linkDaysMax }: Limits): number[] =>
  [...new Set([...usualDays.filter((day) => day <= linkDaysMax), linkDaysDefault, linkDaysMax])].sort(
    (a, b) => a - b,
  )
