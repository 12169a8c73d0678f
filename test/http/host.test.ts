import { request } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { BadSetting, readConfig } from '../../src/config.ts'
import { startWeb } from '../support/app.ts'

/** The status for a request that calls the service `host`; fetch does not let one choose. */
const statusFor = (url: string, host: string, path = '/'): Promise<number> =>
  new Promise((resolve, reject) => {
    const req = request(url + path, { headers: { Host: host } }, (res) => {
      res.resume()
      resolve(res.statusCode ?? 0)
    })
    req.once('error', reject).end()
  })

it('answers without PUBLIC_URL only to names of this machine (DNS rebinding)', async () => {
  const web = await startWeb()
  onTestFinished(() => web.close())
  for (const host of ['localhost', 'LOCALHOST:3000', '127.0.0.1:80', '127.9.9.9', '[::1]:3000'])
    expect([host, await statusFor(web.url, host)]).toEqual([host, 200])
  for (const host of [
    'evil.example',
    'evil.example:3000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '192.168.1.5',
    'localhost:x',
    '[::2]',
  ])
    for (const path of ['/', '/api/v1/openapi.json', '/s/aaaaaaaaaaaaaaaa', '/healthz'])
      expect([host, path, await statusFor(web.url, host, path)]).toEqual([host, path, 421])
})

it('leaves the name to the proxy where PUBLIC_URL says what the service is called', async () => {
  const web = await startWeb({ settings: { publicUrl: 'https://share.example.org' } })
  onTestFinished(() => web.close())
  expect(await statusFor(web.url, 'share.example.org')).toBe(200)
  expect(await statusFor(web.url, 'mayfly:3000')).toBe(200)
})

it('refuses a PUBLIC_URL that is more than a host', () => {
  for (const text of [
    'https://example.org/photos',
    'https://example.org/photos/',
    'https://example.org/?a',
    'https://example.org/#a',
    'https://me:word@example.org',
  ])
    expect(() => readConfig({ PUBLIC_URL: text }), text).toThrow(BadSetting)
  for (const text of ['https://example.org', 'https://example.org/', 'https://example.org//'])
    expect(readConfig({ PUBLIC_URL: text }).publicUrl).toBe('https://example.org')
  expect(readConfig({ PUBLIC_URL: 'http://Example.org:8080/' }).publicUrl).toBe('http://example.org:8080')
})
