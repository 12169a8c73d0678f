import { z } from 'zod'
import { groupKinds } from '../../domain/library/library.ts'
import { albumKinds } from '../../domain/records/records.ts'
import { reasons } from '../../domain/records/errors.ts'
import { linkOptions } from '../../domain/records/link-options.ts'
import { idSchema } from '../input/caller.ts'
import { skippedAnswer } from '../uploads/skipped.ts'

/** What the JSON API answers with. The OpenAPI document is made of these, and the tests hold every answer to it. */
const moment = z.iso.datetime()
const count = z.number().int().nonnegative()

export const errorAnswer = z.strictObject({
  error: z.strictObject({
    code: z.enum([...reasons, 'internal']),
    /** For a person, in English. */
    message: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())])),
  }),
})

export const itemStateAnswer = z.strictObject({
  id: idSchema,
  name: z.string(),
  /** `waiting`: it could not be prepared yet and is tried again. */
  state: z.enum(['uploaded', 'preparing', 'waiting', 'ready', 'failed']),
  reason: z.string().optional(),
})

export const shareAnswer = z.strictObject({
  album: z.strictObject({ id: idSchema }),
  link: z.strictObject({ id: idSchema, url: z.url(), expiresAt: moment }),
  items: z.array(itemStateAnswer),
  skipped: z.array(skippedAnswer),
  ownerKey: z.string().optional(),
})

const linkFields = {
  id: idSchema,
  label: z.string(),
  url: z.url().nullable(),
  isChosen: z.boolean(),
  createdAt: moment,
  renewedAt: moment,
  expiresAt: moment,
  endedBy: z.enum(['expiry', 'stop']).nullable(),
  /** Until when it can be renewed; null when it cannot. */
  renewableUntil: moment.nullable(),
  hasPassword: z.boolean(),
  ...linkOptions,
  albums: z.array(z.strictObject({ id: idSchema, title: z.string(), count })),
  visits: count,
  downloads: count,
  lastVisitAt: moment.nullable(),
}

export const linkAnswer = z.strictObject({ ...linkFields, state: z.enum(['open', 'ended']) })
export const linksAnswer = z.strictObject({ total: count, links: z.array(linkAnswer) })
export const linkDetailAnswer = z.strictObject({
  ...linkFields,
  state: z.enum(['preparing', 'ready', 'ended']),
  items: z.array(itemStateAnswer),
})
export const stoppedAnswer = z.strictObject({ stopped: count })

export const albumAnswer = z.strictObject({
  id: idSchema,
  kind: z.enum(albumKinds),
  title: z.string(),
  description: z.string(),
  sender: z.string(),
  order: z.enum(['date', 'hand']),
  cover: idSchema.nullable(),
  createdAt: moment,
  count,
})
export const albumsAnswer = z.strictObject({ total: count, albums: z.array(albumAnswer) })

const captured = z.strictObject({ local: z.string(), offset: z.string().nullable() }).nullable()
const coordinates = z.strictObject({ latitude: z.number(), longitude: z.number() }).nullable()
const place = z
  .strictObject({
    country: z.string(),
    state: z.string().nullable(),
    city: z.string().nullable(),
    neighbourhood: z.string().nullable(),
  })
  .nullable()

/** An item as its owner sees it. */
export const itemAnswer = z.strictObject({
  ...itemStateAnswer.shape,
  kind: z.enum(['photo', 'video']),
  format: z.string(),
  folder: z.string().nullable(),
  size: count,
  createdAt: moment,
  isPrivate: z.boolean(),
  isLive: z.boolean(),
  capturedAt: captured,
  coordinates,
  place,
  albums: z.array(idSchema),
})
export const itemsAnswer = z.strictObject({ total: count, items: z.array(itemAnswer) })
export const addedItemsAnswer = z.strictObject({
  items: z.array(itemStateAnswer),
  skipped: z.array(skippedAnswer),
})
export const albumDetailAnswer = z.strictObject({
  ...albumAnswer.shape,
  items: z.array(itemAnswer),
  links: z.array(linkAnswer),
})

/** Groups in order, each before the groups within it. */
export const libraryAnswer = z.strictObject({
  kind: z.enum(groupKinds),
  /** All groups, of which an answer holds some. */
  total: count,
  /** Items in the whole library. */
  items: count,
  groups: z.array(
    z.strictObject({
      key: z.string(),
      /** The group that it is within. */
      parent: z.string().nullable(),
      title: z.string(),
      count,
      /** Its first items, to show. */
      covers: z.array(idSchema),
    }),
  ),
})
export const groupAnswer = z.strictObject({ ...itemsAnswer.shape, title: z.string() })
export const sharedGroupAnswer = z.strictObject({ album: albumAnswer, link: linkAnswer })

export const ownerAnswer = z.strictObject({
  createdAt: moment,
  bytes: count,
  maxBytes: count,
  items: count,
  albums: count,
  links: count,
})
export const ownerKeyAnswer = z.strictObject({ ownerKey: z.string() })

/** An item as visitors see it: no owner, no key of the bucket, and of where it was no more than the policy keeps. */
export const visitorItemAnswer = z.strictObject({
  id: idSchema,
  name: z.string(),
  kind: z.enum(['photo', 'video']),
  format: z.string(),
  state: z.enum(['preparing', 'ready']),
  width: count.nullable(),
  height: count.nullable(),
  duration: z.number().nullable(),
  isLive: z.boolean(),
  isDownloadable: z.boolean(),
  isWithheld: z.boolean(),
  size: count.nullable(),
  /** Null where the link shows no details. */
  capturedAt: captured,
  coordinates,
  place,
  urls: z.strictObject({
    page: z.url(),
    thumb: z.url().nullable(),
    preview: z.url().nullable(),
    video: z.url().nullable(),
    download: z.url().nullable(),
  }),
})

export const visitorShareAnswer = z.strictObject({
  title: z.string(),
  sender: z.string(),
  expiresAt: moment,
  allow: linkOptions.allow,
  count,
  albums: z.array(
    z.strictObject({
      id: idSchema,
      title: z.string(),
      description: z.string(),
      sender: z.string(),
      count,
      cover: idSchema.nullable(),
    }),
  ),
  zip: z.url().nullable(),
  map: z.url().nullable(),
  /** Where the next page of items is; null on the last. */
  next: z.url().nullable(),
  items: z.array(visitorItemAnswer),
})

export type AnswerOf<S extends z.ZodType> = z.input<S>
