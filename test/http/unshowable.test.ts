import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { updateItem } from '../../src/domain/items/item.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { value } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

describe('a file that no program here can show', () => {
  it('is shared all the same, under its type, and says so', async () => {
    const share = await postShare(web.url, { 'IMG_1.CR2': await jpeg() }, { metadata: 'everything' })
    const id = share.items[0]?.id ?? ''
    const secret = share.link.url.split('/').at(-1) ?? ''
    const [entrance] = await web.ports.store.read([value(keys.entrance(hashToken(secret)))])
    const { owner } = JSON.parse(entrance ?? '{}') as { owner: string }
    await updateItem(web.ports.store, owner, id, (item) => ({
      ...item,
      type: { format: 'cr2', kind: 'photo', mime: 'image/x-canon-cr2', extension: 'cr2' },
      state: 'ready',
    }))
    const page = await (await fetch(share.link.url, { headers: { Accept: 'text/html' } })).text()
    expect(page).toContain('CR2')
    expect(page).not.toContain(`/items/${id}/thumb`)
    // What is said to people; the texts that the scripts may need stand in a script element.
    expect(page.replace(/<script.*?<\/script>/gs, '')).not.toContain('being prepared')
    const item = await (
      await fetch(`${share.link.url}/items/${id}`, { headers: { Accept: 'text/html' } })
    ).text()
    expect(item).toContain('cannot be shown here')
    expect(item).toContain(`/items/${id}/download`)
    expect((await fetch(`${share.link.url}/items/${id}/download`)).status).toBe(200)
    expect((await fetch(`${share.link.url}/zip`)).status).toBe(200)
  })
})
