import type { MetadataPolicy } from '../../media/types.ts'

const strictness = ['everything', 'no-location', 'none'] as const satisfies MetadataPolicy[]

/** Whether copies under `policy` keep less metadata than those under `other`. */
export const isStricter = (policy: MetadataPolicy, other: MetadataPolicy): boolean =>
  strictness.indexOf(policy) > strictness.indexOf(other)
