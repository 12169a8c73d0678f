import type { MetadataPolicy } from '../../media/types.ts'

const strictness = ['everything', 'no-location', 'none'] as const satisfies MetadataPolicy[]

/** Whether files under `policy` hold less than those under `other`. */
export const isStricter = (policy: MetadataPolicy, other: MetadataPolicy): boolean =>
  strictness.indexOf(policy) > strictness.indexOf(other)
