import type { Request } from 'express'
import { z } from 'zod'
import type { LinkOverview } from '../../domain/links/links.ts'
import { dayMs, type Until } from '../../domain/links/expiry.ts'
import type { LinkWish } from '../../domain/links/share.ts'
import type { Album } from '../../domain/records/records.ts'
import {
  forEachSwitch,
  linkOptions,
  switchesOf,
  usualOptions,
  withSwitches,
  type Switches,
} from '../../domain/records/link-options.ts'
import { metadataPolicies } from '../../media/types.ts'
import type { Limits } from '../../ports.ts'
import type { Answered } from '../errors.ts'
import { emptyIsAbsent, severalOf, ticked } from '../input/form-fields.ts'
import { offeredDays } from './link-days.ts'
import type { Language } from '../pages/language.ts'
import type { LinkFormPage } from '../pages/owner-page-views.ts'
import { idSchema, slugOf } from '../input/caller.ts'
import { passwordSchema, plain } from '../input/share-fields.ts'
import type { WebContext } from '../context.ts'

const linkFields = {
  label: z.string().max(200).transform(plain).default(''),
  secret: emptyIsAbsent(z.string().trim().max(200)),
  days: emptyIsAbsent(z.coerce.number().positive().max(36_500)),
  until: emptyIsAbsent(z.iso.date()),
  password: emptyIsAbsent(passwordSchema),
  removePassword: ticked,
  metadata: linkOptions.metadata,
  ...forEachSwitch(ticked),
}

export const linkForm = z.strictObject({ ...linkFields, albums: severalOf(idSchema) })
export const groupForm = z.strictObject({
  ...linkFields,
  sender: z.string().max(100).transform(plain).default(''),
  kind: z.string(),
  key: z.string().max(5000),
})
export type LinkForm = z.infer<typeof linkForm>

/** When a form's link is to end: the day's last moment, or as late as the operator lets it; undefined when it does not say. */
export function untilOfForm(
  { days, until }: Pick<LinkForm, 'days' | 'until'>,
  { linkDaysMax }: Limits,
  from: number,
): Until | undefined {
  if (until !== undefined)
    return { expiresAt: Math.min(Date.parse(`${until}T23:59:59Z`), from + linkDaysMax * dayMs) }
  return days === undefined ? undefined : { expiresInDays: days }
}

/** The problem of a form in the reader's language; null if the error is not about the form. */
export function formProblem(language: Language, { code }: Answered, { linkDaysMax }: Limits): string | null {
  switch (code) {
    case 'secret-weak':
      return language.t('link.secretWeak')
    case 'secret-taken':
      return language.t('link.secretTaken')
    case 'bad-request':
      return language.t('link.badLife', { days: language.t('start.optionDays', { count: linkDaysMax }) })
    case 'too-many-requests':
    case 'too-many-items':
      return language.t(`error.${code}`)
    default:
      return null
  }
}

const allowed = linkOptions.allow.keyof().options

const policyWords = {
  'no-location': 'link.metadata_no_location',
  none: 'link.metadata_none',
  everything: 'link.metadata_everything',
} as const

const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** The form for a new link or an existing one. */
export function linkFormPage(
  language: Language,
  limits: Limits,
  input: {
    now: number
    action: string
    heading: string
    overview: LinkOverview | null
    url: string | null
    albums: readonly { album: Album; isChosen: boolean }[]
    hidden?: LinkFormPage['hidden']
    given?: Partial<LinkForm>
    problem?: string | null
    isSaved?: boolean
  },
): LinkFormPage {
  const { now, overview, given } = input
  const link = overview?.link
  const from = link?.renewedAt ?? now
  const options = link ?? usualOptions
  const policy = given?.metadata ?? options.metadata
  const switches = { ...switchesOf(options), ...given }
  const box = (name: keyof Switches) => ({ name, label: language.t(`link.${name}`), isOn: switches[name] })
  const date = { day: 'numeric', month: 'long', year: 'numeric' } as const
  const chosenDays = given?.days ?? (link ? null : limits.linkDaysDefault)
  return {
    action: input.action,
    heading: input.heading,
    isNew: overview === null,
    problem: input.problem ?? null,
    isSaved: input.isSaved ?? false,
    url: input.url,
    hidden: input.hidden ?? [],
    label: given?.label ?? link?.label ?? '',
    secret: given?.secret ?? '',
    albums: input.albums.map(({ album, isChosen }) => ({
      id: album.id,
      title: album.title || language.t('album.untitled'),
      isChosen,
    })),
    days: offeredDays(limits).map((days) => ({
      days,
      label: language.t('start.optionDays', { count: days }),
      isChosen: days === chosenDays,
      isDefault: days === limits.linkDaysDefault,
    })),
    now: link ? language.t('link.daysKeep', { when: language.date(link.expiresAt, date) }) : null,
    earliest: isoDay(now),
    latest: isoDay(from + limits.linkDaysMax * dayMs),
    hasPassword: link?.password !== undefined && link.password !== null,
    policies: metadataPolicies.map((value) => ({
      value,
      label: language.t(policyWords[value]),
      isChosen: value === policy,
    })),
    allow: allowed.map(box),
    showsCover: box('showsCover'),
    figures: overview ? figuresOf(language, overview) : [],
    renew: overview?.isRenewable ? { action: `/shares/${overview.link.id}/renew` } : null,
  }
}

function figuresOf(
  language: Language,
  { visits, downloads, lastVisitAt }: LinkOverview,
): LinkFormPage['figures'] {
  const moment = { dateStyle: 'long', timeStyle: 'short' } as const
  return [
    { term: language.t('link.visits'), text: language.number(visits) },
    { term: language.t('link.downloadsCount'), text: language.number(downloads) },
    {
      term: language.t('link.lastVisit'),
      text: lastVisitAt === null ? language.t('link.never') : `${language.date(lastVisitAt, moment)} UTC`,
    },
  ]
}

/** What a form wants of a new link. */
export const linkWishOfForm = (
  { ports }: WebContext,
  req: Request,
  given: Omit<LinkForm, 'albums'>,
): LinkWish => ({
  label: given.label,
  until: untilOfForm(given, ports.limits, ports.clock.now()) ?? {
    expiresInDays: ports.limits.linkDaysDefault,
  },
  secret: slugOf(req, given.secret) ?? null,
  password: given.password ?? null,
  ...withSwitches(given.metadata, given),
})
