import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mostPlaces } from '../../src/http/delivery/fair-places.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { createUpload, openPatch, patch, offsetOf } from '../support/tus.ts'

const MiB = 1024 ** 2

describe('protection 50: one who fills a pool', () => {
  let web: TestWeb
  const usual = { ...mostPlaces }
  const open: { destroy(): void }[] = []
  beforeAll(async () => {
    mostPlaces.uploads = 20
    mostPlaces.eventStreams = 20
    mostPlaces.downloads = 20
    web = await startWeb({ settings: { trustProxy: 1 }, limits: { maxFileBytes: 300 * MiB } })
  })
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy()
  })
  afterAll(async () => {
    Object.assign(mostPlaces, usual)
    await web.close()
  })

  const share = async (): Promise<ShareAnswer> =>
    postShare(web.url, { 'a.jpg': await jpeg() }, { metadata: 'everything' })

  /** An answer that is begun and not read. */
  function begin(url: string, headers: Record<string, string>) {
    const req: ClientRequest = request(url, { headers, agent: false })
    open.push(req)
    const state = { isEnded: false }
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      req.once('response', (res) => {
        res.once('close', () => (state.isEnded = true))
        res.on('error', () => {})
        resolve(res)
      })
      req.once('error', reject)
    })
    req.end()
    return { answer, state }
  }

  it('by slow bodies of resumable uploads takes no place from another sender, from the same address too', async () => {
    const [greedy, honest] = [await share(), await share()]
    const bytes = Buffer.alloc(2 * MiB)
    ;(await jpeg()).copy(bytes)
    // Two owners, together with more uploads than there are places.
    const slow: { answer: Promise<IncomingMessage>; send(bytes: Buffer): void }[] = []
    for (const owner of [greedy, await share()])
      for (let n = 0; n < 30; n++) {
        const upload = await createUpload(web.url, {
          ownerKey: owner.ownerKey,
          album: owner.album.id,
          size: bytes.length,
        })
        const body = openPatch(upload, owner.ownerKey, 0, bytes.length)
        open.push(body)
        body.send(bytes.subarray(0, 100_000))
        slow.push(body)
      }
    // Those beyond the last place are told so.
    const settled = settledOf(slow.map(({ answer }) => answer))
    await expect.poll(() => settled.count).toBe(60 - mostPlaces.uploads)
    const picture = await jpeg('#345')
    for (let n = 0; n < 5; n++) {
      const upload = await createUpload(web.url, {
        ownerKey: honest.ownerKey,
        album: honest.album.id,
        size: picture.length,
      })
      const sent = await patch(upload, honest.ownerKey, 0, new Uint8Array(picture))
      expect(sent.status).toBe(204)
    }
    // And by a form, of somebody whom nobody knows yet.
    expect((await share()).items).toHaveLength(1)
  }, 120_000)

  it('keeps what came of the upload whose place it had to give', async () => {
    const [greedy, honest] = [await share(), await share()]
    const bytes = Buffer.alloc(2 * MiB)
    ;(await jpeg()).copy(bytes)
    const uploads: string[] = []
    const answers: Promise<IncomingMessage>[] = []
    for (const owner of [greedy, await share()])
      for (let n = 0; n < mostPlaces.uploads / 2; n++) {
        const upload = await createUpload(web.url, {
          ownerKey: owner.ownerKey,
          album: owner.album.id,
          size: bytes.length,
        })
        const body = openPatch(upload, owner.ownerKey, 0, bytes.length)
        open.push(body)
        body.send(bytes.subarray(0, MiB))
        uploads.push(upload)
        answers.push(body.answer)
      }
    const settled = settledOf(answers)
    const lost = Promise.race(answers.map(async (answer, at) => ({ at, res: await answer })))
    await expect
      .poll(
        async () => {
          const picture = await jpeg('#345')
          const upload = await createUpload(web.url, {
            ownerKey: honest.ownerKey,
            album: honest.album.id,
            size: picture.length,
          })
          await patch(upload, honest.ownerKey, 0, new Uint8Array(picture))
          return settled.count
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0)
    const { at, res } = await lost
    expect(res.statusCode).toBe(503)
    expect(Number(res.headers['retry-after'])).toBeGreaterThan(0)
    const key = at < mostPlaces.uploads / 2 ? greedy.ownerKey : null
    if (key) expect(await offsetOf(uploads[at] ?? '', key)).toBeGreaterThan(0)
  }, 120_000)

  it('by event streams takes none from another owner', async () => {
    const [greedy, honest] = [await share(), await share()]
    const streams = Array.from({ length: mostPlaces.eventStreams }, () =>
      begin(`${web.url}/api/v1/events`, bearer(greedy.ownerKey)),
    )
    for (const { answer } of streams) expect((await answer).statusCode).toBe(200)
    const refused = await begin(`${web.url}/api/v1/events`, bearer(greedy.ownerKey)).answer
    expect([refused.statusCode, Number(refused.headers['retry-after']) > 0]).toEqual([503, true])
    const mine = await begin(`${web.url}/api/v1/events`, bearer(honest.ownerKey)).answer
    expect(mine.statusCode).toBe(200)
    mine.resume()
    // Exactly one of the greedy ones made room.
    for (const { answer } of streams) (await answer).resume()
    await expect.poll(() => streams.filter(({ state }) => state.isEnded).length).toBe(1)
  })

  it('by downloads that nobody reads takes none from visitors of other links, nor of the same link elsewhere', async () => {
    const big = Buffer.concat([await jpeg(), Buffer.alloc(30 * MiB)])
    const large = await postShare(web.url, { 'a.jpg': big }, { metadata: 'everything' })
    const other = await share()
    const get = (made: ShareAnswer, address: string, part = 'download') =>
      begin(`${made.link.url}/items/${made.items[0]?.id}/${part}`, { 'X-Forwarded-For': address })
    const slow = Array.from({ length: mostPlaces.downloads }, () => get(large, '192.0.2.1'))
    for (const { answer } of slow) expect((await answer).statusCode).toBe(200)
    expect((await get(large, '192.0.2.1').answer).statusCode).toBe(503)
    // Without a body no place is needed.
    const head = await fetch(`${large.link.url}/items/${large.items[0]?.id}/download`, {
      method: 'HEAD',
      headers: { 'X-Forwarded-For': '192.0.2.1' },
    })
    expect(head.status).toBe(200)
    for (const [made, address] of [
      [other, '192.0.2.1'],
      [other, '192.0.2.2'],
      [large, '192.0.2.3'],
    ] as const) {
      const { answer } = get(made, address)
      const res = await answer
      expect([made === other, address, res.statusCode]).toEqual([made === other, address, 200])
    }
    const zip = await fetch(`${other.link.url}/zip`, { headers: { 'X-Forwarded-For': '192.0.2.4' } })
    expect([zip.status, (await zip.arrayBuffer()).byteLength > 0]).toEqual([200, true])
  })
})

/** Counts those of `promises` that have come to an end. */
function settledOf(promises: readonly Promise<unknown>[]): { count: number } {
  const settled = { count: 0 }
  for (const promise of promises)
    void promise.then(
      () => (settled.count += 1),
      () => (settled.count += 1),
    )
  return settled
}
