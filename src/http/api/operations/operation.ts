import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { z } from 'zod'
import type { KnownOwner } from '../../../domain/owner/owner.ts'
import type { Reason } from '../../../domain/records/errors.ts'
import type { WebContext } from '../../context.ts'
import type { Places } from '../../delivery/fair-places.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { idSchema, parse, parseAddress, requireOwner } from '../../input/caller.ts'
import { requireSharer } from '../../input/sender-session.ts'

type QueryShape = Readonly<Record<string, z.ZodType>>

/** What one address of the API takes and answers: its route and its entry in the document are both made of it. */
export interface Description<Body = unknown, Query extends QueryShape = QueryShape> {
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
  readonly query?: z.ZodObject<Query>
  readonly body?: z.ZodType<Body>
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

/** Everything of the service that a handler may use. */
export interface ApiContext extends WebContext {
  readonly places: Places
}

/** One request to an operation. */
export interface Call<Body, Query extends QueryShape> {
  readonly context: ApiContext
  readonly req: Request
  readonly res: Response
  /** The `{id}` of the path. Throws Refused('unknown') where it cannot be one. */
  readonly id: () => string
  /** The JSON body. Throws Refused('bad-request') where it is not as described. */
  readonly body: () => Body
  /** The query. Throws Refused('bad-request') where it is not as described. */
  readonly query: () => z.output<z.ZodObject<Query>>
}

/** A description with its route's handler; null where another router serves it (tus). */
export interface Operation extends Description {
  readonly handle: ((context: ApiContext) => RequestHandler) | null
}

/** An address of the API, and what is done there. */
export function operation<Body, Query extends QueryShape>(
  description: Description<Body, Query>,
  handler: (call: Call<Body, Query>) => Promise<unknown> | void,
): Operation {
  const { id, body, query } = description
  const undescribed = new Error(`${id} reads what its description does not have`)
  const handle =
    (context: ApiContext): RequestHandler =>
    async (req, res) => {
      await handler({
        context,
        req,
        res,
        id: () => parseAddress(idSchema, req.params['id']),
        body: () => {
          if (!body) throw undescribed
          return parse(body, req.body)
        },
        query: () => {
          if (!query) throw undescribed
          return parse(query, req.query)
        },
      })
    }
  return { ...description, handle }
}

/** An address for owners alone: the handler is told which. With `shares` it also wants this server's sender password. */
export const ownerOperation = <Body, Query extends QueryShape>(
  { shares = false, ...description }: Omit<Description<Body, Query>, 'for'> & { readonly shares?: boolean },
  handler: (call: Call<Body, Query> & { readonly owner: KnownOwner }) => Promise<unknown> | void,
): Operation =>
  operation<Body, Query>({ ...description, for: 'owner' }, async (call) => {
    if (shares) await requireSharer(call.context, call.req)
    await handler({ ...call, owner: await requireOwner(call.context, call.req) })
  })

/** The routes of the operations, in their order. */
export function operationRoutes(context: ApiContext, operations: readonly Operation[]): Router {
  const router = Router()
  for (const { method, path, body, handle } of operations) {
    if (!handle) continue
    const readers = body ? [jsonBody] : []
    router[method](path.replace(/\{(\w+)\}/g, ':$1'), ...readers, handle(context))
  }
  return router
}
