import { Router, type Request } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import { authorize, authorizeForItem } from '../../domain/gate/authorize.ts'
import { leave, unlock } from '../../domain/gate/unlock.ts'
import type { WebContext } from '../context.ts'
import { clearCookie, readCookie, setCookie } from '../input/cookies.ts'
import { albumWith } from './album-list-view.ts'
import { answerOf } from '../errors.ts'
import { itemPage } from './item-view.ts'
import { formOf } from '../input/bodies/json-body.ts'
import { linkPageContext, orPasswordPage } from './link-page-context.ts'
import { lockedPage } from './locked-view.ts'
import { chooseAlbum, openAlbums } from './read-opened.ts'
import {
  idSchema,
  visitorOf,
  credentialsOf,
  parse,
  parseAddress,
  rememberHere,
  visitCookie,
} from '../input/caller.ts'
import { passwordSchema } from '../input/share-fields.ts'
import { qrCode } from '../pages/qr-code.ts'
import type { Views } from '../pages/views.ts'
import { markSeen } from '../input/visits.ts'

const unlockForm = z.strictObject({ password: passwordSchema })

/** The pages of a link except the first (see share-page). Bytes come from `delivery`. */
export function visitorPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const router = Router()
  const form = formOf({ limit: '4kb', parameterLimit: 10 })

  const place = (req: Request) => linkPageContext(context, views, req)

  router.get('/s/:secret/qr.svg', async (req, res) => {
    await authorize(ports, credentialsOf(context, req))
    const svg = await qrCode(place(req).base)
    res.set('Cache-Control', 'private, no-cache').type('svg').send(svg)
  })

  router.get('/s/:secret/items/:id', (req, res) =>
    orPasswordPage(context, views, [req, res], async () => {
      const id = parseAddress(idSchema, req.params.id)
      const { access, item } = await authorizeForItem(ports, credentialsOf(context, req), id)
      if (item.state === 'failed') throw new Refused('unknown', 'There is no such item.')
      const all = await openAlbums(ports.store, access)
      const album = all.albums.length > 1 ? albumWith(all, item.id) : undefined
      const model = itemPage(views.languageOf(res), chooseAlbum(all, album), item, { ...place(req), album })
      views.render(res, 200, 'item', model)
    }),
  )

  router.post('/s/:secret/unlock', form, async (req, res) => {
    const at = place(req)
    const { password } = parse(unlockForm, req.body)
    try {
      const { link, token } = await unlock(ports, { ...visitorOf(context, req), password })
      if (token !== null) setCookie(settings, res, { name: visitCookie(link.id), value: token })
      rememberHere(context, res, link)
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
      return views.render(res, status, 'locked', lockedPage(language, at, problem))
    }
    res.redirect(303, at.path)
  })

  router.post('/s/:secret/leave', form, async (req, res) => {
    const { path } = place(req)
    const { link } = await authorize(ports, credentialsOf(context, req))
    const token = readCookie(settings, req, visitCookie(link.id))
    if (token !== null) await leave(ports, link, token)
    clearCookie(settings, res, visitCookie(link.id))
    res.redirect(303, path)
  })

  return router
}
