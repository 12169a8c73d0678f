import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postShare, type ShareAnswer } from '../support/client.ts'
import { hostileTexts } from '../support/hostile-text.ts'
import { jpeg } from '../support/pictures.ts'
import { freePort, startRedis, type RedisProcess } from '../support/servers.ts'
import { metadata } from '../support/tus.ts'
import { startWebProcess, type WebProcess } from '../support/web-process.ts'

/** What hostile text may cost above a harmless one of the same length (protection 49), and the step of the measure. */
const mostMs = 50
const stepMs = 10
/** A service that has not answered by then is frozen. */
const patienceMs = 30_000

let directory: string
let redis: RedisProcess
let web: WebProcess
let share: ShareAnswer
let picture: Buffer

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-hostile-'))
  redis = await startRedis({ directory })
  picture = await jpeg()
  web = await startWebProcess({
    PORT: String(await freePort()),
    DATA_DIR: directory,
    REDIS_URL: redis.url,
    TRUST_PROXY: '1',
    // Thousands of shares come from one address here.
    MAX_ADDRESS_SHARES_PER_HOUR: '0',
  })
  share = await postShare(web.url, { 'a.jpg': picture }, { title: 'Lisbon' })
}, 120_000)
afterAll(async () => {
  await web.kill()
  await redis.stop()
  await rm(directory, { recursive: true, force: true })
})

interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

/** Sends a request as it is; resolves with the status once the answer is whole, or with 0 where the connection was cut. */
function send({ method = 'GET', path, headers = {}, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const owner = { Authorization: `Bearer ${share.ownerKey ?? ''}` }
    const req = request(
      `${web.url}/`,
      { method, path, headers: { ...owner, ...headers }, agent: false },
      (res) => res.resume().on('end', () => resolve(res.statusCode ?? 0)),
    )
    req.setTimeout(patienceMs, () => {
      req.destroy()
      reject(new Error('no answer'))
    })
    req.on('error', () => resolve(0)).end(body)
  })
}

/** As bytes that a header may hold. */
const headerText = (text: string): string =>
  Buffer.from(text, 'utf8').toString('latin1').replace(/[^\x20-\x7e\x80-\xff]/g, ' ') // prettier-ignore
const uriText = (text: string): string => encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'))

const formType = 'multipart/form-data; boundary=b'
const file = (): Buffer =>
  Buffer.concat([
    Buffer.from('--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'),
    picture,
    Buffer.from('\r\n'),
  ])
const form = (...parts: readonly (string | Buffer)[]): Sent => ({
  method: 'POST',
  path: '/api/v1/shares',
  headers: { 'Content-Type': formType },
  body: Buffer.concat([...parts.map((part) => Buffer.from(part)), Buffer.from('--b--\r\n')]),
})
const part = (head: string, value = 'x'): string =>
  `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`
const field = (name: string, value: string): string => part(`name="${name}"`, value)
const oneLine = (text: string): string => text.replaceAll('\r\n', ' ')

const json = (path: string, body: unknown, method = 'POST'): Sent => ({
  method,
  path: `/api/v1${path}`,
  headers: { 'Content-Type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const page = (path: string, body: string): Sent => ({
  method: 'POST',
  path,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body,
})
const withHeader =
  (name: string, to: () => string) =>
  (text: string): Sent => ({ path: to(), headers: { [name]: headerText(text) } })
const tus = (header: string): Sent => ({
  method: 'POST',
  path: '/api/v1/uploads',
  headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5', 'Upload-Metadata': header },
})

const secretPath = (): string => new URL(share.link.url).pathname
const home = (): string => '/'
const sharePage = (): string => secretPath()
const download = (): string => `${secretPath()}/items/${share.items[0]?.id ?? ''}/download`
const asset = (): string => '/service-worker.js'
const album = (): string => share.album.id

/** Every entry for text from outside, with the length that it takes, or that the server reads at most. */
const entries: readonly (readonly [what: string, length: number, (text: string) => Sent])[] = [
  ['a part’s name', 15_000, (text) => form(part(`name="${oneLine(text)}`))],
  ['a file’s name in a form', 4000, (text) => form(part(`name="files"; filename="${oneLine(text)}.jpg"`, 'x'), file())],
  ['a file’s name without an end', 15_000, (text) => form(part(`name="files"; filename="${oneLine(text)}`), file())],
  ['an encoded file name', 15_000, (text) => form(part(`name="files"; filename*=UTF-8''${oneLine(text)}`), file())],
  ['a part’s parameters', 15_000, (text) => form(part(`name=a;${oneLine(text)}`), file())],
  ['a part’s other header', 15_000, (text) => form(`--b\r\nX-A: ${oneLine(text)}\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n`)],
  ['a field’s name', 5000, (text) => form(file(), field(oneLine(text), 'x'))],
  ['a title in a form', 200, (text) => form(file(), field('title', text))],
  ['a title that is too long', 8000, (text) => form(file(), field('title', text))],
  ['a sender in a form', 100, (text) => form(file(), field('sender', text))],
  ['a password in a form', 200, (text) => form(file(), field('password', text))],
  ['what stands before the first part', 500_000, (text) => form(text, file())],
  ['a part’s body', 500_000, (text) => form(part('name="files"; filename="a.jpg"', text))],
  ['a title', 200, (text) => json(`/albums/${album()}`, { title: text }, 'PATCH')],
  ['a description', 2000, (text) => json(`/albums/${album()}`, { description: text }, 'PATCH')],
  ['a sender', 100, (text) => json(`/albums/${album()}`, { sender: text }, 'PATCH')],
  ['a title of a megabyte', 300_000, (text) => json(`/albums/${album()}`, { title: text }, 'PATCH')],
  ['a label', 200, (text) => json(`/links/${share.link.id}`, { label: text }, 'PATCH')],
  ['a chosen secret', 200, (text) => json('/links', { albums: [album()], secret: text })],
  ['a chosen secret that fits', 64, (text) => json('/links', { albums: [album()], secret: text.toLowerCase().replace(/[^a-z0-9-]/g, '-') })],
  ['a password to open a link', 200, (text) => json(`${secretPath()}/unlock`, { password: text })],
  ['a group’s key', 5000, (text) => json('/library/share', { kind: 'folder', key: text })],
  ['JSON that is none', 900_000, (text) => json('/albums', text)],
  ['a name in JSON', 300_000, (text) => json('/albums', { [text]: 1 })],
  ['a form of a page', 900_000, (text) => page('/shares/new', text)],
  ['a form with many fields', 900_000, (text) => page(`/albums/${album()}/items`, `items=${text}&`.repeat(20).slice(0, 900_000))],
  ['an unlock form', 200, (text) => page(`${secretPath()}/unlock`, `password=${uriText(text)}`)],
  ['tus metadata', 14_000, (text) => tus(headerText(text))],
  ['a file’s name in tus', 4000, (text) => tus(metadata({ album: album(), filename: text }))],
  ['a folder in tus', 4000, (text) => tus(metadata({ album: album(), filename: 'a.jpg', folder: text }))],
  ['a query', 4000, (text) => ({ path: `/?${uriText(text)}` })],
  ['a raw query', 14_000, (text) => ({ path: `${secretPath()}?${headerText(text).replace(/[^\x21-\x7e]/g, '+')}` })],
  ['a map’s view', 4000, (text) => ({ path: `${secretPath()}/map?view=${uriText(text)}` })],
  ['a place in the library', 1500, (text) => ({ path: `/api/v1/library/group?kind=region&key=${uriText(text)}` })],
  ['an address', 4000, (text) => ({ path: `/s/${uriText(text)}` })],
  ['an asset’s name', 4000, (text) => ({ path: `/assets/${uriText(text)}` })],
  ['what a path ends with', 4000, (text) => ({ path: `${secretPath()}/items/${uriText(text)}/download` })],
  ['Cookie', 14_000, withHeader('Cookie', sharePage)],
  ['Accept', 14_000, withHeader('Accept', () => '/api/v1/nowhere')],
  ['Accept-Language', 14_000, withHeader('Accept-Language', home)],
  ['Accept-Encoding', 14_000, withHeader('Accept-Encoding', asset)],
  ['User-Agent', 14_000, withHeader('User-Agent', download)],
  ['Authorization', 14_000, (text) => ({ path: '/api/v1/owner', headers: { Authorization: `Bearer ${headerText(text)}` } })],
  ['If-None-Match', 14_000, withHeader('If-None-Match', download)],
  ['If-None-Match of a page', 14_000, withHeader('If-None-Match', sharePage)],
  ['If-Range', 14_000, (text) => ({ path: download(), headers: { Range: 'bytes=0-1', 'If-Range': headerText(text) } })],
  ['Range', 14_000, (text) => ({ path: download(), headers: { Range: `bytes=${headerText(text)}` } })],
  ['X-Forwarded-For', 14_000, withHeader('X-Forwarded-For', sharePage)],
  ['Content-Type', 14_000, (text) => ({ ...json('/albums', '{}'), headers: { 'Content-Type': `multipart/form-data; boundary=${headerText(text)}` } })],
  ['Content-Type of JSON', 14_000, (text) => ({ ...json('/albums', '{}'), headers: { 'Content-Type': `application/json; ${headerText(text)}` } })],
  ['Origin', 14_000, (text) => ({ ...json('/albums', '{}'), headers: { Origin: headerText(text) } })],
  ['Sec-Purpose', 14_000, withHeader('Sec-Purpose', download)],
  ['Sender-Password', 14_000, (text) => ({ ...form(file()), headers: { 'Content-Type': formType, 'Sender-Password': headerText(text) } })],
] // prettier-ignore

async function processorMs(sent: Sent): Promise<number> {
  const before = await web.processorMs()
  await send(sent)
  return (await web.processorMs()) - before
}

/** The least of a few tries, for the first is compiled on the way, and another may meet the garbage collector. */
async function leastMs(make: () => Sent, enough: number): Promise<number> {
  let least = Infinity
  for (let tries = 0; tries < 4 && least > enough; tries += 1)
    least = Math.min(least, await processorMs(make()))
  return least
}

it.each(entries)(
  '%s costs no more than harmless text',
  async (_what, length, make) => {
    const harmless = await leastMs(() => make('a'.repeat(length)), 0)
    for (const [family, text] of hostileTexts(length)) {
      const most = harmless + mostMs + stepMs
      expect(await leastMs(() => make(text), most), family).toBeLessThanOrEqual(most)
    }
  },
  300_000,
)

const nested = (open: string, close: string): string => open.repeat(400_000) + close.repeat(100_000)
it.each([
  ['nested lists', nested('[', ']')],
  ['nested objects', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`],
  ['many names', `{${Array.from({ length: 80_000 }, (_, at) => `"k${at}":1`).join(',')}}`],
  ['a list of ids', `{"items":[${Array.from({ length: 80_000 }, () => '"a"').join(',')}]}`],
  ['a prototype', `{"__proto__":{"title":"x"},"constructor":{"prototype":{}}}`],
])('JSON of %s is refused', async (_what, body) => {
  const before = await web.processorMs()
  expect(await send(json('/albums', body))).toBe(400)
  // A megabyte of names is a megabyte of names: what is asked is that it ends.
  expect((await web.processorMs()) - before).toBeLessThan(400)
})

it('fifty descriptions full of coordinates are shown in one answer', async () => {
  const description = hostileTexts(2000).find(([family]) => family === 'a coordinate before what goes')?.[1] ?? ''
  const albums: string[] = []
  for (let made = 0; made < 50; made += 1) {
    const one = await postShare(web.url, { 'a.jpg': picture }, {}, { Authorization: `Bearer ${share.ownerKey ?? ''}` })
    await send(json(`/albums/${one.album.id}`, { description }, 'PATCH'))
    albums.push(one.album.id)
  }
  await send(json(`/links/${share.link.id}`, { albums }, 'PATCH'))
  const path = `/api/v1${secretPath()}`
  expect(await leastMs(() => ({ path }), 0)).toBeLessThanOrEqual(mostMs + stepMs)
}, 120_000) // prettier-ignore

it('after all of it the service answers as before', async () => {
  expect(await send({ path: '/healthz' })).toBe(200)
  expect(await send({ path: download() })).toBeLessThan(500)
})
