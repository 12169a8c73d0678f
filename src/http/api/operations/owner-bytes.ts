import { Router } from 'express'
import { Refused, notFound } from '../../../domain/records/errors.ts'
import { ownItem } from '../../../domain/items/item.ts'
import { objects } from '../../../domain/records/keys.ts'
import type { FairPlaces } from '../../../fair/places.ts'
import type { WebContext } from '../../context.ts'
import { senderParty, whileInPlace } from '../../delivery/fair-places.ts'
import { idSchema, parseAddress, requireOwner } from '../../input/caller.ts'
import { openRight } from '../../delivery/checked-object.ts'
import { sendObject, type Sendable } from '../../delivery/send-object.ts'

/** The pictures of an owner's own items, for the pages on which albums are made. */
export function ownerBytes(context: WebContext, places: FairPlaces): Router {
  const { store } = context.ports
  const router = Router()
  for (const name of ['thumb', 'preview'] as const)
    router.get(`/items/:id/${name}`, async (req, res) => {
      const owner = await requireOwner(context, req)
      const item = await ownItem(store, owner.id, parseAddress(idSchema, req.params.id))
      const rendition = item.renditions[name]
      if (!rendition && (item.state === 'ready' || item.state === 'failed')) throw notFound('picture')
      if (!rendition)
        throw new Refused('not-ready', 'This is still being prepared. Try again in a moment.', {
          retryAfterSeconds: 5,
        })
      const picture: Sendable = {
        size: rendition.size,
        etag: rendition.sha256,
        mime: rendition.mime,
        sha256: rendition.sha256,
        open: (range) =>
          openRight(context.ports, { key: objects.rendition(item.id, name), stored: rendition }, range),
      }
      await sendObject(req, res, whileInPlace(places, senderParty(req, owner.id), res, picture))
    })
  return router
}
