import express, { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { Refused } from '../domain/errors.ts'
import { enter, enterForItem, enterWithAlbums } from '../domain/link.ts'
import { leave, unlock } from '../domain/unlock.ts'
import type { WebContext } from './context.ts'
import { albumListPage, albumWith } from './album-list-model.ts'
import { answerOf } from './errors.ts'
import { itemPage } from './item-model.ts'
import { keepPages } from './kept-pages.ts'
import { lockedPage } from './locked-model.ts'
import { chooseAlbum, openAlbums, openOutlines, openPage } from './open-link.ts'
import {
  addressOf,
  baseUrl,
  clearCookie,
  idSchema,
  knockOf,
  parse,
  parseAddress,
  readCookie,
  secretSchema,
  setCookie,
  visitCookie,
} from './request.ts'
import { passwordSchema } from './share-fields.ts'
import { idsOnPage, sharePage, shownItems } from './share-model.ts'
import { qrCode } from './qr-code.ts'
import type { Views } from './views.ts'
import { markSeen } from './visits.ts'

const pageSchema = z.object({
  album: idSchema.optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
})
const unlockForm = z.strictObject({ password: passwordSchema })

/** The pages of whoever has a link. Bytes come from `delivery`. */
export function visitorPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const router = Router()
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 10 })

  const sendPage = keepPages()

  /** Where this link's page is, and what its previews are made of. */
  function placeOf(req: Request) {
    const origin = baseUrl(settings, req)
    const path = `/s/${parseAddress(secretSchema, req.params['secret'])}`
    return {
      path,
      base: origin + path,
      genericCard: origin + views.asset('card.jpg'),
      now: ports.clock.now(),
    }
  }

  /** Shows the password page in place of a locked one: link previews read it, so it is a 200 and says nothing. */
  async function unlessLocked(req: Request, res: Response, show: () => Promise<void>): Promise<void> {
    try {
      await show()
    } catch (error) {
      if (!(error instanceof Refused && error.reason === 'link-locked')) throw error
      views.render(res, 200, 'locked', lockedPage(views.languageOf(res), placeOf(req), null))
    }
  }

  router.get('/s/:secret', (req, res) =>
    unlessLocked(req, res, async () => {
      const { visit, albums } = await enterWithAlbums(ports, knockOf(context, req))
      const { page, album } = parse(pageSchema, req.query)
      const language = views.languageOf(res)
      const place = { ...placeOf(req), page }
      // All that the page is made of. An album's version grows with every change of it that a visitor could see, save
      // for how far its items are prepared; records of the same text are the same object. How long the link still lives is
      // said to the minute.
      const source = {
        name: [language.code, language.locale, place.base, req.originalUrl].join(' '),
        parts: [Math.floor(place.now / 60_000), visit.link, ...albums],
      }
      await sendPage(req, res, source, async () => {
        if (albums.length > 1 && album === undefined) {
          const all = await openOutlines(ports.store, visit, albums)
          return {
            html: views.html(res, 'albumList', albumListPage(language, all, place)),
            isLasting: shownItems(all).every(({ isReady }) => isReady),
          }
        }
        const part = { album, page }
        const { all, chosen, items } = await openPage(ports.store, visit, albums, part, (shown) =>
          idsOnPage(shown, page),
        )
        const shown = { ...place, album: all.albums.length > 1 ? album : undefined }
        const model = sharePage(language, chosen, items, shown)
        return {
          html: views.html(res, 'share', model),
          isLasting: model.preparing === 0 && !shownItems(all).some(({ awaitsMotion }) => awaitsMotion),
        }
      })
    }),
  )

  router.get('/s/:secret/qr.svg', async (req, res) => {
    await enter(ports, knockOf(context, req))
    const svg = await qrCode(placeOf(req).base)
    res.set('Cache-Control', 'private, no-cache').type('svg').send(svg)
  })

  router.get('/s/:secret/items/:id', (req, res) =>
    unlessLocked(req, res, async () => {
      const id = parseAddress(idSchema, req.params.id)
      const { visit, item } = await enterForItem(ports, knockOf(context, req), id)
      if (item.state === 'failed') throw new Refused('unknown', 'There is no such item.')
      const all = await openAlbums(ports.store, visit)
      const album = all.albums.length > 1 ? albumWith(all, item.id) : undefined
      const model = itemPage(views.languageOf(res), chooseAlbum(all, album), item, { ...placeOf(req), album })
      views.render(res, 200, 'item', model)
    }),
  )

  router.post('/s/:secret/unlock', form, async (req, res) => {
    const place = placeOf(req)
    const secret = parseAddress(secretSchema, req.params.secret)
    const { password } = parse(unlockForm, req.body)
    try {
      const { link, token } = await unlock(ports, { secret, password, address: addressOf(req) })
      if (token !== null) setCookie(settings, res, { name: visitCookie(link.id), value: token })
      await markSeen(context, req, res, link)
    } catch (error) {
      const isPage = req.accepts(['html', 'json']) === 'html'
      const { status, code, details } = answerOf(error)
      if (!isPage || (code !== 'wrong-password' && code !== 'too-many-requests')) throw error
      const seconds = Number(details['retryAfterSeconds'] ?? 0)
      if (seconds > 0) res.set('Retry-After', String(seconds))
      const language = views.languageOf(res)
      const problem =
        code === 'wrong-password'
          ? language.t('locked.wrong')
          : language.t('locked.tooMany', { count: seconds })
      return views.render(res, status, 'locked', lockedPage(language, place, problem))
    }
    res.redirect(303, place.path)
  })

  router.post('/s/:secret/leave', form, async (req, res) => {
    const { path } = placeOf(req)
    const { link } = await enter(ports, knockOf(context, req))
    const token = readCookie(settings, req, visitCookie(link.id))
    if (token !== null) await leave(ports, link, token)
    clearCookie(settings, res, visitCookie(link.id))
    res.redirect(303, path)
  })

  return router
}
