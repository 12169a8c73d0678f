import { Router, type Response } from 'express'
import { Refused } from '../../../domain/records/errors.ts'
import { countOwnerKey, rotateKey } from '../../../domain/owner/owner-key.ts'
import { findOwner, ownerFigures } from '../../../domain/owner/owner.ts'
import type { WebContext } from '../../context.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { isoDate } from '../../input/link-address.ts'
import { qrCode } from '../../pages/qr-code.ts'
import { addressOf, baseUrl, forgetOwner, parse, rememberOwner, requireOwner } from '../../input/caller.ts'
import { ownerKeyBody } from '../request-schemas.ts'

/** An owner's key: what it owns, to carry it to another device, and to change it. */
export function apiOwner(context: WebContext): Router {
  const { ports, settings } = context
  const router = Router()

  /** A key is for its owner alone, and never kept by anything in between. */
  const secretly = (res: Response): Response => res.set('Cache-Control', 'no-store')

  router.get('/owner', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { createdAt, ...figures } = await ownerFigures(ports.store, owner.id)
    res.json({ createdAt: isoDate(createdAt), ...figures, maxBytes: ports.limits.maxOwnerBytes })
  })

  router.get('/owner/key', async (req, res) => {
    const owner = await requireOwner(context, req)
    secretly(res)
      .type('text/plain')
      .set('Content-Disposition', 'attachment; filename="mayfly-owner-key.txt"')
      .send(`${owner.key}\n`)
  })

  // The key is in the fragment, which browsers do not send: the page reads it and asks for a cookie.
  router.get('/owner/key.svg', async (req, res) => {
    const owner = await requireOwner(context, req)
    const svg = await qrCode(`${baseUrl(settings, req)}/key#${owner.key}`)
    secretly(res).type('image/svg+xml').send(svg)
  })

  router.post('/owner/key/rotate', async (req, res) => {
    const owner = await rotateKey(ports, await requireOwner(context, req))
    rememberOwner(settings, res, owner)
    secretly(res).json({ ownerKey: owner.key })
  })

  router.put('/owner/session', jsonBody, async (req, res) => {
    const { ownerKey } = parse(ownerKeyBody, req.body)
    await countOwnerKey(ports.store, addressOf(req))
    const owner = await findOwner(ports.store, ownerKey.trim())
    if (!owner) throw new Refused('unauthorized', 'This owner key is not known here.')
    rememberOwner(settings, res, owner)
    res.status(204).end()
  })

  router.delete('/owner/session', (_req, res) => {
    forgetOwner(settings, res)
    res.status(204).end()
  })

  return router
}
