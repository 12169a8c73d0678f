import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { proxyNames, startProxy, type Proxy } from '../support/proxies.ts'
import { createUpload, offsetOf, patch } from '../support/tus.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

describe.each(proxyNames)('protection 48: through %s as it comes', (name) => {
  let proxy: Proxy
  beforeAll(async () => {
    proxy = await startProxy(name, web.url)
  })
  afterAll(() => proxy.stop())

  it('a form, an upload in parts, ranges and ZIPs arrive', async () => {
    const share = await postShare(proxy.url, { 'a.jpg': await jpeg() }, { metadata: 'everything' })
    const { ownerKey, album } = share
    const bytes = Buffer.concat([await jpeg('#123'), Buffer.alloc(1024 ** 2, 7)])
    const upload = await createUpload(proxy.url, {
      ownerKey,
      album: album.id,
      filename: 'b.jpg',
      size: bytes.length,
    })
    const part = 512 * 1024
    for (let at = 0; at < bytes.length; at += part) {
      expect(await offsetOf(upload, ownerKey)).toBe(at)
      const sent = await patch(upload, ownerKey, at, new Uint8Array(bytes.subarray(at, at + part)))
      expect(sent.status).toBe(204)
    }
    const page = proxy.url + pathOf(share)
    const zip = await fetch(`${page}/zip`)
    const whole = Buffer.from(await zip.arrayBuffer())
    expect(whole.length).toBe(Number(zip.headers.get('content-length')))
    expect(whole.includes(bytes)).toBe(true)
    const range = await fetch(`${page}/zip`, { headers: { Range: 'bytes=1000-1999' } })
    expect(range.status).toBe(206)
    expect(Buffer.from(await range.arrayBuffer()).equals(whole.subarray(1000, 2000))).toBe(true)
  })

  it('an event stream tells at once that it stands', async () => {
    const { ownerKey } = await postShare(proxy.url, { 'a.jpg': await jpeg() })
    const leave = new AbortController()
    const stream = await fetch(`${proxy.url}/api/v1/events`, {
      headers: bearer(ownerKey),
      signal: leave.signal,
    })
    const first = await stream.body?.getReader().read()
    expect(Buffer.from(first?.value ?? []).toString()).toContain(': here')
    leave.abort()
  })
})
