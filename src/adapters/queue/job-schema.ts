import { z } from 'zod'
import type { Job } from '../../ports.ts'

const id = z.string().regex(/^[\w-]{1,128}$/)

/** What a job's data must be: ids alone. */
export const JobData: z.ZodType<Job> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('prepare'), owner: id, item: id }),
  z.strictObject({ kind: z.literal('prepare-slow'), owner: id, item: id }),
  z.strictObject({ kind: z.literal('playable'), owner: id, item: id }),
  z.strictObject({ kind: z.literal('bundle'), owner: id, album: id }),
  z.strictObject({ kind: z.literal('card'), owner: id, album: id }),
  z.strictObject({ kind: z.literal('remove'), owner: id }),
  z.strictObject({ kind: z.literal('sweep') }),
  z.strictObject({ kind: z.literal('backup') }),
])

export const jobKinds = [
  'prepare',
  'prepare-slow',
  'playable',
  'bundle',
  'card',
  'remove',
  'sweep',
  'backup',
] as const satisfies Job['kind'][]

/** What tells two jobs of one kind apart. */
export function subjectOf(job: Job): string {
  switch (job.kind) {
    case 'prepare':
    case 'prepare-slow':
    case 'playable':
      return `${job.owner}.${job.item}`
    case 'bundle':
    case 'card':
      return `${job.owner}.${job.album}`
    case 'remove':
      return job.owner
    case 'sweep':
    case 'backup':
      return 'all'
  }
}
