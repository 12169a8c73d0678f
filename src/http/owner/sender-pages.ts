import { Router, type Request } from 'express'
import { z } from 'zod'
import { ownLink } from '../../domain/removal/removal.ts'
import { stopSharing } from '../../domain/links/stop.ts'
import { Refused, notFound } from '../../domain/records/errors.ts'
import { labelOf, listLinks } from '../../domain/links/links.ts'
import { unseal } from '../../domain/records/seal.ts'
import type { WebContext } from '../context.ts'
import { setCookie } from '../input/cookies.ts'
import { answerOf } from '../errors.ts'
import { installPages } from './install-pages.ts'
import { formOf } from '../input/bodies/json-body.ts'
import { takeLeftOut } from '../uploads/left-out.ts'
import { languageCookie } from '../pages/language.ts'
import { languageCodes } from '../pages/locales.ts'
import {
  baseUrl,
  currentOwner,
  idSchema,
  parse,
  parseAddress,
  rememberOwner,
  requireOwner,
} from '../input/caller.ts'
import { from } from '../input/paging.ts'
import { maySend, openSenderSession } from '../input/sender-session.ts'
import { sharesPage, startPage } from './sender-views.ts'
import { passwordSchema } from '../input/share-fields.ts'
import { qrCode } from '../pages/qr-code.ts'
import type { Views } from '../pages/views.ts'

const linksPerPage = 100
const yearMs = 365 * 24 * 3_600_000

const signInForm = z.strictObject({ password: passwordSchema, next: z.string().max(200).optional() })
const stopForm = z.strictObject({ keep: z.literal('day').optional() })
const languageForm = z.strictObject({ language: z.enum(languageCodes), next: z.string().max(2000) })
const sharesQuery = z.object({
  from,
  stopped: z.string().optional(),
  made: idSchema.optional().catch(undefined),
})

/** A path on this very site, or its start: `//evil` and `/\evil` lead elsewhere in browsers. */
const ownPath = (next: string | undefined): string =>
  next !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/'

/** The sender's pages. */
export function senderPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const router = Router()
  router.use(installPages(context, views))
  const form = formOf({ limit: '8kb', parameterLimit: 10 })

  const here = (req: Request) => ({
    address: `${baseUrl(settings, req)}/api/v1/shares`,
    now: ports.clock.now(),
  })

  router.get('/', async (req, res) => {
    const [asks, owner] = await Promise.all([maySend(context, req), currentOwner(context, req)])
    if (owner) rememberOwner(settings, res, owner)
    const model = startPage(views.languageOf(res), ports.limits, {
      asksPassword: !asks,
      hasShares: owner !== null,
      problem: null,
      ...here(req),
    })
    views.render(res, 200, 'start', model)
  })

  router.post('/session', form, async (req, res) => {
    const { password, next } = parse(signInForm, req.body)
    try {
      await openSenderSession(context, req, res, password)
    } catch (error) {
      const { status, code, details } = answerOf(error)
      if (code !== 'wrong-password' && code !== 'too-many-requests') throw error
      const language = views.languageOf(res)
      const seconds = Number(details['retryAfterSeconds'] ?? 0)
      if (seconds > 0) res.set('Retry-After', String(seconds))
      const problem =
        code === 'wrong-password'
          ? language.t('locked.wrong')
          : language.t('locked.tooMany', { count: seconds })
      const model = startPage(language, ports.limits, {
        asksPassword: true,
        hasShares: false,
        problem,
        ...here(req),
      })
      return views.render(res, status, 'start', model)
    }
    res.redirect(303, ownPath(next))
  })

  router.get('/shares', async (req, res) => {
    const owner = await currentOwner(context, req)
    const query = parse(sharesQuery, req.query)
    const { links, total } = owner
      ? await listLinks(ports, owner.id, { from: query.from, limit: linksPerPage })
      : { links: [], total: 0 }
    const addressOf = (sealed: string): string | null => {
      const secret = owner && unseal(owner.key, sealed)
      return secret === null ? null : `${baseUrl(settings, req)}/s/${secret}`
    }
    if (owner) rememberOwner(settings, res, owner)
    const model = sharesPage(views.languageOf(res), links, {
      now: ports.clock.now(),
      addressOf,
      labelOf: (link) => (owner ? labelOf(owner, link) : ''),
      justStopped: query.stopped !== undefined,
      justMade: query.made ?? null,
      leftOut: query.made === undefined ? [] : takeLeftOut(settings, req, res),
      older: query.from + linksPerPage < total ? `/shares?from=${query.from + linksPerPage}` : null,
    })
    views.render(res, 200, 'shares', model)
  })

  router.get('/shares/:id/qr.svg', async (req, res) => {
    const owner = await requireOwner(context, req)
    const link = await ownLink(ports.store, owner.id, parseAddress(idSchema, req.params.id))
    const secret = unseal(owner.key, link.sealedSecret)
    if (secret === null) throw notFound('link')
    const svg = await qrCode(`${baseUrl(settings, req)}/s/${secret}`)
    res.set('Cache-Control', 'no-store').type('svg').send(svg)
  })

  router.post('/shares/:id/stop', form, async (req, res) => {
    const owner = await requireOwner(context, req)
    const { keep } = parse(stopForm, bodyOf(req))
    const link = parseAddress(idSchema, req.params.id)
    await stopSharing(ports, { owner: owner.id, link, keepForADay: keep === 'day' })
    res.redirect(303, '/shares?stopped=1')
  })

  router.post('/language', form, (req, res) => {
    const { language, next } = parse(languageForm, req.body)
    setCookie(settings, res, { name: languageCookie, value: language, maxAgeMs: yearMs })
    res.redirect(303, ownPath(next))
  })

  return router
}

/** A form without any field has no body at all. */
function bodyOf(req: Request): unknown {
  const body: unknown = req.body
  if (Array.isArray(body)) throw new Refused('bad-request', 'The request is not valid.')
  return body ?? {}
}
