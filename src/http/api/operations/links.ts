import type { Request } from 'express'
import type { z } from 'zod'
import { albumsOf } from '../../../domain/gate/authorize.ts'
import { itemsOf } from '../../../domain/items/item.ts'
import type { Until } from '../../../domain/links/expiry.ts'
import { createLink, editLink, renewLink } from '../../../domain/links/link-changes.ts'
import { listLinks, overviewOf } from '../../../domain/links/links.ts'
import type { LinkWish } from '../../../domain/links/share.ts'
import { stopAll, stopSharing } from '../../../domain/links/stop.ts'
import type { Limits } from '../../../ports.ts'
import { slugOf } from '../../input/caller.ts'
import { linkUrl } from '../../input/link-address.ts'
import { fromQuery } from '../../input/paging.ts'
import { linkAnswer, linkDetailAnswer, linksAnswer, stoppedAnswer } from '../answer-schemas.ts'
import { describeLink, describeLinkWithItems } from '../link-serializers.ts'
import * as example from '../openapi/examples.ts'
import { editLinkBody, keepQuery, newLinkBody, renewLinkBody } from '../request-schemas.ts'
import { nothing, ownerOperation, type Operation } from './operation.ts'

/** Links in one answer. */
export const linksPerAnswer = 100

interface UntilBody {
  readonly expiresInDays?: number | undefined
  readonly expiresAt?: string | undefined
}

/** When a link is to end, as a request says it; undefined when it does not. */
export function untilOf({ expiresInDays, expiresAt }: UntilBody): Until | undefined {
  if (expiresAt !== undefined) return { expiresAt: Date.parse(expiresAt) }
  return expiresInDays === undefined ? undefined : { expiresInDays }
}

const defaultUntil = ({ linkDaysDefault }: Limits): Until => ({ expiresInDays: linkDaysDefault })

/** What a request wants of a link, with the defaults filled in. */
export const linkWishOf = (
  limits: Limits,
  req: Request,
  { secret, ...wish }: Omit<z.output<typeof newLinkBody>, 'albums'>,
): LinkWish => ({
  ...wish,
  secret: slugOf(req, secret),
  until: untilOf(wish) ?? defaultUntil(limits),
})

/** An owner's links. */
export const linkOperations: readonly Operation[] = [
  ownerOperation(
    {
      method: 'post',
      path: '/links',
      id: 'createLink',
      tag: 'Links',
      shares: true,
      summary: 'Make a link to one or several albums',
      description:
        'Several albums under one secret are shown as a list, then each. Without a secret of your own it is random.',
      body: newLinkBody,
      example: {
        albums: [example.albumId],
        label: 'For grandma',
        secret: 'lisbon-with-grandma',
        expiresInDays: 3,
        password: 'pastel de nata',
      },
      answers: {
        201: {
          description: 'The link. `Location` is its address.',
          body: linkAnswer,
          example: example.link,
          headers: { Location: 'The address to hand out.' },
        },
      },
      refusals: ['secret-taken', 'secret-weak', 'too-many-requests'],
    },
    async ({ context, req, res, owner, body }) => {
      const { ports } = context
      const { albums, ...wish } = body()
      const { link, secret } = await createLink(ports, owner, albums, linkWishOf(ports.limits, req, wish))
      const overview = await overviewOf(ports, owner.id, link.id)
      const described = describeLink(context, req, owner, overview)
      res
        .status(201)
        .location(linkUrl(context, req, secret))
        .json(described)
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/links',
      id: 'listLinks',
      tag: 'Links',
      summary: 'All links of all albums, newest first, 100 at a time',
      query: fromQuery,
      answers: {
        200: {
          description: 'Links from number `from` on.',
          body: linksAnswer,
          example: { total: 1, links: [example.link] },
        },
      },
    },
    async ({ context, req, res, owner, query }) => {
      const { from } = query()
      const { links, total } = await listLinks(context.ports, owner.id, { from, limit: linksPerAnswer })
      res.json({ total, links: links.map((overview) => describeLink(context, req, owner, overview)) })
    },
  ),
  ownerOperation(
    {
      method: 'delete',
      path: '/links',
      id: 'stopAll',
      tag: 'Links',
      summary: 'Stop all links',
      description: 'What they alone open is deleted: within a minute, or after a day with `keep=day`.',
      query: keepQuery,
      answers: {
        200: { description: 'How many links ended.', body: stoppedAnswer, example: { stopped: 2 } },
      },
    },
    async ({ context: { ports }, res, owner, query }) => {
      const { keep } = query()
      res.json({ stopped: await stopAll(ports, { owner: owner.id, keepForADay: keep === 'day' }) })
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/links/{id}',
      id: 'getLink',
      tag: 'Links',
      summary: 'One link, and whether everything that it opens can be had yet',
      answers: {
        200: {
          description: 'The link with its items.',
          body: linkDetailAnswer,
          example: { ...example.link, state: 'ready', items: [example.itemState] },
        },
      },
    },
    async ({ context, req, res, owner, id }) => {
      const { ports } = context
      const overview = await overviewOf(ports, owner.id, id())
      const albums = await albumsOf(ports.store, overview)
      const items = (await Promise.all(albums.map((album) => itemsOf(ports.store, album)))).flat()
      res.json(describeLinkWithItems(context, req, owner, overview, items))
    },
  ),
  ownerOperation(
    {
      method: 'patch',
      path: '/links/{id}',
      id: 'editLink',
      tag: 'Links',
      summary: 'Change a link: what is absent stays',
      description:
        'Shortens and extends too, up to the longest life after its making or last renewal. `secret: null` gives a new ' +
        'random address, `password: null` takes the password away; changing the password ends every access.',
      body: editLinkBody,
      example: { label: 'For grandma and grandpa', expiresInDays: 7, allow: { downloads: false } },
      answers: { 200: { description: 'The link as it is now.', body: linkAnswer, example: example.link } },
      refusals: ['link-ended', 'secret-taken', 'secret-weak', 'too-many-requests'],
    },
    async ({ context, req, res, owner, id, body }) => {
      const { ports } = context
      const { expiresInDays, expiresAt, secret, ...edit } = body()
      await editLink(ports, owner, id(), {
        ...edit,
        secret: slugOf(req, secret),
        until: untilOf({ expiresInDays, expiresAt }),
      })
      res.json(describeLink(context, req, owner, await overviewOf(ports, owner.id, id())))
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/links/{id}/renew',
      id: 'renewLink',
      tag: 'Links',
      summary: 'Renew a link from now on, also within the day after its expiry',
      body: renewLinkBody,
      example: { expiresInDays: 14 },
      answers: { 200: { description: 'The link as it is now.', body: linkAnswer, example: example.link } },
      refusals: ['link-ended', 'secret-taken'],
    },
    async ({ context, req, res, owner, id, body }) => {
      const { ports } = context
      const until = untilOf(body()) ?? defaultUntil(ports.limits)
      await renewLink(ports, { owner: owner.id, link: id(), until })
      res.json(describeLink(context, req, owner, await overviewOf(ports, owner.id, id())))
    },
  ),
  ownerOperation(
    {
      method: 'delete',
      path: '/links/{id}',
      id: 'stopSharing',
      tag: 'Links',
      summary: 'Stop sharing',
      description:
        'Final for the link. What no other link opens is deleted: within a minute, or after a day with `keep=day`.',
      query: keepQuery,
      answers: nothing('The link has ended; nobody gets a byte through it any more.'),
    },
    async ({ context: { ports }, res, owner, id, query }) => {
      const { keep } = query()
      await stopSharing(ports, { owner: owner.id, link: id(), keepForADay: keep === 'day' })
      res.status(204).end()
    },
  ),
]
