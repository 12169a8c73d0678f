import { AsyncLocalStorage } from 'node:async_hooks'
import { MediaError } from '../types.ts'

/** The tools were stopped, since the work they ran for had used up its time. That says nothing against the file. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime'
}

interface Budget {
  leftMs: number
  /** Tools that run now; time counts once however many they are. */
  running: number
  /** When `leftMs` was counted last. */
  countedAt: number
  hasRunOut: boolean
}

const current = new AsyncLocalStorage<Budget>()

/**
 * Does `work`, in which some tool may run for `ms` milliseconds in all. What waits for a tool costs no time. Throws
 * OutOfTime once that was too little, whatever `work` made of it.
 */
export async function withTimeBudget<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const budget: Budget = { leftMs: ms, running: 0, countedAt: 0, hasRunOut: false }
  const [outcome] = await Promise.allSettled([current.run(budget, work)])
  if (budget.hasRunOut) throw new OutOfTime(`The tools did not finish in ${ms / 1000} s`)
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}

/**
 * Runs a tool, which must end with a MediaError `timeout` after the milliseconds that it is given: `deadlineMs`, or what is
 * left of the budget that it runs in.
 */
export async function withinTimeBudget<T>(
  deadlineMs: number,
  run: (deadlineMs: number) => Promise<T>,
): Promise<T> {
  const budget = current.getStore()
  if (!budget) return run(deadlineMs)
  count(budget)
  if (budget.leftMs <= 0) throw runOut(budget)
  budget.running += 1
  try {
    return await run(Math.min(deadlineMs, budget.leftMs))
  } catch (error) {
    // Who is in a hurry says nothing of how long the file takes.
    throw error instanceof MediaError && error.reason === 'timeout' ? runOut(budget, error) : error
  } finally {
    count(budget)
    budget.running -= 1
  }
}

function count(budget: Budget): void {
  const now = performance.now()
  if (budget.running > 0) budget.leftMs -= now - budget.countedAt
  budget.countedAt = now
}

function runOut(budget: Budget, cause?: unknown): OutOfTime {
  budget.hasRunOut = true
  return new OutOfTime('The time for this is used up', { cause })
}
