import { createServer, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import type { S3Options } from '../../src/adapters/s3/s3-client.ts'
import { portOf, uniqueName } from '../support/servers.ts'

/** A new bucket on the real S3 server. */
export async function newBucket(): Promise<S3Options> {
  const server = inject('s3')
  const options = { ...server, bucket: uniqueName('mayfly') }
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: server,
    forcePathStyle: true,
  })
  await client.send(new CreateBucketCommand({ Bucket: options.bucket }))
  client.destroy()
  return options
}

/** What the proxy does with a request: `pass` it on, answer a `status`, `say` something, never answer, or break its answer off after `bytes`. */
export type Fault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  | { readonly kind: 'say'; readonly xml: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'break'; readonly bytes: number }
  | { readonly kind: 'stall'; readonly bytes: number }
  /** Passes it on, then loses the answer. */
  | { readonly kind: 'lose' }

export interface FaultyProxy {
  readonly endpoint: string
  /** Decides each request's fate. */
  fate: (request: IncomingMessage) => Fault
  readonly requests: string[]
  /** Connections that are open at this moment. */
  connections(): Promise<number>
  stop(): Promise<void>
}

/** A real HTTP proxy before the real S3 server. The host's name is passed on as it came: it is part of the signature. */
export async function faultyProxy(): Promise<FaultyProxy> {
  const target = new URL(inject('s3').endpoint)
  const server = createServer((incoming, outgoing) => {
    proxy.requests.push(`${incoming.method} ${incoming.url}`)
    meet(proxy.fate(incoming), incoming, outgoing)
  })
  server.keepAliveTimeout = 60_000

  function meet(fault: Fault, incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (fault.kind === 'hang') {
      incoming.resume()
      return
    }
    if (fault.kind === 'status') {
      incoming.resume()
      incoming.on('end', () => {
        outgoing.writeHead(fault.status, { 'content-type': 'application/xml' })
        outgoing.end(`<Error><Code>${fault.code}</Code><Message>as asked</Message></Error>`)
      })
      return
    }
    if (fault.kind === 'say') {
      incoming.resume()
      incoming.on('end', () => outgoing.writeHead(200, { 'content-type': 'application/xml' }).end(fault.xml))
      return
    }
    const { method, url, headers } = incoming
    const forward = request(
      { host: target.hostname, port: target.port, method, path: url, headers },
      (answer) => {
        if (fault.kind === 'lose') {
          answer.resume()
          answer.on('end', () => outgoing.destroy())
          return
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        if (fault.kind === 'pass') {
          answer.pipe(outgoing)
          return
        }
        let left = fault.bytes
        answer.on('data', (bytes: Buffer) => {
          if (left <= 0) return
          outgoing.write(bytes.subarray(0, left))
          left -= bytes.length
          if (left <= 0 && fault.kind === 'break') setTimeout(() => outgoing.destroy(), 20)
        })
      },
    )
    forward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => forward.destroy())
    incoming.pipe(forward)
  }

  const proxy: FaultyProxy = {
    endpoint: '',
    fate: () => ({ kind: 'pass' }),
    requests: [],
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
      }),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${portOf(server)}` })
}
