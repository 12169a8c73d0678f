import { openProcessPool, type ProcessPool } from '../tools/process-pool.ts'

/** Resident bytes of one decoder: 120 MP, decoded and turned, and what a HEIC of 50 MP takes. */
const maxBytes = 1_200_000_000
/** A decoder that stays larger than this after its job is replaced. */
const recycleBytes = 280_000_000

/** The pool of children that decode pictures (decoder.ts). */
export function openDecoders(processes: number): ProcessPool {
  // The same ending as this file: `.ts` in the source tree, `.js` when built.
  const entry = new URL(`./decoder${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
  return openProcessPool({ entry, processes, maxBytes, recycleBytes })
}
