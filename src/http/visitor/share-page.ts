import type { RequestHandler } from 'express'
import { z } from 'zod'
import { authorizeWithAlbums } from '../../domain/gate/authorize.ts'
import { contentVersion } from '../../domain/gate/content-version.ts'
import { albumListPage } from './album-list-view.ts'
import type { WebContext } from '../context.ts'
import { createPageCache } from './page-cache.ts'
import { linkPageContext, orPasswordPage } from './link-page-context.ts'
import { openSummaries, openPage } from './read-opened.ts'
import { idSchema, credentialsOf, parse } from '../input/caller.ts'
import { idsOnPage, sharePage, shownItems } from './share-view.ts'
import type { Views } from '../pages/views.ts'

const pageSchema = z.object({
  album: idSchema.optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
})

/** `GET /s/:secret`: what a link opens, as a page. */
export function showShare(context: WebContext, views: Views): RequestHandler {
  const { ports } = context
  const sendPage = createPageCache()

  return (req, res) =>
    orPasswordPage(context, views, [req, res], async () => {
      const { access, albums } = await authorizeWithAlbums(ports, credentialsOf(context, req))
      const { page, album } = parse(pageSchema, req.query)
      const language = views.languageOf(res)
      const place = { ...linkPageContext(context, views, req), page }
      // How long the link still lives is said to the minute.
      const source = {
        name: [language.code, language.locale, place.base, req.originalUrl].join(' '),
        version: `${Math.floor(place.now / 60_000)} ${contentVersion(access.link, albums)}`,
      }
      await sendPage(req, res, source, async () => {
        if (albums.length > 1 && album === undefined) {
          const all = await openSummaries(ports.store, access, albums)
          return {
            html: views.html(res, 'albumList', albumListPage(language, all, place)),
            isLasting: shownItems(all).every(({ isReady }) => isReady),
          }
        }
        const part = { album, page }
        const { all, chosen, items } = await openPage(ports.store, access, albums, part, (shown) =>
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
