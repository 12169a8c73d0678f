import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { portOf } from './servers.ts'

const script = fileURLToPath(new URL('../../script/s3-server.mjs', import.meta.url))

/** Where an S3 server is and what opens it, as a bucket adapter wants it. */
export interface S3Settings {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface LazyS3 {
  readonly settings: S3Settings
  stop(): Promise<void>
}

/**
 * An S3 server that starts with the first connection to its address (it takes seconds and half a gigabyte, and most
 * runs need none), which then waits until the server is up. Bytes are passed on as they are, so signatures hold.
 */
export async function lazyS3(directory: string): Promise<LazyS3> {
  const keys = { accessKeyId: 'mayfly-test', secretAccessKey: 'mayfly-test-secret' }
  let server: { process: ChildProcess; port: Promise<number> } | undefined
  const connections = new Set<Socket>()

  const gate = createServer({ allowHalfOpen: true }, (socket) => {
    server ??= startServer(directory, keys)
    hold(connections, socket)
    server.port.then(
      (port) => passOn(connections, socket, port),
      () => socket.destroy(),
    )
  })
  gate.listen(0, '127.0.0.1')
  await once(gate, 'listening')

  return {
    settings: { endpoint: `http://127.0.0.1:${portOf(gate)}`, region: 'us-east-1', ...keys },
    async stop() {
      gate.close()
      for (const socket of connections) socket.destroy()
      if (server === undefined || server.process.exitCode !== null) return
      // The script stops the server and removes its directory once its standard input ends.
      server.process.stdin?.end()
      await once(server.process, 'exit')
    },
  }
}

function startServer(
  directory: string,
  keys: { accessKeyId: string; secretAccessKey: string },
): { process: ChildProcess; port: Promise<number> } {
  const env = {
    ...process.env,
    S3_ACCESS_KEY_ID: keys.accessKeyId,
    S3_SECRET_ACCESS_KEY: keys.secretAccessKey,
  }
  const child = spawn(process.execPath, [script, 'run', directory], {
    detached: true,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const port = new Promise<number>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString()
      const found = /"endpoint":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(text)
      if (found?.[1] !== undefined) resolve(Number(found[1]))
    })
    child.once('error', reject)
    child.once('exit', (code) => {
      reject(new Error(`script/s3-server.mjs ended with ${code}`))
    })
  })
  return { process: child, port }
}

function hold(connections: Set<Socket>, socket: Socket): void {
  connections.add(socket)
  socket.once('close', () => connections.delete(socket))
  // The other side sees the end of the connection; there is nothing more to tell.
  socket.on('error', () => socket.destroy())
}

function passOn(connections: Set<Socket>, outer: Socket, port: number): void {
  if (outer.destroyed) return
  const inner = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  hold(connections, inner)
  outer.once('close', () => inner.destroy())
  inner.once('close', () => outer.destroy())
  outer.setNoDelay(true)
  inner.setNoDelay(true)
  outer.pipe(inner)
  inner.pipe(outer)
}
