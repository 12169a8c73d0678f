import { Router, type Request } from 'express'
import { stopSharing, stopAll } from '../../../domain/links/stop.ts'
import { itemsOf } from '../../../domain/items/item.ts'
import { createLink, editLink, renewLink } from '../../../domain/links/link-changes.ts'
import type { Until } from '../../../domain/links/expiry.ts'
import type { LinkWish } from '../../../domain/links/share.ts'
import { listLinks, overviewOf } from '../../../domain/links/links.ts'
import { albumsOf } from '../../../domain/gate/authorize.ts'
import type { z } from 'zod'
import type { Limits } from '../../../ports.ts'
import type { WebContext } from '../../context.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { describeLink, describeLinkWithItems } from '../link-serializers.ts'
import { linkUrl } from '../../input/link-address.ts'
import { idSchema, parse, parseAddress, requireOwner, slugOf } from '../../input/caller.ts'
import { editLinkBody, keepQuery, newLinkBody, renewLinkBody } from '../request-schemas.ts'
import { fromQuery } from '../../input/paging.ts'
import { requireSharer } from '../../input/sender-session.ts'

/** Links in one answer. */
export const linksPerAnswer = 100

interface UntilBody {
  readonly expiresInDays?: number | undefined
  readonly expiresAt?: string | undefined
}

/** When a link is to end, as a request says it; undefined when it does not. */
export function untilOf({ expiresInDays, expiresAt }: UntilBody): Until | undefined {
  if (expiresAt !== undefined) return { expiresAt: Date.parse(expiresAt) }
  return expiresInDays === undefined ? undefined : { expiresInDays }
}

const defaultUntil = ({ linkDaysDefault }: Limits): Until => ({ expiresInDays: linkDaysDefault })

/** What a request wants of a link, with the defaults filled in. */
export const linkWishOf = (
  limits: Limits,
  req: Request,
  { secret, ...wish }: Omit<z.output<typeof newLinkBody>, 'albums'>,
): LinkWish => ({
  ...wish,
  secret: slugOf(req, secret),
  until: untilOf(wish) ?? defaultUntil(limits),
})

/** An owner's links as JSON. */
export function apiLinks(context: WebContext): Router {
  const { ports } = context
  const router = Router()

  router.post('/links', jsonBody, async (req, res) => {
    await requireSharer(context, req)
    const owner = await requireOwner(context, req)
    const { albums, ...wish } = parse(newLinkBody, req.body)
    const { link, secret } = await createLink(ports, owner, albums, linkWishOf(ports.limits, req, wish))
    const overview = await overviewOf(ports, owner.id, link.id)
    res
      .status(201)
      .location(linkUrl(context, req, secret))
      .json(describeLink(context, req, owner, overview))
  })

  router.get('/links', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { from } = parse(fromQuery, req.query)
    const { links, total } = await listLinks(ports, owner.id, { from, limit: linksPerAnswer })
    res.json({ total, links: links.map((overview) => describeLink(context, req, owner, overview)) })
  })

  router.delete('/links', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { keep } = parse(keepQuery, req.query)
    res.json({ stopped: await stopAll(ports, { owner: owner.id, keepForADay: keep === 'day' }) })
  })

  router.get('/links/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const overview = await overviewOf(ports, owner.id, parseAddress(idSchema, req.params.id))
    const albums = await albumsOf(ports.store, overview)
    const items = (await Promise.all(albums.map((album) => itemsOf(ports.store, album)))).flat()
    res.json(describeLinkWithItems(context, req, owner, overview, items))
  })

  router.patch('/links/:id', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const { expiresInDays, expiresAt, secret, ...edit } = parse(editLinkBody, req.body)
    await editLink(ports, owner, id, {
      ...edit,
      secret: slugOf(req, secret),
      until: untilOf({ expiresInDays, expiresAt }),
    })
    res.json(describeLink(context, req, owner, await overviewOf(ports, owner.id, id)))
  })

  router.post('/links/:id/renew', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const until = untilOf(parse(renewLinkBody, req.body ?? {})) ?? defaultUntil(ports.limits)
    await renewLink(ports, { owner: owner.id, link: id, until })
    res.json(describeLink(context, req, owner, await overviewOf(ports, owner.id, id)))
  })

  router.delete('/links/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { keep } = parse(keepQuery, req.query)
    const link = parseAddress(idSchema, req.params.id)
    await stopSharing(ports, { owner: owner.id, link, keepForADay: keep === 'day' })
    res.status(204).end()
  })

  return router
}
