import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { updateItem } from '../../src/domain/items/item.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { recordPrepared } from '../../src/domain/preparing/prepare.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { score, value } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

async function shareOne(change: (item: Item) => Partial<Item> = () => ({})) {
  const share = await postShare(web.url, { 'a.jpg': await jpeg() })
  const [item] = share.items
  const secret = share.link.url.split('/').at(-1) ?? ''
  const [entrance] = await web.ports.store.read([value(keys.entrance(hashToken(secret)))])
  const { owner } = JSON.parse(entrance ?? '{}') as { owner: string }
  const id = item?.id ?? ''
  await recordPrepared(web.ports, owner, id, (found) => ({ ...found, ...change(found) }))
  await web.ports.store.commit({
    writes: [{ kind: 'unrank', key: keys.unprepared, member: `${owner}/${id}` }],
  })
  const headers = { Authorization: `Bearer ${share.ownerKey}` }
  const call = (method: string, path = '') =>
    fetch(`${web.url}/api/v1/items/${id}${path}`, { method, headers })
  const isAskedFor = async () => {
    const [at] = await web.ports.store.read([score(keys.unprepared, `${owner}/${id}`)])
    return at !== null
  }
  return { share, owner, id, call, headers, isAskedFor }
}

const waiting = () => ({ state: 'waiting', reason: 'It will be tried again.' }) as const
const failed = () => ({ state: 'failed', reason: 'This file is damaged.' }) as const

describe('an item that could not be prepared', () => {
  it.each([waiting, failed])('%o is tried again when its owner asks for it', async (change) => {
    const { owner, id, call, isAskedFor } = await shareOne(change)
    expect(await (await call('GET')).json()).toMatchObject(change())
    const answer = await call('POST', '/retry')
    expect(answer.status).toBe(202)
    expect(await answer.json()).toMatchObject({ id, state: 'uploaded' })
    expect(web.ports.queued).toContainEqual({ kind: 'prepare', owner, item: id })
    expect(await isAskedFor()).toBe(true)
  })

  it('that waits is to its visitors one that is being prepared', async () => {
    const { share, id } = await shareOne(waiting)
    const page = await (await fetch(share.link.url, { headers: { Accept: 'text/html' } })).text()
    expect(page).toContain('still on its way')
    expect((await fetch(`${share.link.url}/items/${id}/download`)).status).toBe(409)
  })

  it('is not handed out because its owner tries to have a withheld copy made again', async () => {
    const { share, owner, id, call } = await shareOne()
    await makeReady(web.ports, { owner, id }, () => ({
      copies: { 'no-location': { state: 'withheld', reason: 'its place cannot be taken out' } },
    }))
    expect((await fetch(`${share.link.url}/items/${id}/download`)).status).toBe(403)
    expect((await call('POST', '/retry')).status).toBe(202)
    expect((await fetch(`${share.link.url}/items/${id}/download`)).status).toBe(409)
    expect(web.ports.queued).toContainEqual({ kind: 'prepare', owner, item: id })
  })

  it('that went well is not tried again, and that is said', async () => {
    const { owner, id, call, isAskedFor } = await shareOne()
    const notYet = await call('POST', '/retry')
    expect(notYet.status).toBe(409)
    await makeReady(web.ports, { owner, id })
    const answer = await call('POST', '/retry')
    expect(answer.status).toBe(409)
    expect(await answer.json()).toMatchObject({ error: { code: 'nothing-to-retry' } })
    expect(await isAskedFor()).toBe(false)
  })

  it('is tried again for its owner alone', async () => {
    const { id, isAskedFor } = await shareOne(failed)
    const stranger = await shareOne()
    const answer = await fetch(`${web.url}/api/v1/items/${id}/retry`, {
      method: 'POST',
      headers: stranger.headers,
    })
    expect(answer.status).toBe(404)
    expect(await isAskedFor()).toBe(false)
  })

  it('is tried again from its album’s page, without scripts', async () => {
    const { share, owner, id, headers, isAskedFor } = await shareOne(waiting)
    const address = `${web.url}/albums/${share.album.id}`
    const html = { ...headers, Accept: 'text/html' }
    const page = await (await fetch(address, { headers: html })).text()
    expect(page).toContain('it will be tried again')
    expect(page).toContain('value="retry"')
    const post = () =>
      fetch(`${address}/items`, {
        method: 'POST',
        headers: { ...html, Origin: web.url },
        body: new URLSearchParams({ items: id, what: 'retry' }),
        redirect: 'manual',
      })
    expect((await post()).status).toBe(303)
    expect(await isAskedFor()).toBe(true)
    await updateItem(web.ports.store, owner, id, (item) => ({ ...item, state: 'ready' }))
    const again = await post()
    expect(again.status).toBe(409)
    expect(await again.text()).toContain('Nothing went wrong')
    expect(await (await fetch(address, { headers: html })).text()).not.toContain('value="retry"')
  })
})
