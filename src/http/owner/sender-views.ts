import { dayMs } from '../../domain/links/expiry.ts'
import type { LinkOverview } from '../../domain/links/links.ts'
import type { Limits } from '../../ports.ts'
import { offeredDays } from './link-days.ts'
import type { Language } from '../pages/language.ts'
import type { SharedLink, SharesPage, StartPage } from '../pages/page-views.ts'
import { untilWords, timeLeft } from '../pages/words.ts'

export function startPage(
  language: Language,
  limits: Limits,
  input: {
    asksPassword: boolean
    hasShares: boolean
    problem: string | null
    address: string
    now: number
  },
): StartPage {
  const { now, ...page } = input
  return {
    ...page,
    limits: {
      text: language.t('start.limits', {
        size: language.size(limits.maxFileBytes),
        items: language.number(limits.maxAlbumItems),
      }),
      maxFileBytes: limits.maxFileBytes,
      maxItems: limits.maxAlbumItems,
    },
    days: offeredDays(limits).map((count) => ({
      days: count,
      label: language.t('start.optionDays', { count }),
      left: leftWords(language, now, count),
      isDefault: count === limits.linkDaysDefault,
    })),
  }
}

/** As the visitor's page says it of a link that is made now. */
function leftWords(language: Language, now: number, days: number): string {
  const link = { expiresAt: now + days * dayMs }
  return `${timeLeft(language, link, now)} · ${untilWords(language, link, now)}`
}

export function sharesPage(
  language: Language,
  links: readonly LinkOverview[],
  input: {
    now: number
    addressOf: (sealedSecret: string) => string | null
    labelOf: (link: LinkOverview['link']) => string
    justStopped: boolean
    /** The link that was made a moment ago. */
    justMade: string | null
    /** Names of files that were not photos or videos. */
    leftOut: readonly string[]
    older: string | null
  },
): SharesPage {
  const shown = (state: 'open' | 'ended'): SharedLink[] =>
    links
      .filter((overview) => (overview.state === 'open') === (state === 'open'))
      .map((overview) => sharedLink(language, overview, input))
  return {
    open: shown('open'),
    ended: shown('ended'),
    isEmpty: links.length === 0,
    justStopped: input.justStopped,
    leftOut:
      input.leftOut.length > 0 ? language.t('shares.leftOut', { names: language.list(input.leftOut) }) : null,
    older: input.older,
  }
}

function sharedLink(
  language: Language,
  overview: LinkOverview,
  {
    now,
    addressOf,
    labelOf,
    justMade,
  }: {
    now: number
    addressOf: (sealedSecret: string) => string | null
    labelOf: (link: LinkOverview['link']) => string
    justMade: string | null
  },
): SharedLink {
  const { link, state, albums, visits, isRenewable } = overview
  const title = albums.map(({ album }) => album.title).find((text) => text !== '')
  const count = albums.reduce((sum, album) => sum + album.count, 0)
  const items = language.t('count.items', { count })
  const endedAt = link.stoppedAt ?? link.expiresAt
  const endedOn = language.date(endedAt, { day: 'numeric', month: 'long', year: 'numeric' })
  return {
    id: link.id,
    isNew: link.id === justMade,
    title: labelOf(link) || title || language.t('shares.untitled'),
    summary: count > 0 ? items : null,
    url: state === 'open' ? addressOf(link.sealedSecret) : null,
    timeLeft:
      state === 'open'
        ? `${timeLeft(language, link, now)} · ${untilWords(language, link, now)}`
        : language.t(state === 'stopped' ? 'shares.stoppedOn' : 'shares.expiredOn', { date: endedOn }),
    hasPassword: link.password !== null,
    visits: visits === 0 ? language.t('shares.visitsNone') : language.t('shares.visits', { count: visits }),
    isRenewable: isRenewable && state !== 'open',
    deletes: language.t('shares.stopDelete', { what: items }),
  }
}
