import type { RequestHandler } from 'express'
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client'
import { onUnreadable } from '../domain/unreadable.ts'
import type { Ports } from '../ports.ts'
import { addInstanceFigures } from './instance-figures.ts'

/** Numbers for operators, in Prometheus' text format: about the process and its answers, never about a share. */
export interface Metrics {
  /** Measures every answer that passes. */
  readonly measure: RequestHandler
  /** Answers with all numbers. */
  readonly show: RequestHandler
}

export function createMetrics(ports: Pick<Ports, 'store' | 'instance'>): Metrics {
  const registry = new Registry()
  addInstanceFigures(registry, ports)
  collectDefaultMetrics({ register: registry })
  const seconds = new Histogram({
    name: 'mayfly_http_answer_seconds',
    help: 'Time until an answer had been sent, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [registry],
  })
  const unreadable = new Counter({
    name: 'mayfly_unreadable_records',
    help: 'Stored records that this process could not read, by kind. The log names each by its key.',
    labelNames: ['kind'],
    registers: [registry],
  })
  onUnreadable(({ kind }) => unreadable.inc({ kind }))
  /** Looking its series up for each answer would cost as much as counting it. */
  const series = new Map<string, ReturnType<typeof seconds.labels>>()
  function seriesOf(method: string, route: string, status: number): ReturnType<typeof seconds.labels> {
    const name = `${method} ${status} ${route}`
    const known = series.get(name) ?? seconds.labels(method, route, String(status))
    series.set(name, known)
    return known
  }
  return {
    measure: (req, res, next) => {
      const begun = performance.now()
      res.once('close', () => {
        // The pattern, never the address: that holds a secret, and each would be a series of its own.
        const route: unknown = req.route
        const pattern = route && typeof route === 'object' && 'path' in route ? String(route.path) : 'none'
        seriesOf(req.method, pattern, res.statusCode).observe((performance.now() - begun) / 1000)
      })
      next()
    },
    show: async (_req, res) => {
      res.type(registry.contentType).send(await registry.metrics())
    },
  }
}
