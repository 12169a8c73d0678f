import { afterAll, beforeAll, expect, it } from 'vitest'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

it('says of every answer of the API that nothing in between may keep it', async () => {
  const share = await postShare(web.url, { 'a.jpg': await jpeg() })
  const headers = bearer(share.ownerKey)
  const paths = [
    '/links',
    `/links/${share.link.id}`,
    '/albums',
    '/items',
    '/owner',
    '/library',
    pathOf(share),
  ]
  for (const path of paths) {
    const res = await fetch(`${web.url}/api/v1${path}`, { headers })
    expect([path, res.status]).toEqual([path, 200])
    expect(res.headers.get('cache-control') ?? '', path).toMatch(/private|no-store/)
  }
})

it('protects every answer, whichever route it comes from and whatever becomes of it', async () => {
  const share = await postShare(web.url, { 'a.jpg': await jpeg() })
  const owner = await findOwner(web.ports.store, share.ownerKey ?? '')
  for (const { id } of share.items) await makeReady(web.ports, { owner: owner?.id ?? '', id })
  const page = await fetch(share.link.url, { headers: { Accept: 'text/html' } })
  const item = `${share.link.url}/items/${share.items[0]?.id}`
  const thumb = await fetch(`${item}/thumb`)
  const tag = thumb.headers.get('etag') ?? ''
  const answers = [
    page,
    thumb,
    await fetch(`${item}/thumb`, { headers: { 'If-None-Match': tag } }),
    await fetch(`${item}/download`),
    await fetch(`${share.link.url}/qr.svg`),
    await fetch(`${web.url}/s/${'a'.repeat(26)}`),
    await fetch(`${web.url}/s/%E0%A4%A`),
    await fetch(`${share.link.url}/seen`, { method: 'POST', headers: { Origin: 'https://evil.example' } }),
    await fetch(`${web.url}/`),
    await fetch(`${web.url}/api/v1/openapi.json`),
    await fetch(`${web.url}/healthz`),
    await fetch(`${web.url}/nowhere`),
  ]
  for (const { url, status, headers } of answers) {
    const where = `${status} ${url}`
    expect(headers.get('content-security-policy'), where).toMatch(
      /default-src 'none'.*frame-ancestors 'none'/,
    )
    expect(headers.get('content-security-policy'), where).not.toContain('unsafe')
    expect(headers.get('x-content-type-options'), where).toBe('nosniff')
    expect(headers.get('x-frame-options'), where).toBe('DENY')
    expect(headers.get('permissions-policy'), where).toMatch(/camera=\(\).*geolocation=\(\)/)
    expect(headers.get('referrer-policy'), where).toBe('no-referrer')
    expect(headers.get('x-robots-tag'), where).toBe('noindex, nofollow')
    expect(headers.get('cross-origin-resource-policy'), where).toBe('same-origin')
    expect(headers.get('x-powered-by'), where).toBeNull()
  }
  expect(answers.map(({ status }) => status)).toEqual([
    200, 200, 304, 200, 200, 404, 400, 403, 200, 200, 200, 404,
  ])
})
