import { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import {
  groupKinds,
  readGroup,
  shareGroup,
  type Group,
  type GroupKind,
} from '../../domain/library/library.ts'
import { linkNewAlbum } from '../../domain/links/link-changes.ts'
import type { KnownOwner } from '../../domain/owner/owner.ts'
import { groupsPerAnswer, libraryRows } from '../../domain/library/library-rows.ts'
import type { WebContext } from '../context.ts'
import { answerOf } from '../errors.ts'
import { fieldsOf, formBody } from '../input/form-fields.ts'
import { albumTitles, groupTitle } from '../pages/group-titles.ts'
import { formProblem, groupForm, linkFormPage, linkWishOfForm } from './link-form.ts'
import { from } from '../input/paging.ts'
import { currentOwner, parse, requireOwner } from '../input/caller.ts'
import { requireSharer } from '../input/sender-session.ts'
import type { Views } from '../pages/views.ts'

const libraryQuery = z.object({
  by: z.enum(groupKinds).default('moment'),
  from,
})
const groupQuery = z.object({ kind: z.enum(groupKinds), key: z.string().min(1).max(5000) })
const coversShown = 4

/** All of an owner's items, grouped, and any group shared in two clicks. */
export function libraryPages(context: WebContext, views: Views): Router {
  const { ports } = context
  const { store } = ports
  const router = Router()

  router.get('/library', async (req, res) => {
    const owner = await currentOwner(context, req)
    const { by, from } = parse(libraryQuery, req.query)
    const { rows, total } = owner ? await libraryRows(store, owner.id, by, from) : { rows: [], total: 0 }
    const language = views.languageOf(res)
    views.render(res, 200, 'library', {
      tabs: groupKinds.map((kind) => ({
        address: `/library?by=${kind}`,
        label: language.t(`library.${kind}_tab`),
        isCurrent: kind === by,
      })),
      groups: rows.map(({ group, depth }) => ({
        title: groupTitle(language, group),
        summary: language.t('count.items', { count: group.ids.length }),
        depth: Math.min(depth, 3),
        covers: group.ids.slice(0, coversShown).map((id) => `/api/v1/items/${id}/thumb`),
        share: `/library/share?kind=${group.kind}&key=${encodeURIComponent(group.key)}`,
      })),
      isEmpty: total === 0,
      more: from + groupsPerAnswer < total ? `/library?by=${by}&from=${from + groupsPerAnswer}` : null,
    })
  })

  async function show(
    res: Response,
    owner: KnownOwner,
    { kind, key }: { kind: GroupKind; key: string },
    rest: { given?: object; problem?: string; status?: number },
  ): Promise<void> {
    const group = await readGroup(store, owner.id, kind, key)
    const language = views.languageOf(res)
    const { status = 200, ...input } = rest
    const page = linkFormPage(language, ports.limits, {
      ...input,
      now: ports.clock.now(),
      overview: null,
      url: null,
      action: '/library/share',
      heading: language.t('library.shareTitle', { title: groupTitle(language, group) }),
      albums: [],
      hidden: [
        { name: 'kind', value: kind },
        { name: 'key', value: key },
      ],
    })
    views.render(res, status, 'linkForm', page)
  }

  router.get('/library/share', async (req, res) => {
    await show(res, await requireOwner(context, req), parse(groupQuery, req.query), {})
  })

  router.post('/library/share', formBody, async (req: Request, res: Response) => {
    await requireSharer(context, req)
    const owner = await requireOwner(context, req)
    const { sender, kind, key, ...given } = parse(groupForm, fieldsOf(req))
    const which = parse(groupQuery, { kind, key })
    try {
      const language = views.languageOf(res)
      const titleOf = (group: Group) => albumTitles(language, group)
      const album = await shareGroup(ports, owner.id, { ...which, sender, titleOf })
      const { link } = await linkNewAlbum(ports, owner, album, linkWishOfForm(context, req, given))
      res.redirect(303, `/shares/${link.id}?saved=1`)
    } catch (error) {
      const answered = answerOf(error)
      const problem = formProblem(views.languageOf(res), answered, ports.limits)
      if (problem === null || !(error instanceof Refused)) throw error
      await show(res, owner, which, { given, problem, status: answered.status })
    }
  })

  return router
}
