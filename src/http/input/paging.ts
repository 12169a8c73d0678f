import { z } from 'zod'

/** How many of a list to leave out. */
export const from = z.coerce.number().int().min(0).max(1_000_000).default(0)
export const fromQuery = z.strictObject({ from })
