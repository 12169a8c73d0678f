import type { RequestHandler } from 'express'
import type { WebContext } from '../context.ts'
import { authorizeItem, type VisitorBytes } from './visitor-bytes.ts'

/** The pictures that a page is made of, as its addresses name them. */
export const pictureNames = ['small', 'thumb', 'preview'] as const

/** `GET /s/:secret/items/:id/thumb` and its like: two hundred of them for each page. */
export function showPicture(
  context: WebContext,
  bytes: VisitorBytes,
  name: (typeof pictureNames)[number],
): RequestHandler {
  return async (req, res) => {
    const { item } = await authorizeItem(context, req)
    await bytes.sendRendition(req, res, item, name)
  }
}
