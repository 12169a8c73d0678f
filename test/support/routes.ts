import type { Express } from 'express'

export interface KnownRoute {
  readonly method: string
  /** As the router has it, with its parameters: `/s/:secret/items/:id`. */
  readonly path: string
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** Every route of an app, also of the routers in it. Express keeps them in `router.stack` (router 2, lib/layer.js). */
export const routesOf = (app: Express): KnownRoute[] => [...walk(app.router, '')]

function* walk(router: unknown, prefix: string): Generator<KnownRoute> {
  if (!isObject(router) || !Array.isArray(router['stack'])) return
  for (const layer of router['stack']) {
    if (!isObject(layer)) continue
    const { route, handle } = layer
    if (isObject(route) && isObject(route['methods'])) {
      for (const method of Object.keys(route['methods']))
        yield { method: method.toUpperCase(), path: prefix + String(route['path']) }
    } else if (isObject(handle) && Array.isArray(handle['stack'])) {
      yield* walk(handle, prefix + mountOf(layer))
    }
  }
}

function mountOf({ rawPath }: Record<string, unknown>): string {
  if (rawPath === undefined || rawPath === '/') return ''
  if (typeof rawPath === 'string') return rawPath
  throw new Error('a router is mounted at something else than a path')
}
