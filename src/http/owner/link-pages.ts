import { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { listAlbums } from '../../domain/albums/albums.ts'
import { Refused } from '../../domain/records/errors.ts'
import { createLink, editLink, renewLink } from '../../domain/links/link-changes.ts'
import { stopAll } from '../../domain/links/stop.ts'
import { withSwitches } from '../../domain/records/link-options.ts'
import { labelOf, overviewOf, type LinkOverview } from '../../domain/links/links.ts'
import type { KnownOwner } from '../../domain/owner/owner.ts'
import type { WebContext } from '../context.ts'
import { answerOf } from '../errors.ts'
import { fieldsOf, formBody, severalOf } from '../input/form-fields.ts'
import { addressOfLink } from '../input/link-address.ts'
import {
  formProblem,
  linkForm,
  linkFormPage,
  linkWishOfForm,
  untilOfForm,
  type LinkForm,
} from './link-form.ts'
import { idSchema, parse, parseAddress, rememberOwner, requireOwner, slugOf } from '../input/caller.ts'
import { requireSharer } from '../input/sender-session.ts'
import type { Views } from '../pages/views.ts'

/** Albums to choose from in the form, besides those that the link opens. */
const albumsOffered = 50

const renewForm = z.strictObject({ days: z.coerce.number().positive().max(36_500) })
const stopAllForm = z.strictObject({ keep: z.literal('day').optional() })

/** The owner's pages for making a link and for changing one. They work without scripts. */
export function linkPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const router = Router()

  async function show(
    req: Request,
    res: Response,
    owner: KnownOwner,
    input: {
      overview: LinkOverview | null
      chosen: readonly string[]
      status?: number
      given?: Partial<LinkForm>
      problem?: string | null
      isSaved?: boolean
    },
  ): Promise<void> {
    const language = views.languageOf(res)
    const { overview, chosen, status = 200, ...rest } = input
    const { albums } = await listAlbums(ports.store, owner.id, { from: 0, limit: albumsOffered })
    // The link's own first and in their order, which saving the form keeps.
    const own = overview?.albums ?? []
    const offered = new Map([...own, ...albums].map(({ album }) => [album.id, album]))
    rememberOwner(settings, res, owner)
    const page = linkFormPage(language, ports.limits, {
      ...rest,
      now: ports.clock.now(),
      overview,
      action: overview ? `/shares/${overview.link.id}` : '/shares/new',
      heading: overview ? labelOf(owner, overview.link) || language.t('link.title') : language.t('link.new'),
      url: overview?.state === 'open' ? addressOfLink(context, req, owner, overview.link.sealedSecret) : null,
      albums: [...offered.values()].map((album) => ({ album, isChosen: chosen.includes(album.id) })),
    })
    views.render(res, status, 'linkForm', page)
  }

  /** Shows the form again with its problem; throws errors that the form cannot explain. */
  async function showProblem(
    req: Request,
    res: Response,
    owner: KnownOwner,
    error: unknown,
    overview: LinkOverview | null,
    given: LinkForm,
  ): Promise<void> {
    const answered = answerOf(error)
    const problem = formProblem(views.languageOf(res), answered, ports.limits)
    if (problem === null) throw error
    await show(req, res, owner, { overview, chosen: given.albums, given, problem, status: answered.status })
  }

  router.get('/shares/new', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { album } = parse(z.object({ album: severalOf(idSchema) }), req.query)
    await show(req, res, owner, { overview: null, chosen: album })
  })

  router.post('/shares/new', formBody, async (req, res) => {
    await requireSharer(context, req)
    const owner = await requireOwner(context, req)
    const given = parse(linkForm, fieldsOf(req))
    try {
      const { link } = await createLink(ports, owner, given.albums, linkWishOfForm(context, req, given))
      res.redirect(303, `/shares/${link.id}?saved=1`)
    } catch (error) {
      await showProblem(req, res, owner, error, null, given)
    }
  })

  router.post('/shares/stop-all', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const { keep } = parse(stopAllForm, fieldsOf(req))
    await stopAll(ports, { owner: owner.id, keepForADay: keep === 'day' })
    res.redirect(303, '/shares?stopped=1')
  })

  router.get('/shares/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const overview = await overviewOf(ports, owner.id, parseAddress(idSchema, req.params.id))
    const isSaved = req.query['saved'] !== undefined
    await show(req, res, owner, { overview, chosen: overview.link.albums, isSaved })
  })

  router.post('/shares/:id', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const given = parse(linkForm, fieldsOf(req))
    const overview = await overviewOf(ports, owner.id, id)
    try {
      if (given.albums.length === 0) throw new Refused('bad-request', 'A link opens at least one album.')
      await editLink(ports, owner, id, {
        label: given.label,
        until: untilOfForm(given, ports.limits, overview.link.renewedAt),
        secret: slugOf(req, given.secret),
        ...(given.removePassword ? { password: null } : given.password ? { password: given.password } : {}),
        ...withSwitches(given.metadata, given),
        albums: given.albums,
      })
      res.redirect(303, `/shares/${id}?saved=1`)
    } catch (error) {
      await showProblem(req, res, owner, error, overview, given)
    }
  })

  router.post('/shares/:id/renew', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const { days } = parse(renewForm, fieldsOf(req))
    await renewLink(ports, { owner: owner.id, link: id, until: { expiresInDays: days } })
    res.redirect(303, `/shares/${id}?saved=1`)
  })

  return router
}
