import type { ItemSummary } from '../../domain/items/item-summary.ts'
import type { Link } from '../../domain/records/records.ts'
import type { Language } from './language.ts'

const hour = 3_600_000
const day = 24 * hour

/** `12 photos and 2 videos` */
export function countWords(language: Language, items: readonly ItemSummary[]): string {
  const videos = items.filter(({ kind }) => kind === 'video').length
  const photos = items.length - videos
  const words = [
    ...(photos > 0 ? [language.t('count.photos', { count: photos })] : []),
    ...(videos > 0 ? [language.t('count.videos', { count: videos })] : []),
  ]
  return words.length > 0 ? language.list(words) : language.t('count.nothing')
}

/** `12 days left` */
export function timeLeft(language: Language, link: Pick<Link, 'expiresAt'>, now: number): string {
  const left = link.expiresAt - now
  if (left >= 23.5 * hour) return language.t('until.days', { count: Math.max(1, Math.round(left / day)) })
  if (left >= hour) return language.t('until.hours', { count: Math.round(left / hour) })
  return language.t('until.soon')
}

/** `until 2 December`, with the year where it is not this one. */
export function untilWords(language: Language, link: Pick<Link, 'expiresAt'>, now: number): string {
  const isThisYear = new Date(now).getUTCFullYear() === new Date(link.expiresAt).getUTCFullYear()
  const date = language.date(link.expiresAt, {
    day: 'numeric',
    month: 'long',
    ...(isThisYear ? {} : { year: 'numeric' }),
  })
  return language.t('until.date', { date })
}
