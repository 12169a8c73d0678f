import { Router } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import type { WebContext } from '../context.ts'
import type { Places } from '../delivery/fair-places.ts'
import { openApiDocument } from './openapi/document.ts'
import { albumOperations } from './operations/albums.ts'
import { itemOperations } from './operations/items.ts'
import { libraryOperations } from './operations/library.ts'
import { linkOperations } from './operations/links.ts'
import { operation, operationRoutes, type Operation } from './operations/operation.ts'
import { ownerOperations } from './operations/owner.ts'
import { sharingOperations } from './operations/sharing.ts'
import { uploadOperations } from './operations/uploads.ts'
import { visitorOperations } from './operations/visitor.ts'

/** Every address of the API. */
export const operations: readonly Operation[] = [
  operation(
    {
      method: 'get',
      path: '/openapi.json',
      id: 'getDocument',
      tag: 'This API',
      for: 'anyone',
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1.', body: z.looseObject({ openapi: z.string() }) } },
    },
    ({ res }) => void res.json(apiDocument),
  ),
  ...sharingOperations,
  ...uploadOperations,
  ...linkOperations,
  ...albumOperations,
  ...itemOperations,
  ...libraryOperations,
  ...ownerOperations,
  ...visitorOperations,
]

/** The API's description, made once. */
export const apiDocument = openApiDocument(operations)

/** JSON for programs, and for our own pages. */
export function api(context: WebContext, places: Places): Router {
  const router = Router()
  // Most answers are one owner's: caches in between must not store them.
  router.use((_req, res, next) => {
    res.set('Cache-Control', 'private, no-cache')
    next()
  })
  router.use(operationRoutes({ ...context, places }, operations))
  router.use((_req, _res, next) => next(new Refused('unknown', 'There is no such address in this API.')))
  return router
}
