import { z } from 'zod'
import { reasons } from '../../domain/records/errors.ts'

export const skippedAnswer = z.strictObject({
  name: z.string(),
  reason: z.enum(reasons),
  /** For a person, in English. */
  message: z.string(),
})
