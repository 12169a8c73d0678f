import { Router, type Response } from 'express'
import { z } from 'zod'
import { findOwner } from '../../domain/owner/owner.ts'
import { countOwnerKey, rotateKey } from '../../domain/owner/owner-key.ts'
import type { WebContext } from '../context.ts'
import { fieldsOf, formBody } from '../input/form-fields.ts'
import { addressOf, currentOwner, parse, rememberOwner, requireOwner } from '../input/caller.ts'
import type { Views } from '../pages/views.ts'

const keyForm = z.strictObject({ ownerKey: z.string().max(200) })

/** The page of the owner key: carry it to another device, enter one, change it. */
export function keyPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const router = Router()

  const show = (
    res: Response,
    status: number,
    page: { hasKey: boolean; isRotated: boolean; problem: string | null },
  ) => {
    views.render(res, status, 'key', page)
  }

  router.get('/key', async (req, res) => {
    const owner = await currentOwner(context, req)
    res.set('Cache-Control', 'no-store')
    show(res, 200, { hasKey: owner !== null, isRotated: req.query['changed'] !== undefined, problem: null })
  })

  router.post('/key', formBody, async (req, res) => {
    const { ownerKey } = parse(keyForm, fieldsOf(req))
    await countOwnerKey(ports.store, addressOf(req))
    const owner = await findOwner(ports.store, ownerKey.trim())
    if (!owner) {
      const known = await currentOwner(context, req)
      const problem = views.languageOf(res).t('key.wrong')
      return show(res, 401, { hasKey: known !== null, isRotated: false, problem })
    }
    rememberOwner(settings, res, owner)
    res.redirect(303, '/shares')
  })

  router.post('/key/rotate', formBody, async (req, res) => {
    const owner = await rotateKey(ports, await requireOwner(context, req))
    rememberOwner(settings, res, owner)
    res.redirect(303, '/key?changed=1')
  })

  // The list itself is kept by the browser: this page brings the script that shows it.
  router.get('/shared', (_req, res) => views.render(res, 200, 'shared', {}))

  return router
}
