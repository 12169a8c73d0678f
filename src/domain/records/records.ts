import { z } from 'zod'
import { linkOptions } from './link-options.ts'
import { formats, metadataPolicies, type Facts, type MediaType, type Place } from '../../media/types.ts'
import type { Key } from '../../ports.ts'
import { reportUnreadable } from './unreadable.ts'

const count = z.number().int().nonnegative()
const moment = z.number().int()

export const mediaTypeSchema = z.object({
  format: z.enum(formats),
  kind: z.enum(['photo', 'video']),
  mime: z.string(),
  extension: z.string(),
}) satisfies z.ZodType<MediaType>

/**
 * What is known of an object's bytes: taken when they were written. `isWrong`: those in the bucket were found to be others;
 * nobody gets them.
 */
const storedObject = z.object({
  size: count,
  crc32: count,
  sha256: z.string(),
  isWrong: z.literal(true).optional(),
})
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

/** The work on an item that may go wrong: making what visitors see, and making it play. */
export type ItemWork = 'prepare' | 'playable'

const trouble = z.object({
  /** Runs that began and did not end: while they were at it their process died. */
  unended: count,
  /** Runs that failed, one after the other. */
  failures: count,
  /** What the file itself seemed to be at fault for, each once: seen again it is final. */
  faults: z.array(z.string()),
  /** No more runs, unless the owner asks for one. */
  gaveUp: z.boolean(),
  /** It took longer than others are kept waiting for: it is done where nobody else waits behind it. */
  isSlow: z.boolean().default(false),
})
export type Trouble = z.infer<typeof trouble>

export const itemSchema = z.object({
  id: z.string(),
  owner: z.string(),
  /** For display, made safe; never part of a key or of a header unescaped. */
  name: z.string(),
  /** The folder's path that came with a folder upload. */
  folder: z.string().nullable(),
  type: mediaTypeSchema,
  /** `waiting`: it could not be prepared, the file is not to blame, and it is tried again later. */
  state: z.enum(['uploaded', 'preparing', 'waiting', 'ready', 'failed']),
  /** Why it is `waiting` or `failed`, or `preparing` for long, for the sender. */
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
  /** What went wrong with it so far, by the work; an absent one goes well. */
  troubles: z.object({ prepare: trouble.optional(), playable: trouble.optional() }).default({}),
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
  /** Whether the title was made of a date, which a link that tells none does not show. */
  isTitleDate: z.boolean().default(false),
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
  /** For the owner's eyes only; empty once the link has ended and what it held is gone. */
  label: z.string(),
  /** The same, sealed by the owner's key: what an ended link keeps of it. '' where there is none. */
  sealedLabel: z.string().default(''),
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
  ...linkOptions,
})
export type Link = z.infer<typeof linkSchema>

export const ownerSchema = z.object({ id: z.string(), keyHash: z.string(), createdAt: moment })
export type Owner = z.infer<typeof ownerSchema>

/** Where a secret leads, stored by the secret's hash. */
export const entranceSchema = z.object({
  owner: z.string(),
  link: z.string(),
  /** When it was opened; 0 in records from before that was noted. */
  openedAt: moment.default(0),
})
export type Entrance = z.infer<typeof entranceSchema>

/**
 * The version of the records that this program writes. Raise it with every change of a record's form, and say in
 * `upgraded` how an older one becomes one of today. Version 1: those of 0.1.0, which do not name theirs.
 */
export const recordVersion = 2

/** A record as it is stored. */
export const recordText = (record: object): string => JSON.stringify({ v: recordVersion, ...record })

/** A stored record of an older version in today's form. */
function upgraded(stored: object, version: number): unknown {
  // Version 1 differs from 2 only in that it does not say so; places came in between, and the schema adds them.
  if (version === 1 || version === recordVersion) return stored
  throw new TypeError(`it has version ${version}, and this program knows them up to ${recordVersion}`)
}

const versioned = z.looseObject({ v: z.number().int().positive().default(1) })

/**
 * Parses the record that stands under `key`. Returns null when it is absent, and when it cannot be read: cut short, of
 * another form, of a newer version. Such a one is reported (see `unreadable.ts`) and never throws, so that it takes
 * nothing else down; what is to be deleted is found by keys and indexes, not by records.
 */
export function parseRecord<T>(schema: z.ZodType<T>, key: Key, raw: string | null): T | null {
  if (raw === null) return null
  const { record, problem } = tryToParse(schema, raw)
  if (problem !== null) reportUnreadable(key, problem)
  return record
}

/** The same for many records, in the order of `recordKeys`. */
export const parseRecords = <T>(
  schema: z.ZodType<T>,
  recordKeys: readonly Key[],
  raw: readonly (string | null)[],
): (T | null)[] => recordKeys.map((key, at) => parseRecord(schema, key, raw[at] ?? null))

/** `problem` names fields and versions, never their values. */
function tryToParse<T>(
  schema: z.ZodType<T>,
  raw: string,
): { record: T; problem: null } | { record: null; problem: string } {
  let stored: unknown
  try {
    stored = JSON.parse(raw)
  } catch {
    return { record: null, problem: 'it is not JSON' }
  }
  try {
    const { v, ...fields } = versioned.parse(stored)
    return { record: schema.parse(upgraded(fields, v)), problem: null }
  } catch (error) {
    if (error instanceof TypeError) return { record: null, problem: error.message }
    if (!(error instanceof z.ZodError)) throw error
    const paths = error.issues.map(({ path }) => path.join('.')).slice(0, 5)
    return { record: null, problem: `these fields are missing or wrong: ${paths.join(', ') || 'all'}` }
  }
}

/** A stored count; 0 if it is absent or not a count. The sweep recounts what matters. */
export function countOf(text: string | null | undefined): number {
  const number = Number(text ?? 0)
  return Number.isSafeInteger(number) && number >= 0 ? number : 0
}

/** Freezes a record that several callers share, with all that it holds. */
export function freeze<T>(thing: T): T {
  if (typeof thing !== 'object' || thing === null) return thing
  for (const part of Object.values(thing)) freeze(part)
  return Object.freeze(thing)
}
