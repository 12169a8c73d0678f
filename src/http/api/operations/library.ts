import { countItems } from '../../../domain/albums/album-changes.ts'
import { libraryRows, type GroupRow } from '../../../domain/library/library-rows.ts'
import { readGroup, readItems, shareGroup, type Group } from '../../../domain/library/library.ts'
import { linkNewAlbum } from '../../../domain/links/link-changes.ts'
import { overviewOf } from '../../../domain/links/links.ts'
import { linkUrl } from '../../input/link-address.ts'
import { albumTitles, groupTitle } from '../../pages/group-titles.ts'
import { languageOf, type Language } from '../../pages/language.ts'
import { groupAnswer, libraryAnswer, sharedGroupAnswer, type AnswerOf } from '../answer-schemas.ts'
import { describeAlbum, describeItems } from '../item-serializers.ts'
import { describeLink } from '../link-serializers.ts'
import * as example from '../openapi/examples.ts'
import { groupQuery, libraryQuery, shareGroupBody } from '../request-schemas.ts'
import { itemsPerAnswer } from './items.ts'
import { linkWishOf } from './links.ts'
import { ownerOperation, type Operation } from './operation.ts'

const title = 'Weekend in Lisbon, May 2026'
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

/** All of an owner's items, in groups. */
export const libraryOperations: readonly Operation[] = [
  ownerOperation(
    {
      method: 'get',
      path: '/library',
      id: 'getLibrary',
      tag: 'Library',
      summary: 'All your items in groups: moments, months, regions or folders, 100 at a time',
      description: 'Titles are in the language of `Accept-Language`. Groups within others follow these.',
      query: libraryQuery,
      answers: {
        200: {
          description: 'Groups from number `from` on.',
          body: libraryAnswer,
          example: {
            kind: 'moment',
            total: 1,
            items: 1,
            groups: [{ key: example.itemId, parent: null, title, count: 1, covers: [example.itemId] }],
          },
        },
      },
    },
    async ({ context: { ports, settings }, req, res, owner, query }) => {
      const { kind, from } = query()
      const { rows, total, items } = await libraryRows(ports.store, owner.id, kind, from)
      const language = languageOf(settings, req)
      const groups = rows.map((row) => describeGroup(language, row))
      res.vary('Accept-Language').json({ kind, total, items, groups })
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/library/group',
      id: 'getGroup',
      tag: 'Library',
      summary: 'The items of one group, 500 at a time',
      query: groupQuery,
      answers: {
        200: {
          description: 'Items from number `from` on.',
          body: groupAnswer,
          example: { title, total: 1, items: [example.item] },
        },
      },
    },
    async ({ context: { ports, settings }, req, res, owner, query }) => {
      const { kind, key, from } = query()
      const group = await readGroup(ports.store, owner.id, kind, key)
      const items = await readItems(ports.store, owner.id, group.ids.slice(from, from + itemsPerAnswer))
      res.vary('Accept-Language').json({
        title: groupTitle(languageOf(settings, req), group),
        total: group.ids.length,
        items: await describeItems(ports.store, owner.id, items),
      })
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/library/share',
      id: 'shareGroup',
      tag: 'Library',
      shares: true,
      summary: 'Make an album of a group as it is now, and a link to it',
      body: shareGroupBody,
      example: { kind: 'month', key: '2026-05', expiresInDays: 7 },
      answers: {
        201: {
          description: 'The album and its link.',
          body: sharedGroupAnswer,
          example: { album: { ...example.album, kind: 'month', title: 'May 2026' }, link: example.link },
          headers: { Location: 'The address to hand out.' },
        },
      },
      refusals: ['too-many-items', 'secret-taken', 'secret-weak', 'too-many-requests'],
    },
    async ({ context, req, res, owner, body }) => {
      const { ports, settings } = context
      const { kind, key, sender, ...wish } = body()
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
    },
  ),
]
