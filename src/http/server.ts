import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { boundConnections, connectionBounds, type ConnectionBounds } from './input/connections.ts'
import { dropSlowRest } from './input/bodies/slow-body.ts'

/** How long a client may take for its headers, and how long an idle connection is kept, in milliseconds. The latter is longer than proxies keep theirs, so that none sends into a connection that is being closed. */
const headersTimeout = 20_000
const keepAliveTimeout = 65_000
/** How often connections that have become idle are closed while the server drains, in milliseconds. */
const drainStep = 100
/**
 * So many requests of one connection may wait for their answers (pipelining; RFC 9112, 9.3.2). Browsers and proxies send
 * one at a time; Node would begin all that arrive together, thousands in a few bytes each.
 */
const mostPipelined = 8

export interface RunningServer {
  readonly port: number
  /** Accepts no new connections, lets running answers end for up to `patience` milliseconds, then breaks the rest. */
  stop(patience: number): Promise<void>
}

/** Listens. `refused` is called for each connection that was too many. Throws when the address cannot be had. */
export async function listen(
  app: RequestListener,
  address: { host: string; port: number },
  bounds: ConnectionBounds = connectionBounds({ isBehindProxy: false }),
  refused: () => void = () => {},
): Promise<RunningServer> {
  // An upload may take hours: slow ones are found where their bytes are read.
  const server = createServer({ headersTimeout, keepAliveTimeout, requestTimeout: 0 })
  boundConnections(server, bounds, refused)
  const answers = new Set<ServerResponse>()
  const waiting = new WeakMap<Socket, number>()
  let isDraining = false
  server.on('request', (req, res) => {
    const { socket } = req
    const before = waiting.get(socket) ?? 0
    if (socket.destroyed || before >= mostPipelined) return void socket.destroy()
    waiting.set(socket, before + 1)
    answers.add(res)
    res.once('close', () => {
      answers.delete(res)
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1)
    })
    if (isDraining) res.setHeader('Connection', 'close')
    dropSlowRest(req, res)
    app(req, res)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : address.port,
    async stop(patience) {
      isDraining = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      // These have no end of their own; the browser connects again, to another process or when this one is back.
      for (const res of answers) if (isEventStream(res)) res.end()
      const draining = new AbortController()
      const drain = async (): Promise<void> => {
        const deadline = Date.now() + patience
        while (!draining.signal.aborted && Date.now() < deadline) {
          server.closeIdleConnections()
          await sleep(drainStep)
        }
        server.closeAllConnections()
      }
      const drained = drain()
      await closed
      draining.abort()
      await drained
    },
  }
}

const isEventStream = (res: ServerResponse): boolean =>
  String(res.getHeader('content-type') ?? '').startsWith('text/event-stream')
