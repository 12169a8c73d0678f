import { z } from 'zod'
import { groupKinds } from '../../domain/library/library.ts'
import { newLinkOptions, someLinkOptions } from '../../domain/records/link-options.ts'
import { idSchema } from '../input/caller.ts'
import { passwordSchema, plain } from '../input/share-fields.ts'
import { from } from '../input/paging.ts'

/** What the JSON API takes. The same schemas parse requests and describe them in the OpenAPI document. */
const text = (longest: number) => z.string().max(longest).transform(plain)
const ids = (most: number) => z.array(idSchema).min(1).max(most)

/** Items in one request. */
export const maxIds = 10_000

/** The domain checks a slug; this only bounds its length. */
const chosenSecret = z.string().max(200)

const until = {
  expiresInDays: z.number().positive().max(36_500).optional(),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
}
const notBoth = {
  check: (input: { expiresInDays?: number | undefined; expiresAt?: string | undefined }) =>
    input.expiresInDays === undefined || input.expiresAt === undefined,
  message: 'give expiresInDays or expiresAt, not both',
}

const linkWish = {
  label: text(200).default(''),
  secret: chosenSecret.nullable().default(null),
  ...until,
  password: passwordSchema.nullable().default(null),
  ...newLinkOptions,
}

export const newLinkBody = z
  .strictObject({ albums: ids(50), ...linkWish })
  .refine(notBoth.check, notBoth.message)

export const editLinkBody = z
  .strictObject({
    albums: ids(50).optional(),
    label: text(200).optional(),
    secret: chosenSecret.nullable().optional(),
    ...until,
    password: passwordSchema.nullable().optional(),
    ...someLinkOptions.shape,
  })
  .refine(notBoth.check, notBoth.message)

/** No body asks for the usual days. */
export const renewLinkBody = z.strictObject(until).refine(notBoth.check, notBoth.message).prefault({})

const groupFields = { kind: z.enum(groupKinds).default('moment'), key: z.string().min(1).max(5000) }
export const libraryQuery = z.strictObject({ kind: groupFields.kind, from: from })
export const groupQuery = z.strictObject({ ...groupFields, from })
export const shareGroupBody = z
  .strictObject({ ...groupFields, sender: text(100).default(''), ...linkWish })
  .refine(notBoth.check, notBoth.message)

export const keepQuery = z.strictObject({ keep: z.literal('day').optional() })
export const newAlbumBody = z.strictObject({
  title: text(200).default(''),
  description: text(2000).default(''),
  sender: text(100).default(''),
  items: z.array(idSchema).max(maxIds).default([]),
})

export const editAlbumBody = z
  .strictObject({
    title: text(200).optional(),
    description: text(2000).optional(),
    sender: text(100).optional(),
    order: z.enum(['date', 'hand']).optional(),
    items: z.array(idSchema).max(maxIds).optional(),
    cover: idSchema.nullable().optional(),
  })
  .refine(({ order, items }) => !(order === 'date' && items), 'items are an order by hand')

export const itemsBody = z.strictObject({ items: ids(maxIds) })
export const editItemBody = z.strictObject({ isPrivate: z.boolean() })
export const editItemsBody = z.strictObject({ items: ids(maxIds), isPrivate: z.boolean() })

export const ownerKeyBody = z.strictObject({ ownerKey: z.string().max(100) })
export const passwordBody = z.strictObject({ password: passwordSchema })

export const visitorQuery = z.strictObject({
  album: idSchema.optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
})
