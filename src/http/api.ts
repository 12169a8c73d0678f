import express, { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { addItems, ownAlbum } from '../domain/album.ts'
import { ownLink, stopSharing } from '../domain/ending.ts'
import { Refused } from '../domain/errors.ts'
import { itemsOf } from '../domain/item.ts'
import { listLinks } from '../domain/links.ts'
import { albumsOf, linkState } from '../domain/link.ts'
import { newOwner, type KnownOwner } from '../domain/owner.ts'
import type { Item, Link } from '../domain/records.ts'
import { unseal } from '../domain/seal.ts'
import { makeShare, type Share } from '../domain/share.ts'
import type { WebContext } from './context.ts'
import { ownerNews } from './owner-news.ts'
import {
  baseUrl,
  currentOwner,
  idSchema,
  parse,
  parseAddress,
  rememberOwner,
  requireOwner,
} from './request.ts'
import { openSenderSession, requireSender } from './sender-session.ts'
import { passwordSchema, shareFields } from './share-fields.ts'
import { tus } from './tus.ts'
import { withUploadForm } from './upload-form.ts'

const isoDate = (at: number): string => new Date(at).toISOString()
const itemState = ({ id, name, state, reason }: Item) => ({
  id,
  name,
  state,
  ...(reason === null ? {} : { reason }),
})

/** JSON for programs, and for our own pages. */
export function api(context: WebContext): Router {
  const { ports, settings } = context
  const router = Router()
  const json = express.json({ limit: '1mb' })

  router.post('/session', json, async (req, res) => {
    const { password } = parse(z.strictObject({ password: passwordSchema }), req.body)
    await openSenderSession(context, req, res, password)
    res.status(204).end()
  })

  router.post('/shares', json, async (req, res) => {
    await requireSender(context, req)
    const known = await currentOwner(context, req)
    const owner = known ?? newOwner()
    const sharer = { owner, isNewOwner: known === null }
    const share = req.is('application/json')
      ? await makeShare(ports, { ...sharer, ...wishesOf(context, req.body), upload: null, received: [] })
      : await withUploadForm(ports, req, owner.id, ({ upload, received, fields }) =>
          makeShare(ports, { ...sharer, ...wishesOf(context, Object.fromEntries(fields)), upload, received }),
        )
    rememberOwner(settings, res, owner)
    answerShare(context, req, res, share, known === null ? owner.key : null)
  })

  router.post('/albums/:id/items', async (req, res) => {
    await requireSender(context, req)
    const owner = await requireOwner(context, req)
    const { id } = await ownAlbum(ports.store, owner.id, parseAddress(idSchema, req.params.id))
    const items = await withUploadForm(ports, req, owner.id, ({ upload, received }) =>
      addItems(ports, { owner: owner.id, album: id, upload, received }),
    )
    res.status(201).json({ items: items.map(itemState) })
  })

  router.get('/links', async (req, res) => {
    const owner = await requireOwner(context, req)
    const page = parse(z.object({ from: z.coerce.number().int().min(0).default(0) }), req.query)
    const { links, total } = await listLinks(ports, owner.id, { from: page.from, limit: 100 })
    res.json({
      total,
      links: links.map(({ link, state, albums, visits, downloads, lastVisitAt }) => ({
        ...describeLink(context, req, owner, link),
        state: state === 'open' ? 'open' : 'ended',
        albums: albums.map(({ album, count }) => ({ id: album.id, title: album.title, count })),
        visits,
        downloads,
        lastVisitAt: lastVisitAt === null ? null : isoDate(lastVisitAt),
      })),
    })
  })

  router.get('/links/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const link = await ownLink(ports.store, owner.id, parseAddress(idSchema, req.params.id))
    const albums = await albumsOf(ports.store, { link })
    const items = (await Promise.all(albums.map((album) => itemsOf(ports.store, album)))).flat()
    const isOpen = linkState(link, ports.clock.now()) === 'open'
    const isPreparing = items.some(({ state }) => state === 'uploaded' || state === 'preparing')
    res.json({
      ...describeLink(context, req, owner, link),
      state: !isOpen ? 'ended' : isPreparing ? 'preparing' : 'ready',
      items: items.map(itemState),
    })
  })

  router.delete('/links/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { keep } = parse(z.object({ keep: z.literal('day').optional() }), req.query)
    await stopSharing(ports, {
      owner: owner.id,
      link: parseAddress(idSchema, req.params.id),
      keepForADay: keep === 'day',
    })
    res.status(204).end()
  })

  router.get('/events', ownerNews(context))

  router.use('/uploads', tus(context))
  router.use((_req, _res, next) => next(new Refused('unknown', 'There is no such address in this API.')))
  return router
}

function wishesOf({ ports }: WebContext, input: unknown) {
  const { title, sender, ...link } = parse(shareFields(ports.limits), input)
  return { album: { title, sender, description: '' }, link: { label: '', ...link } }
}

function describeLink(context: WebContext, req: Request, owner: KnownOwner, link: Link) {
  const secret = unseal(owner.key, link.sealedSecret)
  return {
    id: link.id,
    label: link.label,
    url: secret === null ? null : `${baseUrl(context.settings, req)}/s/${secret}`,
    createdAt: isoDate(link.createdAt),
    expiresAt: isoDate(link.expiresAt),
    metadata: link.metadata,
    hasPassword: link.password !== null,
  }
}

function answerShare(
  context: WebContext,
  req: Request,
  res: Response,
  { album, link, secret, items }: Share,
  ownerKey: string | null,
): void {
  const url = `${baseUrl(context.settings, req)}/s/${secret}`
  res.status(201).set('Location', url)
  if (req.accepts(['json', 'text']) === 'text') return void res.type('text/plain').send(`${url}\n`)
  res.json({
    album: { id: album.id },
    link: { id: link.id, url, expiresAt: isoDate(link.expiresAt) },
    items: items.map(itemState),
    ...(ownerKey === null ? {} : { ownerKey }),
  })
}
