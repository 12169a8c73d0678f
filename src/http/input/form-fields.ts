import type { Request } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import { formOf } from './bodies/json-body.ts'

/** Parses the forms of the owner's pages: flat, and of bounded size. */
export const formBody = formOf({ limit: '1mb', parameterLimit: 12_000 })

/** A form without any field has no body at all. */
export function fieldsOf(req: Request): unknown {
  const body: unknown = req.body
  if (Array.isArray(body)) throw new Refused('bad-request', 'The request is not valid.')
  return body ?? {}
}

/** A ticked box sends its value; an unticked one sends nothing. */
export const ticked = z
  .literal('yes')
  .optional()
  .transform((given) => given === 'yes')

/** A field that may come once, several times or not at all. */
export const severalOf = <T extends z.ZodType>(each: T) =>
  z.preprocess((given): unknown => {
    if (given === undefined) return []
    return Array.isArray(given) ? given : [given]
  }, z.array(each))

/** An empty field is an absent one. */
export const withoutEmpty = (given: unknown): unknown => (given === '' ? undefined : given)

/** A field that may be absent or empty. */
export const emptyIsAbsent = <T extends z.ZodType>(field: T) => z.preprocess(withoutEmpty, field.optional())
