import type { Request } from 'express'

/** Whether a person's browser asks, which is to see a page: no program or script prefers HTML. */
export const asksForPage = (req: Request): boolean => req.accepts(['json', 'text', 'html']) === 'html'
