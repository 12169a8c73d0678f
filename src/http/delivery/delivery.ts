import { Router, type Request, type Response } from 'express'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { checkDownloads, tickedArchive, wholeArchive } from '../../domain/gate/archive.ts'
import { downloadsOf } from '../../domain/items/recipient-copies.ts'
import { notFound } from '../../domain/records/errors.ts'
import { objects } from '../../domain/records/keys.ts'
import { authorizeWithAlbums, type Access } from '../../domain/gate/authorize.ts'
import { contentVersion } from '../../domain/gate/content-version.ts'
import type { Album, Link } from '../../domain/records/records.ts'
import { shownName, shownTitle } from '../../domain/items/shown-text.ts'
import { albumOfCard, askForArchive, askForCard, askForFile } from '../../domain/gate/still-allowed.ts'
import { contentDisposition, nameFromTitle } from '../../media/names/names.ts'
import type { ZipPlan } from '../../media/zip/plan.ts'
import type { WebContext } from '../context.ts'
import { formOf, jsonBody } from '../input/bodies/json-body.ts'
import { idSchema, credentialsOf, parse } from '../input/caller.ts'
import { planFiles, zipOf } from './send-zip.ts'
import { authorizeItem, type VisitorBytes } from './visitor-bytes.ts'
import { countWhenSent } from '../input/visits.ts'

/** Entries of the plans that are kept, in all: one of 20,000 may be among them. */
const mostPlanned = 80_000

/** A presigned address cannot be taken back: it dies by itself within this time. */
const presignSeconds = 60

/**
 * Every route that gives a visitor bytes, but for pictures (see there). Each passes the gate first, and running ones are
 * broken when it shuts.
 */
export function delivery(context: WebContext, bytes: VisitorBytes): Router {
  const { ports, settings } = context
  const { store, bucket } = ports
  const router = Router()

  /** Redirects to the bucket if that is configured and possible; returns false otherwise. */
  async function redirected(
    req: Request,
    res: Response,
    key: string,
    mime: string,
    disposition: string,
  ): Promise<boolean> {
    if (settings.delivery !== 'redirect' || req.method === 'HEAD') return false
    const address = await bucket.presign(key, { seconds: presignSeconds, mime, disposition })
    if (address === null) return false
    res.set('Cache-Control', 'no-store').redirect(302, address)
    return true
  }

  router.get('/s/:secret/items/:id/video', async (req, res) => {
    const { access, item } = await authorizeItem(context, req)
    // Of a photo that moves, the part that does: it plays everywhere and holds nothing personal.
    const made = (['playable', 'motion'] as const).find((name) => item.renditions[name])
    if (made) return bytes.sendRendition(req, res, item, made)
    const video = downloadsOf(item, access.link.metadata).find(({ mime }) => mime.startsWith('video/'))
    if (!video) throw notFound('video')
    if (await redirected(req, res, video.key, video.mime, 'inline')) return
    const question = askForFile(access, item, video, 'look')
    await bytes.send(req, res, bytes.stored(video.key, video, video.mime), question)
  })

  router.get('/s/:secret/items/:id/download', async (req, res) => {
    const { access, item } = await authorizeItem(context, req)
    checkDownloads(access.link)
    const { part } = parse(z.object({ part: z.enum(['still', 'motion']).default('still') }), req.query)
    const file = downloadsOf(item, access.link.metadata)[part === 'still' ? 0 : 1]
    if (!file) throw notFound('file')
    const name = shownName(item, file.name, access.link.metadata)
    const disposition = contentDisposition(name, 'attachment')
    countWhenSent(context, req, res, access.link)
    if (await redirected(req, res, file.key, file.mime, disposition)) return
    const object = { ...bytes.stored(file.key, file, file.mime), disposition }
    await bytes.send(req, res, object, askForFile(access, item, file, 'download'))
  })

  router.get('/s/:secret/zip', async (req, res) => {
    const { access, albums: opened } = await authorizeWithAlbums(ports, credentialsOf(context, req))
    const albums = chosenAlbums(req, opened)
    const plan = await planOf(access.link, albums)
    countWhenSent(context, req, res, access.link)
    const [album] = albums
    const bundle = albums.length === 1 ? album?.bundles[access.link.metadata] : undefined
    if (album && bundle?.version === album.version) {
      const key = objects.bundle(album.id, access.link.metadata, bundle.version)
      const disposition = contentDisposition(zipName(albums, access.link), 'attachment')
      if (await redirected(req, res, key, 'application/zip', disposition)) return
    }
    await archive(req, res, access, { opened, albums, plan })
  })

  /** Plans of whole albums. A newer one of the same albums takes the place of the old. */
  const plans = new LRUCache<string, { readonly version: string; readonly plan: ZipPlan }>({
    maxSize: mostPlanned,
    maxEntrySize: mostPlanned / 4,
    sizeCalculation: ({ plan }) => Math.max(1, plan.entries.length),
  })
  async function planOf(link: Link, albums: readonly Album[]): Promise<ZipPlan> {
    const version = contentVersion(link, albums)
    const key = [link.id, ...albums.map(({ id }) => id)].join(' ')
    const known = plans.get(key)
    if (known?.version === version) return known.plan
    const plan = planFiles(await wholeArchive(store, link, albums))
    plans.set(key, { version, plan })
    return plan
  }

  const form = formOf({ limit: '1mb', parameterLimit: 20_000 })
  router.post('/s/:secret/zip', form, jsonBody, async (req, res) => {
    const { access, albums } = await authorizeWithAlbums(ports, credentialsOf(context, req))
    const { items } = parse(tickedForm, req.body)
    const files = await tickedArchive(store, access.link, albums, items)
    countWhenSent(context, req, res, access.link)
    await archive(req, res, access, { opened: albums, albums, plan: planFiles(files) })
  })

  function chosenAlbums(req: Request, albums: readonly Album[]): readonly Album[] {
    const { album } = parse(z.object({ album: idSchema.optional() }), req.query)
    const chosen = album === undefined ? albums : albums.filter(({ id }) => id === album)
    if (chosen.length === 0) throw notFound('album')
    return chosen
  }

  async function archive(
    req: Request,
    res: Response,
    access: Access,
    { opened, albums, plan }: { opened: readonly Album[]; albums: readonly Album[]; plan: ZipPlan },
  ): Promise<void> {
    const object = zipOf(ports, { name: zipName(albums, access.link), plan })
    await bytes.send(req, res, object, askForArchive(access, opened, plan))
  }

  router.get('/s/:secret/card.jpg', async (req, res) => {
    const { access, albums } = await authorizeWithAlbums(ports, credentialsOf(context, req))
    const album = albumOfCard(access.link, albums)
    if (!album?.card) throw notFound('picture')
    const { id, card } = album
    const object = bytes.stored(objects.card(id, card.version), card, 'image/jpeg')
    await bytes.send(req, res, object, askForCard(id, card.version))
  })

  return router
}

const tickedForm = z.strictObject({
  items: z.preprocess(
    (input) => (typeof input === 'string' ? [input] : input),
    z.array(idSchema).default([]),
  ),
})

const zipName = (albums: readonly Album[], { metadata }: Link): string =>
  nameFromTitle(
    albums.map((album) => shownTitle(album, metadata)).find((title) => title !== '') ?? 'Mayfly',
    'zip',
  )
