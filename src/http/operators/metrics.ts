import type { RequestHandler } from 'express'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { rewriteFigures } from '../../domain/records/store/forgetting.ts'
import { onUnreadable } from '../../domain/records/unreadable.ts'
import type { Ports } from '../../ports.ts'
import { addInstanceFigures } from './instance-figures.ts'
import { addIntegrityFigures } from './integrity-figures.ts'
import { watchLoop } from './loop-watch.ts'
import { routeOf } from '../input/caller.ts'

/** Numbers for operators, in Prometheus' text format: about the process and its answers, never about a share. */
export interface Metrics {
  /** Measures every answer that passes. */
  readonly measure: RequestHandler
  /** All numbers, and what type their text is. */
  read(): Promise<{ readonly type: string; readonly text: string }>
  /** Ends the look at the event loop. */
  stop(): void
}

export function createMetrics(ports: Pick<Ports, 'store' | 'instance' | 'log'>): Metrics {
  const registry = new Registry()
  addInstanceFigures(registry, ports)
  addIntegrityFigures(registry, ports)
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
  new Gauge({
    name: 'mayfly_store_rewrites_refused',
    help: 'How often the store refused to rewrite its files, so that what was deleted stays in them. Of this process.',
    registers: [registry],
    collect() {
      this.set(rewriteFigures.refused)
    },
  })
  onUnreadable(({ kind }) => unreadable.inc({ kind }))
  const delay = new Histogram({
    name: 'mayfly_event_loop_delay_seconds',
    help: 'How late the event loop came round, looked at twenty times a second. Everybody waits while it is held.',
    buckets: [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers: [registry],
  })
  const loop = watchLoop(ports.log, (late) => delay.observe(late))
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
      const end = loop.begin(req)
      res.once('close', () => {
        end()
        seriesOf(req.method, routeOf(req), res.statusCode).observe((performance.now() - begun) / 1000)
      })
      next()
    },
    read: async () => ({ type: registry.contentType, text: await registry.metrics() }),
    stop: () => loop.stop(),
  }
}
