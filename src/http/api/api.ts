import { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { addItems, ownAlbum } from '../../domain/albums/album.ts'
import { Refused } from '../../domain/records/errors.ts'
import { newOwner } from '../../domain/owner/owner.ts'
import { makeShare, type Share } from '../../domain/links/share.ts'
import { apiAlbums } from './operations/albums.ts'
import { apiLibrary } from './operations/library.ts'
import { apiLinks } from './operations/links.ts'
import { apiOwner } from './operations/owner.ts'
import { apiVisitor } from './operations/visitor.ts'
import type { WebContext } from '../context.ts'
import { asksForPage } from '../pages/wants-page.ts'
import { jsonBody } from '../input/bodies/json-body.ts'
import { rememberLeftOut, skippedFile } from '../uploads/left-out.ts'
import { itemState } from './link-serializers.ts'
import { linkUrl, isoDate } from '../input/link-address.ts'
import { openApiDocument } from './openapi/document.ts'
import { ownerBytes } from './operations/owner-bytes.ts'
import { ownerNews } from './operations/owner-news.ts'
import type { Places } from '../delivery/fair-places.ts'
import { currentOwner, idSchema, parse, parseAddress, rememberOwner, requireOwner } from '../input/caller.ts'
import { countedSender, openSenderSession, requireSender, requireSharer } from '../input/sender-session.ts'
import { passwordSchema, shareFields } from '../input/share-fields.ts'
import { withUploadForm } from '../uploads/upload-form.ts'

/** JSON for programs, and for our own pages. */
export function api(context: WebContext, places: Places): Router {
  const { ports, settings } = context
  const router = Router()

  // Most answers are one owner's: caches in between must not store them.
  router.use((_req, res, next) => {
    res.set('Cache-Control', 'private, no-cache')
    next()
  })

  router.post('/session', jsonBody, async (req, res) => {
    const { password } = parse(z.strictObject({ password: passwordSchema }), req.body)
    await openSenderSession(context, req, res, password)
    res.status(204).end()
  })

  router.post('/shares', jsonBody, async (req, res) => {
    await requireSharer(context, req)
    const known = await currentOwner(context, req)
    const owner = known ?? newOwner()
    const counted = countedSender(context, req)
    const sharer = { owner, isNewOwner: known === null, counted }
    let skipped: readonly Refused[] = []
    const share = req.is('application/json')
      ? await makeShare(ports, { ...sharer, ...wishesOf(context, req.body), upload: null, received: [] })
      : await withUploadForm(
          ports,
          places.uploads,
          req,
          { owner: owner.id, isNewOwner: known === null, counted },
          ({ upload, received, fields, ...form }) => {
            skipped = form.skipped
            const wishes = wishesOf(context, Object.fromEntries(fields))
            return makeShare(ports, { ...sharer, ...wishes, upload, received })
          },
        )
    rememberOwner(settings, res, owner)
    answerShare(context, req, res, { ...share, skipped, ownerKey: known === null ? owner.key : null })
  })

  router.post('/albums/:id/items', async (req, res, next) => {
    // Items that are there already: see albums.ts.
    if (req.is('application/json')) return next()
    await requireSender(context, req)
    const owner = await requireOwner(context, req)
    const { id } = await ownAlbum(ports.store, owner.id, parseAddress(idSchema, req.params.id))
    const answer = await withUploadForm(
      ports,
      places.uploads,
      req,
      { owner: owner.id, isNewOwner: false, counted: countedSender(context, req) },
      async ({ upload, received, skipped }) => {
        const items = await addItems(ports, { owner: owner.id, album: id, upload, received })
        return { items: items.map(itemState), skipped: skipped.map(skippedFile) }
      },
    )
    res.status(201).json(answer)
  })

  router.get('/events', ownerNews(context, places.eventStreams))

  const document = openApiDocument()
  router.get('/openapi.json', (_req, res) => void res.json(document))

  router.use(
    apiLibrary(context),
    apiLinks(context),
    apiAlbums(context),
    apiOwner(context),
    apiVisitor(context),
    ownerBytes(context, places.downloads),
  )
  router.use((_req, _res, next) => next(new Refused('unknown', 'There is no such address in this API.')))
  return router
}

function wishesOf({ ports }: WebContext, input: unknown) {
  const { title, sender, expiresInDays, ...link } = parse(shareFields(ports.limits), input)
  return { album: { title, sender, description: '' }, link: { ...link, label: '', until: { expiresInDays } } }
}

function answerShare(
  context: WebContext,
  req: Request,
  res: Response,
  made: Share & { readonly skipped: readonly Refused[]; readonly ownerKey: string | null },
): void {
  const { album, link, secret, items, ownerKey } = made
  const skipped = made.skipped.map(skippedFile)
  // A browser's form, where scripts are off: on to the page where the link can be copied.
  if (asksForPage(req)) {
    rememberLeftOut(context.settings, res, skipped)
    return res.redirect(303, `/shares?made=${link.id}`)
  }
  const url = linkUrl(context, req, secret)
  res.status(201).set('Location', url)
  if (req.accepts(['json', 'text']) === 'text') {
    // The address first, as scripts read it; what was left out is never left out in silence.
    const lines = [url, ...skipped.map(({ message }) => `Left out: ${message}`)]
    return void res.type('text/plain').send(`${lines.join('\n')}\n`)
  }
  res.json({
    album: { id: album.id },
    link: { id: link.id, url, expiresAt: isoDate(link.expiresAt) },
    items: items.map(itemState),
    skipped,
    ...(ownerKey === null ? {} : { ownerKey }),
  })
}
