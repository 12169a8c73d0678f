import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isDownloadable, isShown, isWithheld } from '../../src/domain/items/recipient-copies.ts'
import { itemsOf } from '../../src/domain/items/item.ts'
import { createLink } from '../../src/domain/links/link-changes.ts'
import { keepOwner, newOwner, type KnownOwner } from '../../src/domain/owner/owner.ts'
import type { Album, Item } from '../../src/domain/records/records.ts'
import { albumWithItems, variety } from '../domain/item-variety.ts'
import { startWeb, type TestWeb } from '../support/app.ts'

// Albums of many items, of which every other is private, failed, withheld or still being prepared: what pages and JSON
// tell of all of them must be what their records say.

const perPage = 300

const shareAnswer = z.object({
  count: z.number(),
  albums: z.array(z.object({ count: z.number(), cover: z.string().nullable() })),
  next: z.string().nullable(),
  items: z.array(z.object({ id: z.string(), isWithheld: z.boolean(), state: z.string() })),
})
type VisitorShare = z.infer<typeof shareAnswer>

let web: TestWeb
let owner: KnownOwner
let albums: Album[]
/** Each album's items as visitors see them, told from their whole records. */
let shown: Item[][]

beforeAll(async () => {
  web = await startWeb({ limits: { maxAlbumItems: 5000 } })
  owner = newOwner()
  await keepOwner(web.ports, owner)
  albums = []
  for (const count of [1200, 90])
    albums.push(await albumWithItems(web.ports, owner.id, variety(web.ports, owner.id, count)))
  shown = await Promise.all(
    albums.map(async (album) => (await itemsOf(web.ports.store, album)).filter(isShown)),
  )
})
afterAll(() => web.close())

async function linkTo(...opened: Album[]): Promise<string> {
  const { secret } = await createLink(
    web.ports,
    owner,
    opened.map(({ id }) => id),
    { label: '', password: null, metadata: 'no-location', until: { expiresInDays: 5 } },
  )
  return `/s/${secret}`
}

async function pageOf(path: string): Promise<string> {
  const res = await fetch(web.url + path, { headers: { Accept: 'text/html', 'Accept-Language': 'en' } })
  expect(res.status).toBe(200)
  return res.text()
}

const tilesOf = (html: string): string[] => [...html.matchAll(/ id="i-(\w+)"/g)].map(([, id = '']) => id)
const ids = (items: readonly Item[]): string[] => items.map(({ id }) => id)
const isReady = ({ state }: Item): boolean => state === 'ready'

describe('a link to one of them', () => {
  it('shows each item that is ready once, page by page, and counts them all', async () => {
    const [all = []] = shown
    const ready = all.filter(isReady)
    const path = await linkTo(albums[0]!)
    const seen: string[] = []
    for (let page = 1; page <= Math.ceil(ready.length / perPage); page++) {
      const html = await pageOf(`${path}?page=${page}`)
      seen.push(...tilesOf(html))
      const videos = all.filter(({ type }) => type.kind === 'video').length
      expect(html).toContain(`${all.length - videos} photos and ${videos} videos`)
      expect(html).toContain(`data-preparing="${all.length - ready.length}"`)
      const ticks = [...html.matchAll(/name="items" value="(\w+)"/g)].map(([, id = '']) => id)
      const onPage = ready.slice((page - 1) * perPage, page * perPage)
      expect(ticks).toEqual(ids(onPage.filter((item) => isDownloadable(item, 'no-location'))))
    }
    expect(seen.length).toBeGreaterThan(perPage)
    expect(seen).toEqual(ids(ready))
    // One past the last shows the last.
    expect(tilesOf(await pageOf(`${path}?page=9999`))).toEqual(seen.slice(-(ready.length % perPage)))
  })

  it('tells the same as JSON', async () => {
    const [all = []] = shown
    const told: VisitorShare['items'][number][] = []
    let next: string | null = `/api/v1${await linkTo(albums[0]!)}`
    while (next !== null) {
      const res: Response = await fetch(new URL(next, web.url))
      const answer: VisitorShare = shareAnswer.parse(await res.json())
      expect(answer.count).toBe(all.length)
      expect(answer.albums).toMatchObject([{ count: all.length, cover: all.find(isReady)?.id }])
      told.push(...answer.items)
      next = answer.next
    }
    expect(told.map(({ id, isWithheld: held, state }) => [id, held, state])).toEqual(
      all.map((item) => [item.id, isWithheld(item, 'no-location'), isReady(item) ? 'ready' : 'preparing']),
    )
  })

  it('leads from each item to the one before and after it', async () => {
    const [all = []] = shown
    const ready = all.filter(isReady)
    const path = await linkTo(albums[0]!)
    for (const at of [0, 1, 299, 300, ready.length - 1]) {
      const html = await pageOf(`${path}/items/${ready[at]!.id}`)
      expect(html).toContain(`>${at + 1} of ${ready.length}<`)
      for (const beside of [at - 1, at + 1])
        if (ready[beside]) expect(html).toContain(`${path}/items/${ready[beside].id}"`)
    }
  })
})

describe('a link to both', () => {
  it('tells of each album, and shows the one that is opened', async () => {
    const path = await linkTo(...albums)
    const list = await pageOf(path)
    for (const [at, all] of shown.entries()) {
      const videos = all.filter(({ type }) => type.kind === 'video').length
      expect(list).toContain(`${all.length - videos} photos and ${videos} videos`)
      const html = await pageOf(`${path}?album=${albums[at]!.id}`)
      expect(tilesOf(html)).toEqual(ids(all.filter(isReady)).slice(0, perPage))
    }
  })
})
