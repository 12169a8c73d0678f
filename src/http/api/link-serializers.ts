import type { Request } from 'express'
import { isDownloadable, isShown, isWithheld } from '../../domain/items/recipient-copies.ts'
import type { LinkOverview } from '../../domain/links/links.ts'
import type { KnownOwner } from '../../domain/owner/owner.ts'
import type { Item } from '../../domain/records/records.ts'
import { optionsOf } from '../../domain/records/link-options.ts'
import { labelOf } from '../../domain/links/links.ts'
import type { AnswerOf, itemStateAnswer, linkAnswer, linkDetailAnswer } from './answer-schemas.ts'
import type { WebContext } from '../context.ts'
import { addressOfLink, isoDate } from '../input/link-address.ts'

export const itemState = ({ id, name, state, reason }: Item): AnswerOf<typeof itemStateAnswer> => ({
  id,
  name,
  state,
  ...(reason === null ? {} : { reason }),
})

function linkFields(
  context: WebContext,
  req: Request,
  owner: KnownOwner,
  { link, state, isRenewable, albums, visits, downloads, lastVisitAt }: LinkOverview,
): Omit<AnswerOf<typeof linkAnswer>, 'state'> {
  return {
    id: link.id,
    label: labelOf(owner, link),
    url: addressOfLink(context, req, owner, link.sealedSecret),
    isChosen: link.isChosen,
    createdAt: isoDate(link.createdAt),
    renewedAt: isoDate(link.renewedAt),
    expiresAt: isoDate(link.expiresAt),
    endedBy: state === 'open' ? null : state === 'stopped' ? 'stop' : 'expiry',
    renewableUntil: isRenewable ? isoDate(link.dueAt) : null,
    hasPassword: link.password !== null,
    ...optionsOf(link),
    albums: albums.map(({ album, count }) => ({ id: album.id, title: album.title, count })),
    visits,
    downloads,
    lastVisitAt: lastVisitAt === null ? null : isoDate(lastVisitAt),
  }
}

export const describeLink = (
  context: WebContext,
  req: Request,
  owner: KnownOwner,
  overview: LinkOverview,
): AnswerOf<typeof linkAnswer> => ({
  ...linkFields(context, req, owner, overview),
  state: overview.state === 'open' ? 'open' : 'ended',
})

/** A link with what it shows: `preparing` as long as something of it cannot be had yet. */
export function describeLinkWithItems(
  context: WebContext,
  req: Request,
  owner: KnownOwner,
  overview: LinkOverview,
  items: readonly Item[],
): AnswerOf<typeof linkDetailAnswer> {
  const { link, state } = overview
  const isSettled = (item: Item): boolean =>
    !isShown(item) ||
    (item.state === 'ready' && (isDownloadable(item, link.metadata) || isWithheld(item, link.metadata)))
  return {
    ...linkFields(context, req, owner, overview),
    state: state !== 'open' ? 'ended' : items.every(isSettled) ? 'ready' : 'preparing',
    items: items.map(itemState),
  }
}
