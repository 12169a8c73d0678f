import { Redis } from 'ioredis'
import { describe, expect, inject, it } from 'vitest'
import { keys } from '../../src/domain/records/keys.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { fields } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { json } from '../support/browser-jar.ts'
import { bearer, errorOf, form, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { createUpload, offsetOf, patch } from '../support/tus.ts'

const MiB = 1024 ** 2
const from = (address: string) => ({ 'X-Forwarded-For': address })

async function withWeb(options: Parameters<typeof startWeb>[0], use: (web: TestWeb) => Promise<void>) {
  const web = await startWeb(options)
  try {
    await use(web)
  } finally {
    await web.close()
  }
}

const instanceBytes = async (web: TestWeb): Promise<number> => {
  const [usage] = await web.ports.store.read([fields(keys.instanceUsage)])
  return Number(usage['bytes'] ?? 0)
}

describe('protection 50: what is announced takes no room', () => {
  it('45 uploads without a byte, and forms without one, leave an instance as empty as it was', () =>
    withWeb({ limits: { maxInstanceBytes: 100 * MiB } }, async (web) => {
      const { ownerKey, album } = await postShare(web.url, { 'a.jpg': await jpeg() })
      const before = await instanceBytes(web)
      const wish = { ownerKey, album: album.id }
      await Promise.all(Array.from({ length: 45 }, () => createUpload(web.url, { ...wish, size: 40 * MiB })))
      expect(await instanceBytes(web)).toBe(before)
      const honest = await postShare(web.url, { 'a.jpg': await jpeg() })
      expect(honest.items).toHaveLength(1)
      // With its first bytes each takes a step, however much it announced.
      const upload = await createUpload(web.url, { ...wish, size: 40 * MiB })
      const bytes = Buffer.alloc(100_000)
      ;(await jpeg()).copy(bytes)
      const start = await instanceBytes(web)
      expect((await patch(upload, ownerKey, 0, new Uint8Array(bytes))).status).toBe(204)
      expect((await instanceBytes(web)) - start).toBeLessThanOrEqual(4 * MiB)
      expect((await instanceBytes(web)) - start).toBeGreaterThanOrEqual(100_000)
    }))

  it('and goes an hour after the last byte; until then the upload goes on', () =>
    withWeb({}, async (web) => {
      const { ownerKey, album } = await postShare(web.url, { 'a.jpg': await jpeg() })
      const before = await instanceBytes(web)
      const upload = await createUpload(web.url, { ownerKey, album: album.id, size: 10 * MiB })
      const bytes = Buffer.alloc(MiB)
      ;(await jpeg()).copy(bytes)
      await patch(upload, ownerKey, 0, new Uint8Array(bytes))
      web.ports.clock.move(59 * 60_000)
      await sweep(web.ports)
      expect(await offsetOf(upload, ownerKey)).toBe(MiB)
      web.ports.clock.move(2 * 60_000)
      await sweep(web.ports)
      expect(await instanceBytes(web)).toBe(before)
    }))

  it('while quotas are never passed, whatever arrives at once', () =>
    withWeb({ limits: { maxInstanceBytes: 20 * MiB } }, async (web) => {
      const { ownerKey, album } = await postShare(web.url, { 'a.jpg': await jpeg() })
      const bytes = Buffer.alloc(7 * MiB)
      ;(await jpeg()).copy(bytes)
      const uploads = await Promise.all(
        Array.from({ length: 8 }, () =>
          createUpload(web.url, { ownerKey, album: album.id, size: bytes.length }),
        ),
      )
      const sent = await Promise.all(
        uploads.map((upload) => patch(upload, ownerKey, 0, new Uint8Array(bytes))),
      )
      for (const { status } of sent) expect([204, 507]).toContain(status)
      expect(await instanceBytes(web)).toBeLessThanOrEqual(20 * MiB)
      expect(sent.filter(({ status }) => status === 204).length).toBeLessThanOrEqual(2)
    }))
})

describe('protection 50: one address may make so much', () => {
  const limits = { addressSharesPerHour: 20 }

  it('and no more within an hour: shares, albums and links, while others share as usual', () =>
    withWeb({ limits, settings: { trustProxy: 1 } }, async (web) => {
      const share = async (address: string) =>
        fetch(`${web.url}/api/v1/shares`, {
          method: 'POST',
          body: form({ 'a.jpg': await jpeg() }),
          headers: from(address),
        })
      const answers = await Promise.all(Array.from({ length: 30 }, () => share('192.0.2.1')))
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(20)
      const refused = answers.filter(({ status }) => status === 429)
      expect(refused).toHaveLength(10)
      for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      const [first] = refused
      expect(first && (await errorOf(first)).message).toContain('within an hour')
      const honest = await share('192.0.2.2')
      expect(honest.status).toBe(201)
      const { ownerKey, album } = (await honest.json()) as { ownerKey: string; album: { id: string } }
      const more = (path: string, body: object) =>
        fetch(`${web.url}/api/v1${path}`, json('POST', body, { ...bearer(ownerKey), ...from('192.0.2.1') }))
      expect((await more('/albums', { title: 'x' })).status).toBe(429)
      expect((await more('/links', { albums: [album.id] })).status).toBe(429)
      const page = await fetch(`${web.url}/api/v1/shares`, {
        method: 'POST',
        body: form({ 'a.jpg': await jpeg() }),
        headers: { ...from('192.0.2.1'), Accept: 'text/html', 'Accept-Language': 'de' },
      })
      expect(page.status).toBe(429)
      expect(await page.text()).toContain('innerhalb einer Stunde')
    }))

  it('and send so many bytes within a day', () =>
    withWeb({ limits: { addressBytesPerDay: 10 * MiB }, settings: { trustProxy: 1 } }, async (web) => {
      const bytes = Buffer.alloc(3 * MiB)
      ;(await jpeg()).copy(bytes)
      const send = (address: string) =>
        fetch(`${web.url}/api/v1/shares`, {
          method: 'POST',
          body: form({ 'a.jpg': bytes }),
          headers: from(address),
        })
      const statuses: number[] = []
      for (let n = 0; n < 5; n++) statuses.push((await send('192.0.2.1')).status)
      expect(statuses).toEqual([201, 201, 201, 429, 429])
      expect((await send('192.0.2.2')).status).toBe(201)
    }))

  it('unless all who send have shown the password', () =>
    withWeb(
      { limits: { addressSharesPerHour: 3 }, settings: { senderPassword: 'let me send' } },
      async (web) => {
        for (let n = 0; n < 6; n++)
          await postShare(web.url, { 'a.jpg': await jpeg() }, {}, { 'Sender-Password': 'let me send' })
      },
    ))

  it('and a form that fails leaves nothing of its sender', () =>
    withWeb({}, async (web) => {
      const redis = new Redis(inject('redisUrl'))
      try {
        const names = async () =>
          (await redis.keys(`${web.ports.prefix}*`)).filter((key) => !/:(shares|sent):/.test(key)).sort()
        await fetch(`${web.url}/api/v1/shares`, { method: 'POST', body: form({ 'a.jpg': await jpeg() }) })
        const before = await names()
        const failing = await fetch(`${web.url}/api/v1/shares`, {
          method: 'POST',
          body: form({ 'b.jpg': Buffer.from('<html>'.repeat(100)) }),
        })
        expect(failing.status).toBe(415)
        for (let n = 0; n < 5; n++) {
          const wrong = await fetch(`${web.url}/api/v1/shares`, {
            method: 'POST',
            body: form({ 'a.jpg': await jpeg() }, { expiresInDays: '99999' }),
          })
          expect(wrong.status).toBe(400)
        }
        await expect
          .poll(
            async () =>
              (await names()).filter((key) => !before.includes(key) && key.endsWith(':usage')).length,
          )
          .toBe(0)
      } finally {
        redis.disconnect()
      }
    }))
})
