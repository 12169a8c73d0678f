import { Router } from 'express'
import { z } from 'zod'
import { authorize } from '../../domain/gate/authorize.ts'
import { linkOfVisitor } from '../../domain/gate/unlock.ts'
import type { WebContext } from '../context.ts'
import { fieldsOf, formBody } from '../input/form-fields.ts'
import { visitorOf, credentialsOf, parse, parseAddress, secretSchema } from '../input/caller.ts'
import { decline, markSeen, undoDecline } from '../input/visits.ts'

const declineForm = z.strictObject({ undo: z.literal('yes').optional() })

/** What a visitor's page sends besides the password: that it was seen, that the link was declined. */
export function visitForms(context: WebContext): Router {
  const { ports } = context
  const router = Router()

  router.post('/s/:secret/seen', async (req, res) => {
    const { link } = await authorize(ports, credentialsOf(context, req))
    await markSeen(context, req, res, link)
    res.status(204).end()
  })

  router.post('/s/:secret/decline', formBody, async (req, res) => {
    const { undo } = parse(declineForm, fieldsOf(req))
    const secret = parseAddress(secretSchema, req.params['secret'])
    const link = await linkOfVisitor(ports, visitorOf(context, req))
    if (undo === undefined) decline(context, res, link)
    else undoDecline(context, res, link)
    res.redirect(303, `/s/${secret}`)
  })

  return router
}
