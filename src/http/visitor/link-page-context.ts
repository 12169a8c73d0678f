import type { Request, Response } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import type { WebContext } from '../context.ts'
import { lockedPage } from './locked-view.ts'
import { baseUrl, parseAddress, secretSchema } from '../input/caller.ts'
import type { Views } from '../pages/views.ts'

/** Where a link's page is, and what its previews are made of. */
export interface LinkPlace {
  readonly path: string
  readonly base: string
  readonly genericCard: string
  readonly now: number
}

/** The place of the link in the address. Throws Refused('unknown') for a secret that cannot be one. */
export function linkPageContext({ ports, settings }: WebContext, views: Views, req: Request): LinkPlace {
  const origin = baseUrl(settings, req)
  const path = `/s/${parseAddress(secretSchema, req.params['secret'])}`
  return { path, base: origin + path, genericCard: origin + views.asset('card.jpg'), now: ports.clock.now() }
}

/** Shows the password page in place of a locked one: link previews read it, so it is a 200 and says nothing. */
export async function orPasswordPage(
  context: WebContext,
  views: Views,
  [req, res]: readonly [Request, Response],
  show: () => Promise<void>,
): Promise<void> {
  // After a stop, Back shows a page that was kept: it would show what the link opened, where no script asks first.
  res.set('Cache-Control', 'private, no-store')
  try {
    await show()
  } catch (error) {
    if (!(error instanceof Refused && error.reason === 'link-locked')) throw error
    views.render(
      res,
      200,
      'locked',
      lockedPage(views.languageOf(res), linkPageContext(context, views, req), null),
    )
  }
}
