import { request, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { mostPlaces } from '../../src/http/delivery/fair-places.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare } from '../support/client.ts'
import { quietLog } from '../support/ports.ts'
import { jpeg } from '../support/pictures.ts'
import { createUpload, openPatch, patch } from '../support/tus.ts'

describe('behind a proxy while TRUST_PROXY is 0', () => {
  const usual = { ...mostPlaces }
  const closers: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    Object.assign(mostPlaces, usual)
    for (const close of closers.splice(0).reverse()) await close()
  })

  async function start(trustProxy: number): Promise<{ web: TestWeb; warnings: string[] }> {
    const warnings: string[] = []
    const log = { ...quietLog, warn: (_facts: object, message: string) => void warnings.push(message) }
    const web = await startWeb({ settings: { trustProxy }, ports: (ports) => ({ ...ports, log }) })
    closers.push(() => web.close())
    return { web, warnings }
  }
  const ask = (web: TestWeb, headers: Record<string, string>) => fetch(`${web.url}/healthz`, { headers })

  it('the log says so once, and nothing without a proxy or with one that is trusted', async () => {
    const { web, warnings } = await start(0)
    await ask(web, {})
    expect(warnings).toEqual([])
    for (let n = 0; n < 3; n++) await ask(web, { 'X-Forwarded-For': `192.0.2.${n}` })
    await ask(web, { Forwarded: 'for=192.0.2.1' })
    expect(warnings.map((text) => text.includes('TRUST_PROXY'))).toEqual([true])
    const trusting = await start(1)
    await ask(trusting.web, { 'X-Forwarded-For': '192.0.2.1' })
    expect(trusting.warnings).toEqual([])
  })

  it('owners are told apart by their keys: one who fills a pool takes nothing from another', async () => {
    Object.assign(mostPlaces, { uploads: 8, eventStreams: 8 })
    const { web } = await start(0)
    const from = (n: number) => ({ 'X-Forwarded-For': `192.0.2.${n}` })
    const share = async (n: number) => postShare(web.url, { 'a.jpg': await jpeg() }, {}, from(n))
    const [greedy, honest] = [await share(1), await share(2)]
    const streamOf = (key: string, n: number): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const headers = { ...bearer(key), ...from(n) }
        const req = request(`${web.url}/api/v1/events`, { headers, agent: false })
        closers.push(() => void req.destroy())
        req.once('response', (res) => resolve(res.on('error', () => {}).resume())).once('error', reject)
        req.end()
      })
    const streams: (number | undefined)[] = []
    for (let n = 0; n < 10; n++) streams.push((await streamOf(greedy.ownerKey ?? '', n)).statusCode)
    expect(streams.slice(-2)).toEqual([503, 503])
    expect((await streamOf(honest.ownerKey ?? '', 2)).statusCode).toBe(200)

    const answers: Promise<unknown>[] = []
    for (let n = 0; n < mostPlaces.uploads; n++) {
      const size = 1_000_000
      const upload = await createUpload(web.url, {
        ...{ ownerKey: greedy.ownerKey, album: greedy.album.id, size },
      })
      const body = openPatch(upload, greedy.ownerKey, 0, size)
      closers.push(() => body.destroy())
      body.send(Buffer.concat([await jpeg(), Buffer.alloc(100_000)]))
      answers.push(body.answer.catch(() => {}))
    }
    const picture = await jpeg('#345')
    const mine = { ownerKey: honest.ownerKey, album: honest.album.id, size: picture.length }
    const sent = await patch(await createUpload(web.url, mine), honest.ownerKey, 0, new Uint8Array(picture))
    expect(sent.status).toBe(204)
    // And somebody whom nobody knows yet.
    expect((await share(3)).items).toHaveLength(1)
  })
})
