import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { keys } from '../../src/domain/records/keys.ts'
import { noteSchema, StoreTooNew } from '../../src/domain/records/schema.ts'
import { value } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { pathOf, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

describe('for operators', () => {
  it('tells that it is alive and ready', async () => {
    expect(inject('redisUrl')).toBeTruthy()
    expect((await fetch(`${web.url}/healthz`)).status).toBe(200)
    const ready = await fetch(`${web.url}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { ready: true, store: true, bucket: true, instance: 'together', stopping: false, reasons: [] },
    ])
  })

  it('is not ready, and says why, once a newer program has written to the store', async () => {
    const write = (text: string) =>
      web.ports.store.commit({ writes: [{ kind: 'set', key: keys.schema, value: text }] })
    await noteSchema(web.ports.store)
    await write('999')
    const answer = await fetch(`${web.url}/readyz`)
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { ready: false, reason: 'store-too-new', message: expect.stringContaining('version 999') },
    ])
    await expect(noteSchema(web.ports.store)).rejects.toThrow(StoreTooNew)
    await write('1')
    await noteSchema(web.ports.store)
    expect((await fetch(`${web.url}/readyz`)).status).toBe(200)
    expect(await web.ports.store.read([value(keys.schema)])).toEqual(['2'])
  })

  it('counts answers by route, and never by what an address held', async () => {
    const share = await postShare(web.url, { 'a.jpg': await jpeg() })
    await fetch(`${web.url}${pathOf(share)}/items/${share.items[0]?.id}/thumb`)
    const { text: metrics } = await web.metrics.read()
    expect(metrics).toContain('route="/s/:secret/items/:id/thumb"')
    expect(metrics).not.toContain(pathOf(share).slice(3))
    expect(metrics).not.toContain(share.items[0]?.id)
    expect(metrics).toContain('process_resident_memory_bytes')
  })

  it('serves assets compressed and for good', async () => {
    const script = (await readdir(join(web.settings.clientDirectory))).find((name) => name.endsWith('.js.br'))
    const res = await fetch(`${web.url}/assets/${script?.slice(0, -3)}`, {
      headers: { 'Accept-Encoding': 'br' },
    })
    expect(res.headers.get('content-encoding')).toBe('br')
    expect(res.headers.get('content-type')).toContain('javascript')
    expect(res.headers.get('cache-control')).toContain('immutable')
  })
})
