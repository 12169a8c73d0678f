import { z } from 'zod'
import { metadataPolicies, type MetadataPolicy } from '../../media/types.ts'

/**
 * What an owner sets of a link besides its end, its password and its albums. This file is the only description: the record,
 * the API's bodies and answers, the OpenAPI document and the form follow from it. A new switch needs a line in the schema
 * in `forEachSwitch` and `withSwitches`, its words in locales/ (`link.<name>`), and the place where it takes effect.
 */
export const linkOptions = {
  /** Which metadata recipients get. */
  metadata: z.enum(metadataPolicies),
  /** What visitors may do. */
  allow: z.strictObject({ downloads: z.boolean(), details: z.boolean(), map: z.boolean() }),
  /** Whether link previews show the card. */
  showsCover: z.boolean(),
}
const schema = z.object(linkOptions)
export type LinkOptions = z.output<typeof schema>

/** One value for each option that is on or off. A form has all of these on one level. */
export const forEachSwitch = <T>(one: T) => ({ downloads: one, details: one, map: one, showsCover: one })
export type Switches = Readonly<ReturnType<typeof forEachSwitch<boolean>>>

export const switchesOf = ({ allow, showsCover }: LinkOptions): Switches => ({ ...allow, showsCover })

/** Of `switches` only these are taken: a form has other fields beside them. */
export function withSwitches(metadata: MetadataPolicy, switches: Switches): LinkOptions {
  const { downloads, details, map, showsCover } = switches
  return { metadata, allow: { downloads, details, map }, showsCover }
}

/** What a new link has where its owner says nothing. */
export const usualOptions = withSwitches('no-location', forEachSwitch(true))

/** Those of a link whose record cannot be read. */
export const closedOptions = withSwitches('no-location', forEachSwitch(false))

/** Some of the options. */
export const someLinkOptions = schema.extend({ allow: linkOptions.allow.partial() }).partial()
export type SomeLinkOptions = z.output<typeof someLinkOptions>

/** The same for a new link, whose absent options are as usual. */
export const newLinkOptions = {
  metadata: linkOptions.metadata.default(usualOptions.metadata),
  allow: linkOptions.allow.partial().default({}),
  showsCover: linkOptions.showsCover.default(usualOptions.showsCover),
}

/** The options among a link's fields. */
export const optionsOf = (link: LinkOptions): LinkOptions => schema.parse(link)

/** `options` with what `edit` gives; other fields of the two are left out. */
export const editedOptions = (options: LinkOptions, edit: SomeLinkOptions): LinkOptions =>
  schema.parse({ ...options, ...given(edit), allow: { ...options.allow, ...given(edit.allow ?? {}) } })

const given = (edit: object): object =>
  Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined))

const leastStrictFirst = ['everything', 'no-location', 'none'] as const satisfies MetadataPolicy[]

/** Whether copies under `policy` keep less metadata than those under `other`. */
export const isStricter = (policy: MetadataPolicy, other: MetadataPolicy): boolean =>
  leastStrictFirst.indexOf(policy) > leastStrictFirst.indexOf(other)

/** Whether `after` gives visitors less than `before`. */
export function isNarrowed(before: LinkOptions, after: LinkOptions): boolean {
  const isOn = new Map(Object.entries(switchesOf(after)))
  return (
    isStricter(after.metadata, before.metadata) ||
    Object.entries(switchesOf(before)).some(([name, wasOn]) => wasOn && !isOn.get(name))
  )
}
