import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { createMetrics, type Metrics } from '../../src/http/operators/metrics.ts'
import { createApp } from '../../src/http/app.ts'
import type { WebSettings } from '../../src/http/context.ts'
import { listen } from '../../src/http/server.ts'
import type { Limits, Passwords, Ports } from '../../src/ports.ts'
import './checked-fetch.ts'
import { movableClock, openTestPorts, quietLog, type MovableClock, type TestPorts } from './ports.ts'

const root = join(import.meta.dirname, '..', '..')

const testSettings: WebSettings = {
  publicUrl: null,
  delivery: 'proxy',
  senderPassword: null,
  trustProxy: 0,
  clientDirectory: join(root, 'dist', 'client'),
  viewsDirectory: join(root, 'views'),
}

interface Listening {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  readonly settings: WebSettings
  readonly metrics: Metrics
  close(): Promise<void>
}

async function listenWith(ports: Ports, given: Partial<WebSettings>): Promise<Listening> {
  const settings = { ...testSettings, ...given }
  const stopping = { isStopping: false }
  const metrics = createMetrics(ports)
  const app = createApp({ ports, settings, stopping }, metrics)
  const server = await listen(app, { host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${server.port}`,
    settings,
    metrics,
    async close() {
      metrics.stop()
      await server.stop(0)
    },
  }
}

export interface TestWeb extends Listening {
  readonly ports: TestPorts
}

/** The web service alone: what it queues stands in `ports.queued`. */
export async function startWeb(
  options: {
    limits?: Partial<Limits>
    settings?: Partial<WebSettings>
    passwords?: Passwords
    /** The web's ports over the test's own: to count what it asks for. */
    ports?: (ports: TestPorts) => TestPorts
  } = {},
): Promise<TestWeb> {
  const opened = await openTestPorts(options.limits)
  const ports = options.passwords ? { ...opened, passwords: options.passwords } : opened
  const web = await listenWith(options.ports?.(ports) ?? ports, options.settings ?? {})
  return {
    ...web,
    ports,
    async close() {
      await web.close()
      await ports.close()
    },
  }
}

export interface TestService extends Listening {
  readonly ports: Ports
  readonly clock: MovableClock
}

/** Web and worker on everything real; `environment` chooses the bucket and the bounds as an operator would. */
export async function startService(
  options: {
    environment?: Record<string, string>
    settings?: Partial<WebSettings>
    /** Of the keys in Redis: the same one again is the same data. */
    prefix?: string
  } = {},
): Promise<TestService> {
  const { openDeps } = await import('../../src/deps.ts')
  const { startWorker } = await import('../../workers/start-worker.ts')
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-service-'))
  const clock = movableClock()
  const config = readConfig({ DATA_DIR: directory, REDIS_URL: inject('redisUrl'), ...options.environment })
  const deps = await openDeps(config, {
    log: quietLog,
    hasWorker: true,
    clock,
    prefix: options.prefix ?? `test-${randomToken()}:`,
  })
  if (!deps.worker) throw new Error('no worker')
  const worker = await startWorker(deps.worker)
  const web = await listenWith(deps.ports, options.settings ?? {})
  return {
    ...web,
    ports: deps.ports,
    clock,
    async close() {
      await web.close()
      await worker.stop()
      await deps.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
