import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Refused } from '../../domain/records/errors.ts'
import type { skippedAnswer } from './skipped.ts'
import type { WebSettings } from '../context.ts'
import { clearCookie, readCookie, setCookie } from '../input/cookies.ts'
import { answerOf } from '../errors.ts'

type Skipped = z.output<typeof skippedAnswer>

/** A file that a form brought beside good ones, and why it was left out. */
export function skippedFile(refused: Refused): Skipped {
  const { message, details } = answerOf(refused)
  return { name: String(details['name'] ?? ''), reason: refused.reason, message }
}

const cookie = 'mayfly-left-out'
/** So long the next page may take, in milliseconds. */
const maxAgeMs = 60_000
/** More names than this do not fit a cookie. */
const mostNames = 5

const namesSchema = z.array(z.string().max(300)).max(mostNames + 1)

/** Tells the next page of a browser without scripts what was left out. Not by its address: that could say anything. */
export function rememberLeftOut(settings: WebSettings, res: Response, skipped: readonly Skipped[]): void {
  if (skipped.length === 0) return
  const names = skipped.slice(0, mostNames).map(({ name }) => name)
  if (skipped.length > mostNames) names.push('…')
  const value = Buffer.from(JSON.stringify(names)).toString('base64url')
  setCookie(settings, res, { name: cookie, value, maxAgeMs })
}

/** The names that the form before this page brought in vain, once. */
export function takeLeftOut(settings: WebSettings, req: Request, res: Response): readonly string[] {
  const value = readCookie(settings, req, cookie)
  if (value === null) return []
  clearCookie(settings, res, cookie)
  try {
    return namesSchema.parse(JSON.parse(Buffer.from(value, 'base64url').toString('utf8')))
  } catch {
    // Not ours, or cut short.
    return []
  }
}
