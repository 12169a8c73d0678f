import { z } from 'zod'
import { formats, metadataPolicies, type Facts, type MediaType, type Place } from '../media/types.ts'
import { Recent } from './recent.ts'

const count = z.number().int().nonnegative()
const moment = z.number().int()

export const mediaTypeSchema = z.object({
  format: z.enum(formats),
  kind: z.enum(['photo', 'video']),
  mime: z.string(),
  extension: z.string(),
}) satisfies z.ZodType<MediaType>

/** What is known of an object's bytes: taken when they were written, true as long as the object lives. */
const storedObject = z.object({ size: count, crc32: count, sha256: z.string() })
export type StoredObject = z.infer<typeof storedObject>

export const factsSchema = z.object({
  width: z.number().nullable(),
  height: z.number().nullable(),
  orientation: z.number(),
  capturedAt: z.object({ local: z.string(), offset: z.string().nullable(), source: z.string() }).nullable(),
  camera: z.string().nullable(),
  lens: z.string().nullable(),
  exposureTime: z.string().nullable(),
  aperture: z.number().nullable(),
  iso: z.number().nullable(),
  focalLength: z.number().nullable(),
  duration: z.number().nullable(),
  frameRate: z.number().nullable(),
  codec: z.string().nullable(),
  coordinates: z
    .object({
      latitude: z.number(),
      longitude: z.number(),
      altitude: z.number().nullable(),
      direction: z.number().nullable(),
    })
    .nullable(),
  contentIdentifier: z.string().nullable(),
  animated: z.boolean(),
  embeddedMotion: z.boolean(),
}) satisfies z.ZodType<Facts>

export const placeSchema = z.object({
  country: z.object({ code: z.string(), name: z.string() }),
  state: z.string().nullable(),
  city: z.string().nullable(),
  neighbourhood: z.string().nullable(),
}) satisfies z.ZodType<Place>

export const renditionNames = ['small', 'thumb', 'preview', 'playable', 'motion'] as const
export type RenditionName = (typeof renditionNames)[number]

const rendition = storedObject.extend({ mime: z.string(), width: count, height: count })
export type Rendition = z.infer<typeof rendition>

/** A recipient's copy: checked and clean, or withheld with words for the sender. */
const copy = z.discriminatedUnion('state', [
  storedObject.extend({ state: z.literal('clean'), lost: z.array(z.string()) }),
  z.object({ state: z.literal('withheld'), reason: z.string() }),
])
export type Copy = z.infer<typeof copy>

export const copyPolicies = ['no-location', 'none'] as const
export type CopyPolicy = (typeof copyPolicies)[number]

const copies = z.object({ 'no-location': copy.optional(), none: copy.optional() })

/** The video half of a Live Photo, kept under `items/<item>/motion-original`. */
const motion = z.object({ name: z.string(), type: mediaTypeSchema, original: storedObject, copies })

export const itemSchema = z.object({
  id: z.string(),
  owner: z.string(),
  /** For display, made safe; never part of a key or of a header unescaped. */
  name: z.string(),
  /** The folder's path that came with a folder upload. */
  folder: z.string().nullable(),
  type: mediaTypeSchema,
  state: z.enum(['uploaded', 'preparing', 'ready', 'failed']),
  /** Why it is `failed`, for the sender. */
  reason: z.string().nullable(),
  createdAt: moment,
  isPrivate: z.boolean(),
  original: storedObject,
  motion: motion.nullable(),
  facts: factsSchema.nullable(),
  /** Where its coordinates lie; null without any, at sea, and in records from before there were places. */
  place: placeSchema.nullable().default(null),
  thumbhash: z.string().nullable(),
  color: z.string().nullable(),
  damaged: z.boolean(),
  renditions: z.partialRecord(z.enum(renditionNames), rendition),
  copies,
})
export type Item = z.infer<typeof itemSchema>

export const albumKinds = ['manual', 'moment', 'month', 'region', 'folder'] as const

const bundle = storedObject.extend({ version: count })
export type Bundle = z.infer<typeof bundle>

export const albumSchema = z.object({
  id: z.string(),
  owner: z.string(),
  kind: z.enum(albumKinds),
  title: z.string(),
  /** Where the title was made of a place's name: what visitors read instead under the policies that keep no location. */
  titleWithoutPlace: z.string().nullable(),
  description: z.string(),
  /** The sender's name as visitors see it. */
  sender: z.string(),
  order: z.enum(['date', 'hand']),
  cover: z.string().nullable(),
  createdAt: moment,
  /** Grows with every change that a visitor could see; part of the bundle's and card's key. */
  version: count,
  bundles: z.partialRecord(z.enum(metadataPolicies), bundle),
  card: bundle.nullable(),
})
export type Album = z.infer<typeof albumSchema>

export const linkSchema = z.object({
  id: z.string(),
  owner: z.string(),
  /** For the owner's eyes only. */
  label: z.string(),
  secretHash: z.string(),
  sealedSecret: z.string(),
  isChosen: z.boolean(),
  albums: z.array(z.string()),
  createdAt: moment,
  /** When it was last renewed, else made: its longest life counts from then. */
  renewedAt: moment,
  expiresAt: moment,
  stoppedAt: moment.nullable(),
  /** From then on it holds nothing alive: what no other link reaches is deleted. */
  dueAt: moment,
  /** True once that was done. */
  isReaped: z.boolean(),
  /** `version`: what `passwordChanges` was when it was set; a visitor's session holds it. */
  password: z.object({ hash: z.string(), version: count }).nullable(),
  /** Grows with each change of the password, also when it is taken away: no session outlives one. */
  passwordChanges: count,
  metadata: z.enum(metadataPolicies),
  allow: z.object({ downloads: z.boolean(), details: z.boolean(), map: z.boolean() }),
  /** Whether link previews show the card. */
  showsCover: z.boolean(),
})
export type Link = z.infer<typeof linkSchema>

export const ownerSchema = z.object({ id: z.string(), keyHash: z.string(), createdAt: moment })
export type Owner = z.infer<typeof ownerSchema>

/** What stands behind a secret's hash. */
export const entranceSchema = z.object({ owner: z.string(), link: z.string() })
export type Entrance = z.infer<typeof entranceSchema>

/** Characters of records that are kept parsed, for each kind of them. */
const mostParsed = 4 * 1024 * 1024

const parsedBy = new WeakMap<z.ZodType, Recent<unknown>>()

function parsedOf<T>(schema: z.ZodType<T>): Recent<T>
function parsedOf(schema: z.ZodType): Recent<unknown> {
  const parsed = parsedBy.get(schema) ?? new Recent(mostParsed)
  parsedBy.set(schema, parsed)
  return parsed
}

/**
 * Parses a stored record; absence stays null. A record that does not parse throws: better refuse than guess. What was
 * parsed lately is kept by its whole text: the same text is the same record, so that it is never out of date. It is
 * frozen, for many read it.
 */
export function parseRecord<T>(schema: z.ZodType<T>, raw: string | null): T | null {
  if (raw === null) return null
  const parsed = parsedOf(schema)
  const known = parsed.get(raw)
  if (known !== undefined) return known
  const record = freeze(schema.parse(JSON.parse(raw)))
  parsed.set(raw, record, raw.length)
  return record
}

function freeze<T>(thing: T): T {
  if (typeof thing !== 'object' || thing === null) return thing
  for (const part of Object.values(thing)) freeze(part)
  return Object.freeze(thing)
}
