import type { RequestHandler } from 'express'
import { z } from 'zod'
import { enterWithAlbums } from '../../domain/gate/authorize.ts'
import { contentVersion } from '../../domain/gate/content-version.ts'
import { albumListPage } from './album-list-model.ts'
import type { WebContext } from '../context.ts'
import { keepPages } from './kept-pages.ts'
import { placeOf, unlessLocked } from './link-place.ts'
import { openOutlines, openPage } from './open-link.ts'
import { idSchema, knockOf, parse } from '../input/caller.ts'
import { idsOnPage, sharePage, shownItems } from './share-model.ts'
import type { Views } from '../pages/views.ts'

const pageSchema = z.object({
  album: idSchema.optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
})

/** `GET /s/:secret`: what a link opens, as a page. */
export function showShare(context: WebContext, views: Views): RequestHandler {
  const { ports } = context
  const sendPage = keepPages()

  return (req, res) =>
    unlessLocked(context, views, [req, res], async () => {
      const { visit, albums } = await enterWithAlbums(ports, knockOf(context, req))
      const { page, album } = parse(pageSchema, req.query)
      const language = views.languageOf(res)
      const place = { ...placeOf(context, views, req), page }
      // How long the link still lives is said to the minute.
      const source = {
        name: [language.code, language.locale, place.base, req.originalUrl].join(' '),
        version: `${Math.floor(place.now / 60_000)} ${contentVersion(visit.link, albums)}`,
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
    })
}
