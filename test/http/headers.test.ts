import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

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
