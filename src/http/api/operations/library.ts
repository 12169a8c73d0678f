import { Router } from 'express'
import { countItems } from '../../../domain/albums/album-changes.ts'
import { albumsOfItems } from '../../../domain/items/item.ts'
import { readGroup, readItems, shareGroup, type Group } from '../../../domain/library/library.ts'
import { linkNewAlbum } from '../../../domain/links/link-changes.ts'
import { overviewOf } from '../../../domain/links/links.ts'
import type { AnswerOf, libraryAnswer } from '../answer-schemas.ts'
import { linkWishOf } from './links.ts'
import type { WebContext } from '../../context.ts'
import { albumTitles, groupTitle } from '../../pages/group-titles.ts'
import { describeAlbum, describeItem } from '../item-serializers.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { languageOf, type Language } from '../../pages/language.ts'
import { describeLink } from '../link-serializers.ts'
import { linkUrl } from '../../input/link-address.ts'
import { parse, requireOwner } from '../../input/caller.ts'
import { groupQuery, libraryQuery, shareGroupBody } from '../request-schemas.ts'
import { requireSharer } from '../../input/sender-session.ts'
import { libraryRows, type GroupRow } from '../../../domain/library/library-rows.ts'

const itemsPerAnswer = 500
const coversTold = 4

const describeGroup = (
  language: Language,
  { group, parent }: GroupRow,
): AnswerOf<typeof libraryAnswer>['groups'][number] => ({
  key: group.key,
  parent,
  title: groupTitle(language, group),
  count: group.ids.length,
  covers: group.ids.slice(0, coversTold),
})

/** All of an owner's items, grouped, as JSON. */
export function apiLibrary(context: WebContext): Router {
  const { ports, settings } = context
  const { store } = ports
  const router = Router()

  router.get('/library', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { kind, from } = parse(libraryQuery, req.query)
    const { rows, total, items } = await libraryRows(store, owner.id, kind, from)
    const language = languageOf(settings, req)
    const groups = rows.map((row) => describeGroup(language, row))
    res.vary('Accept-Language').json({ kind, total, items, groups })
  })

  router.get('/library/group', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { kind, key, from } = parse(groupQuery, req.query)
    const group = await readGroup(store, owner.id, kind, key)
    const items = await readItems(store, owner.id, group.ids.slice(from, from + itemsPerAnswer))
    const albums = await albumsOfItems(store, owner.id, items)
    res.vary('Accept-Language').json({
      title: groupTitle(languageOf(settings, req), group),
      total: group.ids.length,
      items: items.map((item, index) => describeItem(item, albums[index] ?? [])),
    })
  })

  router.post('/library/share', jsonBody, async (req, res) => {
    await requireSharer(context, req)
    const owner = await requireOwner(context, req)
    const { kind, key, sender, ...wish } = parse(shareGroupBody, req.body)
    const language = languageOf(settings, req)
    const titleOf = (group: Group) => albumTitles(language, group)
    const album = await shareGroup(ports, owner.id, { kind, key, sender, titleOf })
    const { link, secret } = await linkNewAlbum(ports, owner, album, linkWishOf(ports.limits, req, wish))
    res
      .status(201)
      .location(linkUrl(context, req, secret))
      .json({
        album: describeAlbum(album, await countItems(ports, album)),
        link: describeLink(context, req, owner, await overviewOf(ports, owner.id, link.id)),
      })
  })

  return router
}
