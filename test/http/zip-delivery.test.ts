import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { objects } from '../../src/domain/records/keys.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { postShare, type ShareAnswer } from '../support/client.ts'
import { openFilesBelow } from '../support/open-files.ts'
import { jpeg } from '../support/pictures.ts'
import { onBusyMachine } from '../support/timing.ts'

const run = promisify(execFile)
const everything = { metadata: 'everything' }
/** Bytes that were asked of the bucket. */
let read = 0
let web: TestWeb
beforeAll(async () => {
  web = await startWeb({
    ports: ({ bucket, ...ports }) => ({
      ...ports,
      bucket: {
        ...bucket,
        async open(key, range) {
          const opened = await bucket.open(key, range)
          read += range ? range.end - range.start + 1 : (opened?.size ?? 0)
          return opened
        },
      },
    }),
  })
})
afterAll(() => web.close())

const big = async (megabytes: number, color = '#3a7'): Promise<Buffer> =>
  Buffer.concat([await jpeg(color), Buffer.alloc(megabytes * 1024 ** 2, color)])
const fileOf = (item: { id: string } | undefined): string =>
  join(web.ports.directory, objects.original(item?.id ?? '?'))
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Begins a download and stops reading it, as a slow client does. */
async function beginZip(share: ShareAnswer) {
  const abort = new AbortController()
  const res = await fetch(`${share.link.url}/zip`, { signal: abort.signal })
  const reader = res.body?.getReader()
  const first = await reader?.read()
  return {
    length: Number(res.headers.get('content-length')),
    leave: () => abort.abort(),
    /** Reads to the end; answers how many bytes came, and whether the connection broke. */
    async rest() {
      let bytes = first?.value?.length ?? 0
      try {
        for (;;) {
          const next = await reader?.read()
          if (!next || next.done) return { bytes, broke: false }
          bytes += next.value.length
        }
      } catch {
        return { bytes, broke: true }
      }
    },
  }
}

describe('protection 28: a ZIP over HTTP', () => {
  it('is clean for unzip, with the bytes and unique safe names of what was sent', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mayfly-zip-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const sent = { 'a.jpg': await jpeg(), 'ä ö 日本.jpg': await jpeg('#111'), 'large.jpg': await big(3) }
    const share = await postShare(web.url, sent, { ...everything, title: 'A summer' })
    const res = await fetch(`${share.link.url}/zip`)
    expect(res.status).toBe(200)
    expect(res.headers.get('content-disposition')).toContain('A summer.zip')
    const bytes = Buffer.from(await res.arrayBuffer())
    expect(Number(res.headers.get('content-length'))).toBe(bytes.length)
    const file = join(directory, 'a.zip')
    await writeFile(file, bytes)
    expect((await run('unzip', ['-t', file])).stdout).toContain('No errors detected')
    await run('unzip', ['-q', file, '-d', join(directory, 'out')], {
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    })
    const names = await readdir(join(directory, 'out'))
    expect(names.sort()).toEqual(Object.keys(sent).sort())
    for (const [name, original] of Object.entries(sent))
      expect(sha256(await readFile(join(directory, 'out', name)))).toBe(sha256(original))
  })

  it('of ticked items, resumed at 90 %, reads no more than what is left', async () => {
    const files: Record<string, Buffer> = {}
    for (let n = 0; n < 10; n++) files[`${n}.jpg`] = await big(1, `#${n}${n}${n}`)
    const share = await postShare(web.url, files, everything)
    const ticked = share.items.slice(0, 9).map(({ id }): [string, string] => ['items', id])
    const post = (headers: Record<string, string> = {}) =>
      fetch(`${share.link.url}/zip`, { method: 'POST', body: new URLSearchParams(ticked), headers })
    const all = await post()
    const whole = Buffer.from(await all.arrayBuffer())
    const from = Math.floor(whole.length * 0.9)
    read = 0
    const rest = await post({ Range: `bytes=${from}-`, 'If-Range': all.headers.get('etag') ?? '' })
    expect(rest.status).toBe(206)
    expect(Buffer.from(await rest.arrayBuffer()).equals(whole.subarray(from))).toBe(true)
    expect(read).toBeLessThanOrEqual(whole.length - from)
    expect(read).toBeGreaterThan(0)
  })
})

describe('protection 29: the bucket fails in the middle of a ZIP', () => {
  it.each([
    ['an object is cut short', (path: string) => truncate(path, 1024 ** 2)],
    ['an object is gone', (path: string) => rm(path)],
  ])('%s: the connection breaks, and the service goes on', async (_what, fail) => {
    const files = { 'a.jpg': await big(20), 'b.jpg': await big(20, '#111'), 'c.jpg': await big(8, '#222') }
    const share = await postShare(web.url, files, everything)
    const begun = await beginZip(share)
    // The last in the ZIP too, as it was sent last: 40 MB stand before it, more than server and kernel read ahead.
    await fail(fileOf(share.items.at(-1)))
    const { bytes, broke } = await begun.rest()
    expect(broke).toBe(true)
    expect(bytes).toBeLessThan(begun.length)
    expect((await fetch(`${web.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${share.link.url}/items/${share.items[0]?.id}/download`)).status).toBe(200)
  })
})

describe('protection 30: the client leaves', () => {
  const openFiles = () => openFilesBelow(web.ports.directory)

  it('and soon no file of the bucket is open', async () => {
    const share = await postShare(
      web.url,
      { 'a.jpg': await big(40), 'b.jpg': await big(8, '#111') },
      everything,
    )
    expect((await stat(fileOf(share.items[0]))).size).toBeGreaterThan(40e6)
    const zips = await Promise.all(Array.from({ length: 8 }, () => beginZip(share)))
    const addresses = [`${share.link.url}/items/${share.items[0]?.id}/download`]
    const raw = addresses.map((address) => request(address).on('error', () => {}))
    for (const one of raw) one.end()
    await expect.poll(openFiles).toBeGreaterThanOrEqual(8)
    for (const zip of zips) zip.leave()
    for (const one of raw) one.destroy()
    await expect.poll(openFiles, { timeout: onBusyMachine(2000) }).toBe(0)
  })
})
