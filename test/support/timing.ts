/**
 * What was promised within `ms` milliseconds, as a test on a machine that may be slow or busy with other things can
 * hold it: far from “never”, and from what the code would do by itself without the promise.
 */
export const onBusyMachine = (ms: number): number => 3 * ms

/**
 * The processor time that `work` takes, in milliseconds, whatever else runs beside it: the least of `times` runs, for
 * the first ones are compiled on the way, and another may meet the garbage collector.
 */
export function leastProcessorMs(work: () => unknown, times = 5): number {
  const taken = Array.from({ length: times }, () => {
    const begun = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(begun)
    return (user + system) / 1000
  })
  return Math.min(...taken)
}
