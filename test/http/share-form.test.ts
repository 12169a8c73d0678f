import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { form } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

const browserAccepts = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

let web: TestWeb
let picture: Buffer

beforeAll(async () => {
  web = await startWeb({ limits: { maxFileBytes: 100_000, maxOwnerBytes: 150_000, maxAlbumItems: 3 } })
  picture = await jpeg()
})

afterAll(() => web?.close())

const heavy = (): Buffer => Buffer.concat([picture, Buffer.alloc(90_000)])

const post = (files: Record<string, Buffer>, fields: Record<string, string> = {}, language = 'en') =>
  fetch(`${web.url}/api/v1/shares`, {
    method: 'POST',
    body: form(files, fields),
    redirect: 'manual',
    headers: { Accept: browserAccepts, 'Accept-Language': language, 'Sec-Fetch-Site': 'same-origin' },
  })

describe('the form of a browser without scripts', () => {
  it('leads to the list, with the new link first and marked', async () => {
    const res = await post({ 'a.jpg': picture }, { title: 'By hand', password: '' })
    expect(res.status).toBe(303)
    const next = res.headers.get('location') ?? ''
    expect(next).toMatch(/^\/shares\?made=[a-z0-9]+$/)
    const cookie = res.headers.get('set-cookie')?.split(';')[0] ?? ''
    const page = await (await fetch(web.url + next, { headers: { cookie } })).text()
    expect(page).toMatch(/link-card new[\s\S]*Your link is ready[\s\S]*By hand/)
    expect(page).toContain(`value="${web.url}/s/`)
  })

  it('names what was left out, once, and nothing that somebody else put into an address', async () => {
    const notes = 'notes <b>&amp;.pdf'
    const res = await post({ 'a.jpg': picture, [notes]: Buffer.from('%PDF-1.7') })
    expect(res.status).toBe(303)
    const next = res.headers.get('location') ?? ''
    const cookies = res.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '')
    const page = await fetch(web.url + next, {
      headers: { cookie: cookies.join('; '), 'Accept-Language': 'en' },
    })
    const text = await page.text()
    expect(text).toMatch(/Left out, because they are no photos or videos: notes _b_&amp;amp;\.pdf/)
    expect(page.headers.getSetCookie().join()).toMatch(/mayfly[^=]*left-out[^=]*=;/)
    const owner = cookies.filter((cookie) => !cookie.includes('left-out'))
    const again = await fetch(web.url + next, { headers: { cookie: owner.join('; ') } })
    expect(await again.text()).not.toContain('Left out')
    const forged = await fetch(web.url + next, {
      headers: { cookie: [...owner, 'mayfly-left-out=!'].join('; ') },
    })
    expect(forged.status).toBe(200)
  })

  it.each([
    {
      name: 'too large',
      files: () => ({ 'a.jpg': Buffer.concat([picture, Buffer.alloc(100_001)]) }),
      says: 'Larger than this server takes.',
    },
    {
      name: 'too many',
      files: () => Object.fromEntries([1, 2, 3, 4].map((index) => [`${index}.jpg`, picture])),
      says: 'Choose fewer.',
    },
    {
      name: 'no picture',
      files: () => ({ 'a.jpg': Buffer.from('<!doctype html>') }),
      says: 'Not a photo or video',
    },
    {
      name: 'past the quota',
      files: () => ({ 'a.jpg': heavy(), 'b.jpg': heavy() }),
      says: 'There is no room left for you on this server.',
    },
    { name: 'nothing', files: () => ({}), says: 'choose photos or videos, and try again.' },
  ])('says what is wrong as a page with a way back: $name', async ({ files, says }) => {
    const res = await post(files())
    expect(res.status).toBeGreaterThanOrEqual(400)
    expect(res.headers.get('content-type')).toMatch(/^text\/html/)
    const page = await res.text()
    expect(page).toContain(says)
    expect(page).toContain('href="/"')
  })

  it('says it in the reader’s language', async () => {
    expect(await (await post({}, {}, 'de')).text()).toMatch(
      /Das hat nicht geklappt[\s\S]*name="next" value="\/"/,
    )
  })

  it('is the only address of the API that answers with pages', async () => {
    const res = await fetch(`${web.url}/api/v1/links`, { headers: { Accept: browserAccepts } })
    expect(res.headers.get('content-type')).toMatch(/^application\/json/)
  })
})
