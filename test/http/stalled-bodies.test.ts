import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { slowBody } from '../../src/http/input/bodies/slow-body.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { routesOf, type KnownRoute } from '../support/routes.ts'
import { createUpload, metadata } from '../support/tus.ts'

const { spanMs } = slowBody
let web: TestWeb
let share: ShareAnswer
let routes: readonly KnownRoute[]
let picture: Buffer

beforeAll(async () => {
  web = await startWeb()
  routes = routesOf(createApp({ ports: web.ports, settings: web.settings, stopping: { isStopping: false } }))
  picture = await jpeg()
  slowBody.spanMs = 700
})

// Some of the routes end the owner's key, or all that is theirs.
beforeEach(async () => {
  share = await postShare(web.url, { 'a.jpg': picture })
})

afterAll(async () => {
  slowBody.spanMs = spanMs
  await web.close()
})

/** Bytes that begin a body of each kind, and its type. */
const kinds = {
  json: { type: 'application/json', begin: Buffer.from('{"title": "x') },
  form: { type: 'application/x-www-form-urlencoded', begin: Buffer.from('title=x') },
  multipart: {
    type: 'multipart/form-data; boundary=x',
    begin: Buffer.from('--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'),
  },
  tus: { type: 'application/offset+octet-stream', begin: Buffer.alloc(0) },
}

/** Two spans, and what a client has to read its answer; with room for a busy machine. */
const mostMs = 15_000

interface Stalled {
  /** The status of the answer; null when the connection ended without one. */
  readonly status: number | null
  readonly endedAfterMs: number
}

/** Sends `begin` of a body of a million bytes, then `drip` now and then, until the service ends the connection. */
function stall(
  method: string,
  path: string,
  options: { type: string; begin: Buffer; headers?: Record<string, string>; drip?: string },
): Promise<Stalled> {
  const { type, begin, drip } = options
  const headers: Record<string, string> = {
    Host: new URL(web.url).host,
    Authorization: `Bearer ${share.ownerKey ?? ''}`,
    'Content-Type': type,
    'Content-Length': '1000000',
    ...options.headers,
  }
  return new Promise((resolve) => {
    const began = Date.now()
    let answer = ''
    const socket = connect(Number(new URL(web.url).port), '127.0.0.1')
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
    socket.write(begin)
    const deadline = setTimeout(() => socket.destroy(), mostMs)
    const dripping = drip === undefined ? undefined : setInterval(() => socket.write(drip), 200)
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(dripping)
      clearTimeout(deadline)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
      resolve({ status: status === undefined ? null : Number(status), endedAfterMs: Date.now() - began })
    })
  })
}

const writing = () =>
  routes.filter(
    ({ method, path }) => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && path.startsWith('/'),
  )

const pathOf = ({ path }: KnownRoute): string =>
  path
    .replace(':secret', share.link.url.split('/').at(-1) ?? '')
    .replace('{:id}', '')
    .replace(':id', /items/.test(path) ? (share.items[0]?.id ?? '') : 'a'.repeat(26))

describe('a body that stalls', () => {
  it.each(['json', 'form', 'multipart', 'tus'] as const)(
    'of type %s ends each connection soon, whatever it was sent to',
    async (kind) => {
      expect(writing().length).toBeGreaterThan(25)
      const ended = await Promise.all(
        writing().map(async (route) => {
          const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' }
          // Now and then a byte: a connection that is merely idle has other ends.
          const options = { ...kinds[kind], headers, drip: ' ' }
          return [`${route.method} ${route.path}`, await stall(route.method, pathOf(route), options)] as const
        }),
      )
      for (const [route, { status, endedAfterMs }] of ended) {
        expect(status, route).not.toBeNull()
        expect(endedAfterMs, route).toBeLessThan(mostMs)
      }
    },
    60_000,
  )

  it.each([
    ['JSON', 'POST', '/api/v1/shares', kinds.json],
    ['JSON for an album', 'POST', '/api/v1/albums', kinds.json],
    ['an unlocking', 'POST', '/api/v1/s/SECRET/unlock', kinds.json],
    ['a signing in', 'POST', '/api/v1/session', kinds.json],
    ['a form', 'POST', '/session', kinds.form],
    ['a form of a page', 'POST', '/key', kinds.form],
    ['a form of a visitor', 'POST', '/s/SECRET/zip', kinds.form],
    ['JSON of a visitor', 'POST', '/s/SECRET/zip', kinds.json],
    ['a multipart form', 'POST', '/api/v1/shares', kinds.multipart],
  ] as const)('%s → 408', async (_what, method, path, kind) => {
    const secret = share.link.url.split('/').at(-1) ?? ''
    expect((await stall(method, path.replace('SECRET', secret), kind)).status).toBe(408)
  })

  it.each([1000, 64 * 1024, 65 * 1024, 200_000])('a file of a form after %i bytes → 408', async (bytes) => {
    const file = Buffer.alloc(bytes)
    picture.copy(file)
    const begin = Buffer.concat([kinds.multipart.begin, file])
    const { type } = kinds.multipart
    expect((await stall('POST', '/api/v1/shares', { type, begin })).status).toBe(408)
    const path = `/api/v1/albums/${share.album.id}/items`
    expect((await stall('POST', path, { type, begin })).status).toBe(408)
  })

  it('between two files of a form → 408', async () => {
    const { type, begin } = kinds.multipart
    const files = Buffer.concat([begin, picture, Buffer.from('\r\n'), begin, picture, Buffer.from('\r\n--x')])
    expect((await stall('POST', '/api/v1/shares', { type, begin: files })).status).toBe(408)
  })

  it.each([0, 1000, 200_000])('a part of a resumable upload after %i bytes → 408', async (bytes) => {
    const { ownerKey, album } = share
    const upload = await createUpload(web.url, { ownerKey, album: album.id, size: 1_000_000 })
    const begin = Buffer.alloc(bytes)
    picture.copy(begin)
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' }
    const { status } = await stall('PATCH', new URL(upload).pathname, { ...kinds.tus, begin, headers })
    expect(status).toBe(408)
  })

  it('the bytes that come with the creation of a resumable upload → 408', async () => {
    const { status } = await stall('POST', '/api/v1/uploads', {
      ...kinds.tus,
      begin: picture,
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Length': '1000000',
        'Upload-Metadata': metadata({ album: share.album.id, filename: 'a.jpg' }),
      },
    })
    expect(status).toBe(408)
  })
})
