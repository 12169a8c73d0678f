import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { portOf } from './servers.ts'

export interface SlowNetwork {
  /** The service's address as it is seen through this network. */
  readonly url: string
  /** Breaks every connection, and takes no new one until it is mended. */
  cut(): void
  mend(): void
  stop(): Promise<void>
}

/** A network before the service at `target` that carries `bytesPerSecond` towards it, over each connection. */
export async function slowNetwork(target: string, bytesPerSecond: number): Promise<SlowNetwork> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isCut = false
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }
  const server = createServer((socket) => {
    keep(socket)
    if (isCut) return void socket.destroy()
    const inner = keep(connect(Number(port), hostname))
    socket.on('data', (bytes) => {
      inner.write(bytes)
      socket.pause()
      setTimeout(() => socket.resume(), (1000 * bytes.length) / bytesPerSecond)
    })
    inner.pipe(socket)
    socket.once('close', () => inner.destroy())
    inner.once('close', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    cut() {
      isCut = true
      breakAll()
    },
    mend: () => void (isCut = false),
    async stop() {
      server.close()
      breakAll()
      await once(server, 'close')
    },
  }
}
