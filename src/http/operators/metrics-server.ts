import { createServer, type Server } from 'node:http'
import type { Log } from '../../ports.ts'
import type { Metrics } from './metrics.ts'

export interface MetricsServer {
  readonly port: number
  close(): void
}

/**
 * Serves the numbers at `/metrics` of an address of its own, which need not be open to visitors. Answers null, and says
 * so in the log, where that address cannot be had: another process on this machine has it, and a share is worth more.
 */
export async function serveMetrics(
  metrics: Metrics,
  address: { host: string; port: number },
  log: Log,
): Promise<MetricsServer | null> {
  const server = createServer((req, res) => {
    if (req.url !== '/metrics' || req.method !== 'GET') return void res.writeHead(404).end()
    metrics.read().then(
      ({ type, text }) => res.writeHead(200, { 'Content-Type': type }).end(text),
      (error: unknown) => {
        log.error({ err: error }, 'metrics failed')
        res.writeHead(500).end()
      },
    )
  })
  try {
    await begin(server, address)
  } catch (error) {
    log.warn({ err: error, ...address }, 'metrics are not served: cannot listen on METRICS_ADDRESS')
    return null
  }
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : address.port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function begin(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}
