import { z } from 'zod'
import { newLinkOptions } from '../../domain/records/link-options.ts'
import { withoutEmpty } from './form-fields.ts'

/** Takes out what could disturb a page or fool an eye: control characters and the bidirectional overrides. */
export const plain = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .trim()

/** A line of text as a person types it; absent and empty are the same. */
export const lineOfText = (longest: number) => z.string().max(longest).transform(plain).default('')

/** A password for a link, as typed: spaces may be intended. */
export const passwordSchema = z.string().min(1).max(200)

/** The fields of `POST /api/v1/shares`, from a form (all text) or from JSON. */
export const shareFields = (limits: { linkDaysDefault: number; linkDaysMax: number }) =>
  z.strictObject({
    title: lineOfText(200),
    sender: lineOfText(100),
    expiresInDays: z.preprocess(
      withoutEmpty,
      z.coerce
        .number()
        .positive()
        .max(limits.linkDaysMax, `a link lives at most ${limits.linkDaysMax} days`)
        .default(limits.linkDaysDefault),
    ),
    password: z.preprocess(withoutEmpty, passwordSchema.nullable().default(null)),
    metadata: z.preprocess(withoutEmpty, newLinkOptions.metadata),
  })
