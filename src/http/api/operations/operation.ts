import type { z } from 'zod'
import type { Reason } from '../../../domain/records/errors.ts'

/** What one address of the API takes and answers, as data: the document is made of it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options'
  /** Below /api/v1, with parameters as `{id}`. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly tag:
    'Sharing' | 'Uploads' | 'Links' | 'Albums' | 'Items' | 'Library' | 'Owner' | 'Visitors' | 'This API'
  /** Whose it is: what must be shown. */
  readonly for: 'anyone' | 'owner' | 'visitor'
  readonly query?: z.ZodObject<Record<string, z.ZodType>>
  readonly body?: z.ZodType
  /** A body that is not JSON, as OpenAPI says it. */
  readonly otherBodies?: Readonly<Record<string, object>>
  readonly example?: unknown
  readonly answers: Readonly<Record<number, Answer>>
  /** Why it may refuse, besides what every address may. */
  readonly refusals?: readonly Reason[]
}

export interface Answer {
  readonly description: string
  readonly body?: z.ZodType
  readonly example?: unknown
  /** Media types that are not JSON. */
  readonly types?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

export const nothing = (description: string): Readonly<Record<number, Answer>> => ({ 204: { description } })
