import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { ownAlbum } from '../../src/domain/albums/album.ts'
import { recordMade } from '../../src/domain/preparing/bundle.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { objects } from '../../src/domain/records/keys.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { cookieSuffix, json, newJar } from '../support/browser-jar.ts'
import { bearer, errorOf, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb({ settings: { trustProxy: 1 }, passwords: argon2Passwords() })
})
afterAll(() => web.close())

type Key = { ownerKey?: string | undefined }
interface Album {
  id: string
  title: string
  order: string
  cover: string | null
  count: number
  items: { id: string }[]
  links: { id: string; state: string; albums: { id: string }[] }[]
}

const ownerOf = async (key: Key): Promise<string> =>
  (await findOwner(web.ports.store, key.ownerKey ?? ''))?.id ?? ''

const days = ['2026-05-03T10:00:00', '2026-05-01T10:00:00', '2026-05-02T10:00:00']

/** Three pictures, the second one taken first. */
async function share(key?: Key, fields: Record<string, string> = {}): Promise<ShareAnswer> {
  const files = { '1.jpg': await jpeg('#100'), '2.jpg': await jpeg('#020'), '3.jpg': await jpeg('#003') }
  const made = await postShare(web.url, files, { title: 'Three', ...fields }, key ? bearer(key.ownerKey) : {})
  const ownerKey = made.ownerKey ?? key?.ownerKey
  for (const [index, { id }] of made.items.entries())
    await makeReady(web.ports, { owner: await ownerOf({ ownerKey }), id }, undefined, {
      capturedAt: { local: days[index] ?? '', offset: null, source: 'EXIF' },
      coordinates: { latitude: 38.7139, longitude: -9.1334, altitude: null, direction: null },
    })
  return { ...made, ownerKey }
}

const call = (key: Key, method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${web.url}/api/v1${path}`, {
    ...(body === undefined ? { method } : json(method, body)),
    headers: { 'Content-Type': 'application/json', ...bearer(key.ownerKey) },
  })
const ask = async <T>(answer: Promise<Response>): Promise<T> => JSON.parse(await (await answer).text())
const albumOf = (key: Key, id: string): Promise<Album> => ask(call(key, 'GET', `/albums/${id}`))
const idsOf = ({ items }: Album): string[] => items.map(({ id }) => id)
const status = async (url: string): Promise<number> => (await fetch(url)).status
interface VisitorShare {
  title: string
  count: number
  albums: { id: string; count: number; cover: string | null; title: string }[]
  items: { id: string; name: string }[]
}
const seenBy = (link: { url: string }, query = ''): Promise<VisitorShare> =>
  ask(fetch(`${web.url}/api/v1/s/${link.url.split('/').at(-1)}${query}`))

/** What the worker would have made for link previews. */
async function makeCard(owner: string, id: string): Promise<void> {
  const album = await ownAlbum(web.ports.store, owner, id)
  const bytes = await jpeg('#abc')
  await web.ports.bucket.put(objects.card(id, album.version), Readable.from([bytes]), { mime: 'image/jpeg' })
  await recordMade(web.ports.store, album, 'card', {
    size: bytes.length,
    crc32: crc32(bytes),
    sha256: 'c'.repeat(64),
  })
}

async function keysUnder(prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of web.ports.bucket.list(prefix)) found.push(key)
  return found
}

describe('albums', () => {
  it('are ordered by capture date or by hand, and edited', async () => {
    const made = await share()
    const [one = '', two = '', three = ''] = made.items.map(({ id }) => id)
    const id = made.album.id
    expect(idsOf(await albumOf(made, id))).toEqual([two, three, one])
    await call(made, 'PATCH', `/albums/${id}`, { items: [three, two, one], title: 'By hand', cover: three })
    expect(await albumOf(made, id)).toMatchObject({ order: 'hand', title: 'By hand', cover: three })
    expect(idsOf(await albumOf(made, id))).toEqual([three, two, one])
    expect((await errorOf(await call(made, 'PATCH', `/albums/${id}`, { items: [one, two] }))).code).toBe(
      'bad-request',
    )
    expect((await errorOf(await call(made, 'PATCH', `/albums/${id}`, { items: [one, two, two] }))).code).toBe(
      'bad-request',
    )
    const other = await share(made)
    await call(made, 'POST', `/albums/${id}/items/remove`, { items: [two] })
    await call(made, 'POST', `/albums/${id}/items`, { items: [other.items[0]?.id] })
    expect(idsOf(await albumOf(made, id))).toEqual([three, one, other.items[0]?.id])
    await call(made, 'PATCH', `/albums/${id}`, { order: 'date' })
    expect(idsOf(await albumOf(made, id)).slice(0, 1)).toEqual([three])
    expect((await seenBy(made.link)).title).toBe('By hand')
  })

  it('give an item away without losing it to another album, and delete it with the last', async () => {
    const made = await share()
    const item = made.items[0]?.id ?? ''
    const second: Album = await ask(call(made, 'POST', '/albums', { title: 'Second', items: [item] }))
    await call(made, 'POST', `/albums/${made.album.id}/items/remove`, { items: [item] })
    expect(await status(`${made.link.url}/items/${item}/thumb`)).toBe(404)
    expect((await call(made, 'GET', `/items/${item}`)).status).toBe(200)
    await call(made, 'POST', `/albums/${second.id}/items/remove`, { items: [item] })
    expect((await call(made, 'GET', `/items/${item}`)).status).toBe(404)
    await removeDue(web.ports, await ownerOf(made))
    expect(await keysUnder(objects.ofItem(item))).toEqual([])
    expect(await keysUnder(objects.ofItem(made.items[1]?.id ?? ''))).not.toEqual([])
  })

  it('take their links with them, but for those that open others too', async () => {
    const [one, two] = [await share(), null]
    const other = await share(one)
    const both: { id: string; url: string } = await ask(
      call(one, 'POST', '/links', { albums: [one.album.id, other.album.id] }),
    )
    expect(two).toBeNull()
    expect((await seenBy(both)).albums).toHaveLength(2)
    expect((await call(one, 'DELETE', `/albums/${one.album.id}`)).status).toBe(204)
    expect(await status(one.link.url)).toBe(410)
    const left = await seenBy(both)
    expect(left.albums.map(({ id }) => id)).toEqual([other.album.id])
    expect(left.count).toBe(3)
    expect(await status(`${both.url}/items/${one.items[0]?.id}/thumb`)).toBe(404)
    expect((await call(one, 'GET', `/albums/${one.album.id}`)).status).toBe(404)
    await removeDue(web.ports, await ownerOf(one))
    for (const { id } of one.items) expect(await keysUnder(objects.ofItem(id))).toEqual([])
    expect(await status(`${both.url}/items/${other.items[0]?.id}/thumb`)).toBe(200)
  })

  it('that a link lets go of have a day to get another', async () => {
    const one = await share()
    const other = await share(one)
    const both: { id: string } = await ask(
      call(one, 'POST', '/links', { albums: [one.album.id, other.album.id] }),
    )
    await call(one, 'DELETE', `/links/${other.link.id}`)
    await removeDue(web.ports, await ownerOf(one))
    await call(one, 'PATCH', `/links/${both.id}`, { albums: [one.album.id] })
    await removeDue(web.ports, await ownerOf(one))
    expect((await call(one, 'GET', `/albums/${other.album.id}`)).status).toBe(200)
    web.ports.clock.move(24 * 3_600_000)
    await removeDue(web.ports, await ownerOf(one))
    expect((await call(one, 'GET', `/albums/${other.album.id}`)).status).toBe(404)
    expect((await call(one, 'GET', `/albums/${one.album.id}`)).status).toBe(200)
  })

  it('under one secret are shown each by itself too', async () => {
    const one = await share()
    const other = await share(one, { title: 'Other' })
    const both: { url: string } = await ask(
      call(one, 'POST', '/links', { albums: [other.album.id, one.album.id] }),
    )
    const all = await seenBy(both)
    expect(all.albums.map(({ title, count }) => [title, count])).toEqual([
      ['Other', 3],
      ['Three', 3],
    ])
    expect(all.count).toBe(6)
    const each = await seenBy(both, `?album=${one.album.id}`)
    expect(each.items.map(({ id }) => id).sort()).toEqual(one.items.map(({ id }) => id).sort())
    expect(
      (
        await errorOf(
          await fetch(`${web.url}/api/v1/s/${both.url.split('/').at(-1)}?album=${'a'.repeat(26)}`),
        )
      ).status,
    ).toBe(404)
  })
})

describe('a private item', () => {
  it('is gone from page, count, JSON, ZIP and card of every link, at once', async () => {
    const made = await share()
    const [hidden = ''] = made.items.map(({ id }) => id)
    await call(made, 'PATCH', `/albums/${made.album.id}`, { cover: hidden })
    expect((await seenBy(made.link)).count).toBe(3)
    await makeCard(await ownerOf(made), made.album.id)
    expect(await status(`${made.link.url}/card.jpg`)).toBe(200)
    expect((await call(made, 'PATCH', `/items/${hidden}`, { isPrivate: true })).status).toBe(200)
    const seen = await seenBy(made.link)
    expect(seen.count).toBe(2)
    expect(seen.albums[0]?.count).toBe(2)
    expect(seen.albums[0]?.cover).not.toBe(hidden)
    expect(JSON.stringify(seen)).not.toContain(hidden)
    const page = await (await fetch(made.link.url, { headers: { Accept: 'text/html' } })).text()
    expect(page).not.toContain(hidden)
    expect(page).toContain('2 photos')
    expect(await status(`${made.link.url}/card.jpg`)).toBe(404)
    const zip = Buffer.from(await (await fetch(`${made.link.url}/zip`)).arrayBuffer())
    expect(zip.includes('1.jpg')).toBe(false)
    expect(zip.includes('2.jpg')).toBe(true)
    expect(await status(`${made.link.url}/items/${hidden}/thumb`)).toBe(404)
    const ticked = await fetch(`${made.link.url}/zip`, json('POST', { items: [hidden] }))
    expect(ticked.status).toBe(404)
    expect(web.ports.queued).toContainEqual({
      kind: 'card',
      owner: await ownerOf(made),
      album: made.album.id,
    })
    // Its owner still sees it, and can show it again.
    expect((await call(made, 'GET', `/items/${hidden}/thumb`)).status).toBe(200)
    await call(made, 'PATCH', '/items', { items: [hidden], isPrivate: false })
    expect((await seenBy(made.link)).count).toBe(3)
  })
})

describe('the owner key', () => {
  it('is changed in one step: the old one opens nothing, and every link is still there to copy', async () => {
    const made = await share()
    await call(made, 'POST', '/links', { albums: [made.album.id], secret: 'rotate-me-please' })
    const jar = newJar(bearer(made.ownerKey))
    const { ownerKey } = await ask<{ ownerKey: string }>(
      jar.fetch(`${web.url}/api/v1/owner/key/rotate`, { method: 'POST' }),
    )
    expect(ownerKey).not.toBe(made.ownerKey)
    expect(jar.cookies.get(`mayfly-owner-${cookieSuffix(jar)}`)).toBe(ownerKey)
    expect((await call(made, 'GET', '/links')).status).toBe(401)
    const { links } = await ask<{ links: { url: string }[] }>(call({ ownerKey }, 'GET', '/links'))
    expect(links.map(({ url }) => url).sort()).toEqual(
      [made.link.url, `${web.url}/s/rotate-me-please`].sort(),
    )
    for (const { url } of links) expect(await status(url)).toBe(200)
    // Two at once: one of them wins, and its key is the one that opens.
    const both = await Promise.all([0, 1].map(() => call({ ownerKey }, 'POST', '/owner/key/rotate')))
    const winners = both.filter((res) => res.status === 200)
    expect(winners).toHaveLength(1)
    const last: { ownerKey: string } = JSON.parse((await winners[0]?.text()) ?? '{}')
    const after = await ask<{ links: { url: string | null }[] }>(call(last, 'GET', '/links'))
    expect(after.links.every(({ url }) => url !== null)).toBe(true)
  })

  it('goes to another device as a file and a code, and is forgotten on this one', async () => {
    const made = await share()
    const file = await call(made, 'GET', '/owner/key')
    expect(file.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(file.headers.get('cache-control')).toBe('no-store')
    expect((await file.text()).trim()).toBe(made.ownerKey)
    const code = await call(made, 'GET', '/owner/key.svg')
    expect(await code.text()).toMatch(/^<svg/)
    const device = newJar()
    const session = `${web.url}/api/v1/owner/session`
    expect((await device.fetch(session, json('PUT', { ownerKey: 'a'.repeat(52) }))).status).toBe(401)
    expect((await device.fetch(session, json('PUT', { ownerKey: made.ownerKey }))).status).toBe(204)
    expect((await device.fetch(`${web.url}/api/v1/owner`)).status).toBe(200)
    expect((await device.fetch(session, { method: 'DELETE' })).status).toBe(204)
    expect((await device.fetch(`${web.url}/api/v1/owner`)).status).toBe(401)
  })
})

describe('edges', () => {
  it('protection 11: never redirect off the site, and answer a broken address without a stack', async () => {
    const form = (fields: Record<string, string>): RequestInit => ({
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(fields),
    })
    for (const next of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      '/\t/evil.example',
      'javascript:alert(1)',
      '/%0d%0aSet-Cookie:x=1\r\nx: y',
    ])
      for (const [path, fields] of [
        ['/language', { language: 'en', next }],
        ['/session', { password: 'none asked', next }],
      ] as const) {
        const res = await fetch(web.url + path, form(fields))
        const location = res.headers.get('location') ?? '/'
        expect(new URL(location, web.url).origin, `${path} ${next}`).toBe(web.url)
        expect(location, `${path} ${next}`).not.toMatch(/^\/[/\\]/)
      }
    for (const path of ['/%E0%A4%A', '/s/%E0%A4%A', '/api/v1/s/%E0%A4%A', '/assets/%E0%A4%A']) {
      const res = await fetch(web.url + path)
      const text = await res.text()
      expect(res.status, path).toBe(400)
      expect(text, path).not.toMatch(/URIError|node_modules|\bat /)
    }
  })

  it('protection 26: what no schema knows is refused', async () => {
    const made = await share()
    const link = `/links/${made.link.id}`
    for (const body of [
      { 'title[]': 'x' },
      { title: ['x'] },
      { password: [] },
      { label: { toString: 'x' } },
      { allow: { admin: true } },
      { unknown: 1 },
      [],
      'text',
      7,
      null,
    ])
      for (const [method, path] of [
        ['PATCH', link],
        ['PATCH', `/albums/${made.album.id}`],
        ['POST', '/links'],
        ['POST', '/albums'],
        ['PATCH', '/items'],
        ['POST', `${link}/renew`],
        ['POST', '/shares'],
      ] as const)
        // An owner’s key alone is told what is wrong; nothing of it is done.
        expect(
          (await call(made, method, path, body)).status,
          `${method} ${path} ${JSON.stringify(body)}`,
        ).toBe(400)
    for (const text of [
      '{"__proto__": {"label": "x"}}',
      '{"constructor": {}}',
      '{"label": "x", "__proto__": null}',
      '{',
    ])
      expect(
        (
          await fetch(`${web.url}/api/v1${link}`, {
            method: 'PATCH',
            headers: { 'Content-Type': 'application/json', ...bearer(made.ownerKey) },
            body: text,
          })
        ).status,
        text,
      ).toBe(400)
    for (const body of [
      'password[]=x',
      'password=a&password=b',
      '__proto__[x]=1&password=x',
      'password=x&next[]=y',
    ])
      expect(
        (
          await fetch(`${made.link.url}/unlock`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
            body,
          })
        ).status,
        body,
      ).toBe(400)
    expect((await albumOf(made, made.album.id)).title).toBe('Three')
  })

  it('protection 46: visitors’ JSON and pages hold no owner, no key of the bucket, no path of this server', async () => {
    const made = await share(undefined, { metadata: 'everything' })
    const owner = await ownerOf(made)
    const [first] = made.items
    const answers = await Promise.all(
      [
        made.link.url,
        `${made.link.url}/items/${first?.id}`,
        `${web.url}/api/v1/s/${made.link.url.split('/').at(-1)}`,
      ].map(async (url) => (await fetch(url, { headers: { Accept: 'text/html, application/json' } })).text()),
    )
    for (const text of answers) {
      for (const hidden of [
        owner,
        made.ownerKey ?? '?',
        web.ports.directory,
        'no-location',
        'sealedSecret',
        '/original',
        'sha256',
      ])
        expect(text).not.toContain(hidden)
      expect(text).toContain(first?.id)
    }
    // Under a policy that keeps it the place is told; under the others nothing is.
    expect(answers[2]).toContain('38.7139')
    const clean: { url: string } = await ask(call(made, 'POST', '/links', { albums: [made.album.id] }))
    for (const url of [clean.url, `${clean.url}/items/${first?.id}`, clean.url.replace('/s/', '/api/v1/s/')])
      expect(
        await (await fetch(url, { headers: { Accept: 'text/html, application/json' } })).text(),
      ).not.toContain('38.71')
  })
})
