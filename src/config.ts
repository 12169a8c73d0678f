import { isIP } from 'node:net'
import { z } from 'zod'

const gibibyte = 1024 ** 3

const wholeNumber = (fallback: number, least = 1) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'is not a whole number')
    .transform(Number)
    .pipe(z.number().min(least))
    .default(fallback)

const days = (fallback: number) => wholeNumber(fallback).pipe(z.number().max(3650, 'is more than 3650 days'))

/** None of its names is one of our own folders: an instance without a prefix beside it would take what is there for its own. */
const prefixPattern =
  /^(?!(?:.*\/)?(?:items|albums|instance|backups|tombstones)(?:\/|$))[a-z0-9][a-z0-9_-]*(?:\/[a-z0-9][a-z0-9_-]*)*$/

/** `127.0.0.1:9464` or `[::1]:9464`; null for `off`, undefined for what is neither. */
function addressOf(text: string): { readonly host: string; readonly port: number } | null | undefined {
  if (text === 'off') return null
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

/** Every page's addresses begin at the root, and browsers bind cookies and the installed app to it. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return true
  const { pathname, search, hash, username, password } = new URL(text)
  return /^\/*$/.test(pathname) && search + hash + username + password === ''
}

/** One setting an environment variable; an empty one counts as absent. `.env.example` says the same for people. */
const settings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(3000, 0).pipe(z.number().max(65_535)),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'is not an http or https address' })
    .refine(
      isOrigin,
      'must not have a path, a query or a name and password: Mayfly answers at the root of its host only',
    )
    .transform((text) => new URL(text).origin)
    .optional(),
  DATA_DIR: z.string().default('./data'),
  REDIS_URL: z.string().optional(),
  REDIS_IS_DURABLE: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .default(false),
  BUCKET: z.enum(['folder', 's3']).default('folder'),
  S3_ENDPOINT: z.url().optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_BUCKET: z.string().optional(),
  S3_PREFIX: z
    .string()
    .transform((text) => text.replace(/(?<!\/)\/+$/, ''))
    .pipe(
      z
        .string()
        .max(60)
        .regex(prefixPattern, 'is no row of names of a–z, 0–9, “-” and “_” with slashes between'),
    )
    .transform((text) => `${text}/`)
    .optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  BACKUP_KEY: z.string().min(16, 'is shorter than 16 characters').optional(),
  DELIVERY: z.enum(['proxy', 'redirect']).default('proxy'),
  BUNDLES: z.enum(['auto', 'on', 'off']).default('auto'),
  LINK_DAYS_DEFAULT: days(30),
  LINK_DAYS_MAX: days(30),
  MAX_FILE_BYTES: wholeNumber(10 * gibibyte),
  MAX_ALBUM_ITEMS: wholeNumber(5000),
  MAX_OWNER_BYTES: wholeNumber(100 * gibibyte),
  MAX_INSTANCE_BYTES: wholeNumber(1000 * gibibyte),
  MIN_FREE_BYTES: wholeNumber(gibibyte, 0),
  MAX_ADDRESS_SHARES_PER_HOUR: wholeNumber(1000, 0),
  MAX_ADDRESS_BYTES_PER_DAY: wholeNumber(250 * gibibyte, 0),
  MAX_PIXELS: wholeNumber(120_000_000),
  MAX_VIDEO_HOURS: wholeNumber(12),
  MAX_PLAYABLE_MINUTES: wholeNumber(30, 0),
  SENDER_PASSWORD: z.string().min(8, 'is shorter than 8 characters').optional(),
  TRUST_PROXY: wholeNumber(0, 0).pipe(z.number().max(10)),
  WORKER_CONCURRENCY: wholeNumber(2).pipe(z.number().max(64)),
  METRICS_ADDRESS: z
    .string()
    .transform(addressOf)
    .refine((address) => address !== undefined, 'is neither off nor an address with a port')
    .prefault('127.0.0.1:9464'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

export type Settings = z.infer<typeof settings>

export interface S3Settings {
  readonly endpoint: string | undefined
  readonly region: string
  readonly bucket: string
  /** Stands before every key, with a slash at its end; '': none. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The service's settings, parsed and complete. */
export interface Config extends Omit<Settings, 'PUBLIC_URL' | 'BUNDLES'> {
  /** What links and cards are made of, without a slash at its end; null: whatever address a loopback caller used. */
  readonly publicUrl: string | null
  /** Null: the folder bucket. */
  readonly s3: S3Settings | null
  /** Whether the ZIPs of whole albums are made ahead. */
  readonly makesBundles: boolean
}

/** A setting that is missing or wrong; its message names it, never its value. */
export class BadSetting extends Error {
  override readonly name = 'BadSetting'
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** Reads the settings from an environment. Throws BadSetting. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, text]) => text !== undefined && text !== ''),
  )
  const parsed = settings.safeParse(given)
  if (!parsed.success)
    throw new BadSetting(
      parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'),
    )
  const { PUBLIC_URL, BUNDLES, ...rest } = parsed.data
  if (PUBLIC_URL === undefined && !isLoopback(rest.HOST))
    throw new BadSetting(
      'PUBLIC_URL: is needed where HOST is not a loopback address, for links are made of it',
    )
  if (rest.LINK_DAYS_DEFAULT > rest.LINK_DAYS_MAX)
    throw new BadSetting('LINK_DAYS_DEFAULT: is more than LINK_DAYS_MAX')
  const isS3 = rest.BUCKET === 's3'
  return {
    ...rest,
    publicUrl: PUBLIC_URL ?? null,
    s3: isS3 ? s3Of(rest) : null,
    // Only a redirect hands them out, and only to S3.
    makesBundles: BUNDLES === 'on' || (BUNDLES === 'auto' && isS3 && rest.DELIVERY === 'redirect'),
  }
}

function s3Of(given: Omit<Settings, 'PUBLIC_URL' | 'BUNDLES'>): S3Settings {
  const { S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = given
  if (!S3_BUCKET || !S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY)
    throw new BadSetting(
      'S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY: are needed where BUCKET is s3',
    )
  return {
    endpoint: given.S3_ENDPOINT,
    region: given.S3_REGION,
    bucket: S3_BUCKET,
    prefix: given.S3_PREFIX ?? '',
    accessKeyId: S3_ACCESS_KEY_ID,
    secretAccessKey: S3_SECRET_ACCESS_KEY,
  }
}
