import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { createUpload, patch } from '../support/tus.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

const nameOf = async (address: string): Promise<string> => {
  const header = (await fetch(web.url + address, { method: 'HEAD' })).headers.get('content-disposition') ?? ''
  return decodeURIComponent(/filename\*=UTF-8''(.*)$/.exec(header)?.[1] ?? '')
}

it('a picture that is a page as well is never handed out as one, by form, by tus, in a ZIP or by the API', async () => {
  // A JPEG ends at its marker; what follows is the page's.
  const page = Buffer.concat([await jpeg(), Buffer.from('<html><script>alert(1)</script>')])
  const fields = { title: 'Wedding 01/02/2024', metadata: 'everything' }
  const share = await postShare(web.url, { 'invitation.html': page }, fields)
  expect(share.items[0]?.name).toBe('invitation.html.jpg')
  const { ownerKey } = share
  const upload = await createUpload(web.url, {
    ownerKey,
    album: share.album.id,
    filename: 'card.htm',
    size: page.length,
  })
  await patch(upload, ownerKey, 0, new Uint8Array(page))
  const state = await (
    await fetch(`${web.url}/api/v1/links/${share.link.id}`, { headers: bearer(ownerKey) })
  ).json()
  expect(JSON.stringify(state)).toContain('card.htm.jpg')
  const path = pathOf(share)
  expect(await nameOf(`${path}/items/${share.items[0]?.id}/download`)).toBe('invitation.html.jpg')
  expect(await nameOf(`${path}/zip`)).toBe('Wedding 01-02-2024.zip')
  const zip = Buffer.from(await (await fetch(`${web.url}${path}/zip`)).arrayBuffer()).toString('latin1')
  expect(zip).toContain('invitation.html.jpg')
  expect(zip).not.toMatch(/\.html?\b(?!\.jpg)/)
})
