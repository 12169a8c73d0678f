import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findOwner } from '../../src/domain/owner/owner.ts'
import type { Place } from '../../src/media/types.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { json } from '../support/browser-jar.ts'
import { bearer, postShare, type ShareAnswer } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { makeReady } from '../support/ready.ts'

let web: TestWeb
let made: ShareAnswer
const lisbon: Place = {
  country: { code: 'PT', name: 'Portugal' },
  state: 'Lisbon',
  city: 'Lisbon',
  neighbourhood: 'Alfama',
}
const berlin: Place = {
  country: { code: 'DE', name: 'Germany' },
  state: 'Berlin',
  city: 'Berlin',
  neighbourhood: null,
}

beforeAll(async () => {
  web = await startWeb()
  const names = ['Trip/Day 1/a.jpg', 'Trip/Day 1/b.jpg', 'Trip/Day 2/c.jpg', 'd.jpg']
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name, n) => [name, await jpeg(`#00${n}`)] as const)),
  )
  made = await postShare(web.url, files, { sender: 'Ada' })
  const owner = (await findOwner(web.ports.store, made.ownerKey ?? ''))?.id ?? ''
  const takes: [string, Place | null][] = [
    ['2026-05-02T10:00:00', lisbon],
    ['2026-05-02T18:00:00', lisbon],
    ['2026-06-20T10:00:00', berlin],
  ]
  for (const [index, { id }] of made.items.entries()) {
    const [local, place] = takes[index] ?? [null, null]
    await makeReady(web.ports, { owner, id }, () => ({ place }), {
      capturedAt: local === null ? null : { local, offset: null, source: 'EXIF' },
      coordinates: place ? { latitude: 38.7139, longitude: -9.1334, altitude: null, direction: null } : null,
    })
  }
})
afterAll(() => web.close())

const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const res = await fetch(`${web.url}/api/v1${path}`, {
    ...(body === undefined ? { method } : json(method, body)),
    headers: { 'Content-Type': 'application/json', ...bearer(made.ownerKey) },
  })
  return JSON.parse(await res.text())
}
interface Library {
  items: number
  groups: { key: string; parent: string | null; title: string; count: number }[]
}
const titles = ({ groups }: Library) => groups.map(({ title, count }) => [title, count])

describe('the library', () => {
  it('groups by month, region, folder and moment, with a group for what has none', async () => {
    const months = await call<Library>('GET', '/library?kind=month')
    expect(months.items).toBe(4)
    expect(titles(months).sort()).toEqual([
      ['June 2026', 1],
      ['May 2026', 2],
      ['Without a date', 1],
    ])
    const regions = await call<Library>('GET', '/library?kind=region')
    expect(titles(regions)).toContainEqual(['Portugal', 2])
    expect(titles(regions)).toContainEqual(['Without a place', 1])
    expect(regions.groups.find(({ title, parent }) => title === 'Lisbon' && parent !== null)?.count).toBe(2)
    const folders = await call<Library>('GET', '/library?kind=folder')
    expect(titles(folders)).toContainEqual(['Day 1', 2])
    const moments = await call<Library>('GET', '/library?kind=moment')
    expect(titles(moments)).toContainEqual(['Lisbon, 2 May 2026', 2])
  })

  it('shares a group as an album of its kind, whose title tells no place but where the policy keeps it', async () => {
    const { groups } = await call<Library>('GET', '/library?kind=moment')
    const key = groups.find(({ title }) => title.startsWith('Lisbon'))?.key
    const kept = await call<{
      album: { id: string; kind: string; title: string; count: number }
      link: { url: string }
    }>('POST', '/library/share', { kind: 'moment', key, sender: 'Ada', metadata: 'everything' })
    expect(kept.album).toMatchObject({ kind: 'moment', title: 'Lisbon, 2 May 2026', count: 2 })
    const { url } = await call<{ url: string }>('POST', '/links', { albums: [kept.album.id] })
    const seen = async (link: string): Promise<string> => {
      const secret = link.split('/').at(-1) ?? ''
      const texts = await Promise.all(
        [link, `${link}/items/${made.items[0]?.id}`, `${web.url}/api/v1/s/${secret}`].map(async (address) =>
          (await fetch(address, { headers: { Accept: 'text/html, application/json' } })).text(),
        ),
      )
      const zip = await fetch(`${link}/zip`)
      await zip.arrayBuffer()
      return `${texts.join('')}${zip.headers.get('content-disposition')}`
    }
    expect(await seen(kept.link.url)).toContain('Lisbon')
    const clean = await seen(url)
    expect(clean).toContain('2 May 2026')
    expect(clean).not.toMatch(/Lisbon|Alfama|Portugal|38\.7/)
  })

  it('leaves no album where the link is refused', async () => {
    const albums = async () => (await call<{ total: number }>('GET', '/albums')).total
    await call('POST', '/links', { albums: [made.album.id], secret: 'taken-by-another-link' })
    const before = await albums()
    for (const secret of ['password', 'taken-by-another-link']) {
      const answer = await call<{ error: { code: string } }>('POST', '/library/share', {
        kind: 'month',
        key: '2026-05',
        secret,
      })
      expect(answer.error.code).toMatch(/^secret-(weak|taken)$/)
      const page = await fetch(`${web.url}/library/share`, {
        method: 'POST',
        headers: bearer(made.ownerKey),
        body: new URLSearchParams({ kind: 'month', key: '2026-05', secret, metadata: 'none' }),
      })
      expect(page.status).toBeGreaterThanOrEqual(400)
      expect(await page.text()).toContain('role="alert"')
    }
    expect(await albums()).toBe(before)
  })
})
