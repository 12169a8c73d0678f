import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { form } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

let plain: TestWeb
let secure: TestWeb
beforeAll(async () => {
  plain = await startWeb()
  secure = await startWeb({ settings: { publicUrl: 'https://share.example.org' } })
})
afterAll(() => Promise.all([plain.close(), secure.close()]))

const post = async (web: TestWeb, headers: Record<string, string> = {}) =>
  fetch(`${web.url}/api/v1/shares`, { method: 'POST', body: form({ 'a.jpg': await jpeg() }), headers })

describe('the owner’s cookie', () => {
  it('is HttpOnly and SameSite=Lax, and __Host- with Secure behind https', async () => {
    const cookie = (await post(plain)).headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^mayfly-owner-[0-9a-f]{8}=[a-z2-7]{52};/)
    for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute)
    const hosted = (await post(secure)).headers.get('set-cookie') ?? ''
    expect(hosted).toMatch(/^__Host-mayfly-owner-[0-9a-f]{8}=/)
    for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/', 'Secure'])
      expect(hosted).toContain(attribute)
    expect(hosted).not.toContain('Domain')
  })

  it('makes links of PUBLIC_URL', async () => {
    const { link } = (await (await post(secure)).json()) as { link: { url: string } }
    expect(link.url).toMatch(/^https:\/\/share\.example\.org\/s\/[a-z2-7]{26}$/)
  })
})

describe('protection 10: changes from other sites', () => {
  it('are refused, whatever they say they are', async () => {
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
    ]) {
      const res = await post(plain, headers)
      expect([headers, res.status]).toEqual([headers, 403])
    }
    expect((await post(plain, { 'Sec-Fetch-Site': 'same-origin', Origin: plain.url })).status).toBe(201)
    expect((await post(secure, { Origin: 'https://share.example.org' })).status).toBe(201)
  })
})
