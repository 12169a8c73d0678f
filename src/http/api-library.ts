import { Router } from 'express'
import { countItems } from '../domain/album-changes.ts'
import { countChosenSecret } from '../domain/guess.ts'
import { albumsOfItems } from '../domain/item.ts'
import { readGroup, readItems, readLibrary, shareGroup, type Group } from '../domain/library.ts'
import { createLink } from '../domain/link-changes.ts'
import { overviewOf } from '../domain/links.ts'
import type { AnswerOf, libraryAnswer } from './answer-schemas.ts'
import { linkWishOf } from './api-links.ts'
import type { WebContext } from './context.ts'
import { albumTitles, groupTitle } from './group-titles.ts'
import { describeAlbum, describeItem } from './item-answers.ts'
import { jsonBody } from './json-body.ts'
import { languageOf, type Language } from './language.ts'
import { describeLink, linkUrl } from './link-answers.ts'
import { addressOf, parse, requireOwner } from './request.ts'
import { groupQuery, libraryQuery, shareGroupBody } from './request-schemas.ts'
import { requireSender } from './sender-session.ts'

/** Groups at the top, and items, in one answer. */
export const groupsPerAnswer = 50
const itemsPerAnswer = 500
const coversTold = 4

/** A group and all within it, one after the other. */
export function* flat(
  group: Group,
  parent: string | null = null,
): Generator<{ group: Group; parent: string | null }> {
  yield { group, parent }
  for (const child of group.children) yield* flat(child, group.key)
}

const describeGroup = (
  language: Language,
  { group, parent }: { group: Group; parent: string | null },
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
    const { groups, total, items } = await readLibrary(store, owner.id, kind, {
      from,
      limit: groupsPerAnswer,
    })
    const language = languageOf(settings, req)
    const all = groups.flatMap((group) => [...flat(group)])
    res
      .vary('Accept-Language')
      .json({ kind, total, items, groups: all.map((one) => describeGroup(language, one)) })
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
    await requireSender(context, req)
    const owner = await requireOwner(context, req)
    const { kind, key, sender, ...wish } = parse(shareGroupBody, req.body)
    if (wish.secret !== null) await countChosenSecret(store, addressOf(req))
    const language = languageOf(settings, req)
    const titleOf = (group: Group) => albumTitles(language, group)
    const album = await shareGroup(ports, owner.id, { kind, key, sender, titleOf })
    const { link, secret } = await createLink(ports, owner, [album.id], linkWishOf(ports.limits, wish))
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
