import type { RequestHandler } from 'express'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** Numbers for operators, in Prometheus' text format: about the process and its answers, never about a share. */
export interface Metrics {
  /** Measures every answer that passes. */
  readonly measure: RequestHandler
  /** Answers with all numbers. */
  readonly show: RequestHandler
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const seconds = new Histogram({
    name: 'mayfly_http_answer_seconds',
    help: 'Time until an answer had been sent, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [registry],
  })
  return {
    measure: (req, res, next) => {
      const end = seconds.startTimer()
      res.once('close', () => {
        // The pattern, never the address: that holds a secret, and each would be a series of its own.
        const route: unknown = req.route
        const pattern = route && typeof route === 'object' && 'path' in route ? String(route.path) : 'none'
        end({ method: req.method, route: pattern, status: res.statusCode })
      })
      next()
    },
    show: async (_req, res) => {
      res.type(registry.contentType).send(await registry.metrics())
    },
  }
}
