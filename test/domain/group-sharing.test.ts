import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCatalog } from '../../src/domain/items/library-index.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { Refused } from '../../src/domain/records/errors.ts'
import { updateItem, unknownFacts } from '../../src/domain/items/item.ts'
import { keys } from '../../src/domain/records/keys.ts'
import {
  readGroup,
  readItems,
  readLibrary,
  shareGroup,
  type Group,
} from '../../src/domain/library/library.ts'
import { recordPrepared } from '../../src/domain/preparing/prepare.ts'
import { albumSchema, itemSchema, parseRecord, type Item } from '../../src/domain/records/records.ts'
import type { Facts, Place } from '../../src/media/types.ts'
import { ranks, size, value } from '../../src/ports.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share } from './sharing.ts'

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts({ maxAlbumItems: 4 })
})
afterEach(() => ports.close())

const lisbon: Place = {
  country: { code: 'PT', name: 'Portugal' },
  state: 'Lisbon',
  city: 'Lisbon',
  neighbourhood: null,
}

const facts = (local: string): Facts => ({
  ...unknownFacts,
  width: 4,
  height: 3,
  capturedAt: { local, offset: '+01:00', source: 'EXIF:DateTimeOriginal' },
  coordinates: { latitude: 38.71, longitude: -9.14, altitude: null, direction: null },
})

const prepared = ({ owner, id }: Item, local: string, place: Place | null = lisbon) =>
  recordPrepared(ports, owner, id, (item) => ({ ...item, state: 'ready', facts: facts(local), place }))

const month = (key: string) => ({ kind: 'month' as const, key, sender: 'Ada', titleOf: titleOf })
const titleOf = ({ title }: Group) => ({
  title: title.kind === 'month' ? `Month ${title.month}` : title.kind,
  titleWithoutPlace: null,
  isTitleDate: false,
})

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Refused ? error.reason : String(error)),
  )

describe('the catalog', () => {
  it('holds an item from its upload on, and what is found out about it', async () => {
    const { owner, items } = await share(ports, 2)
    expect(await readCatalog(ports.store, owner.id)).toHaveLength(2)
    expect((await readLibrary(ports.store, owner.id, 'month', { from: 0, limit: 10 })).groups).toMatchObject([
      { key: 'none', title: { kind: 'none' } },
    ])
    await prepared(items[0]!, '2026-05-01T18:30:00')
    const entries = await readCatalog(ports.store, owner.id)
    expect(entries.find(({ id }) => id === items[0]!.id)).toEqual({
      id: items[0]!.id,
      capturedAt: { local: '2026-05-01T18:30:00', offset: '+01:00' },
      createdAt: items[0]!.createdAt,
      latitude: 38.71,
      longitude: -9.14,
      place: lisbon,
      folder: null,
      kind: 'photo',
    })
  })

  it('forgets what is deleted', async () => {
    const { owner, link } = await share(ports, 2)
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    expect(await readCatalog(ports.store, owner.id)).toEqual([])
  })

  it('is told page by page', async () => {
    const { owner, items } = await share(ports, 4)
    for (const [index, item] of items.entries()) await prepared(item, `2026-0${index + 1}-01T12:00:00`)
    const page = await readLibrary(ports.store, owner.id, 'month', { from: 1, limit: 2 })
    expect(page).toMatchObject({ total: 4, items: 4 })
    expect(page.groups.map(({ key }) => key)).toEqual(['2026-03', '2026-02'])
    expect((await readItems(ports.store, owner.id, page.groups[0]!.ids)).map(({ id }) => id)).toEqual([
      items[2]!.id,
    ])
  })

  it('reads records from before there were places', async () => {
    const { owner, items } = await share(ports, 1)
    const { id } = items[0]!
    const old = JSON.stringify({ ...items[0]!, place: undefined })
    expect(old).not.toContain('place')
    await ports.store.commit({ writes: [{ kind: 'set', key: keys.item(owner.id, id), value: old }] })
    expect((await updateItem(ports.store, owner.id, id, (item) => item))?.place).toBeNull()
  })
})

describe('sharing a group', () => {
  it('makes an album of its kind from its items, in order, and copies no byte', async () => {
    const { owner, items, album: first } = await share(ports, 3)
    await prepared(items[0]!, '2026-05-20T12:00:00')
    await prepared(items[1]!, '2026-05-02T12:00:00')
    await prepared(items[2]!, '2026-06-02T12:00:00')
    const album = await shareGroup(ports, owner.id, month('2026-05'))
    expect(album).toMatchObject({ kind: 'month', title: 'Month 2026-05', sender: 'Ada', order: 'date' })
    const [raw, members, of0, of2] = await ports.store.read([
      value(keys.album(owner.id, album.id)),
      ranks(keys.albumItems(owner.id, album.id)),
      ranks(keys.itemAlbums(owner.id, items[0]!.id)),
      ranks(keys.itemAlbums(owner.id, items[2]!.id)),
    ])
    expect(parseRecord(albumSchema, 'album', raw)).toEqual(album)
    expect(members.map(({ member }) => member)).toEqual([items[1]!.id, items[0]!.id])
    expect(of0.map(({ member }) => member).sort()).toEqual([first.id, album.id].sort())
    expect(of2.map(({ member }) => member)).toEqual([first.id])
  })

  it('lets its items outlive the link that they came with, for a day', async () => {
    const { owner, items, link } = await share(ports, 2)
    await prepared(items[0]!, '2026-05-20T12:00:00')
    const album = await shareGroup(ports, owner.id, month('2026-05'))
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    expect((await readCatalog(ports.store, owner.id)).map(({ id }) => id)).toEqual([items[0]!.id])
    ports.clock.move(25 * 3_600_000)
    await removeDue(ports, owner.id)
    const [left, record] = await ports.store.read([
      size(keys.albumItems(owner.id, album.id)),
      value(keys.item(owner.id, items[0]!.id)),
    ])
    expect([left, record]).toEqual([0, null])
    expect(await readCatalog(ports.store, owner.id)).toEqual([])
  })

  it('puts what has no date where it was uploaded, and in its place once it has one', async () => {
    const { owner, items } = await share(ports, 2)
    const album = await shareGroup(ports, owner.id, { ...month('none'), kind: 'folder' })
    const order = async () => {
      const [members] = await ports.store.read([ranks(keys.albumItems(owner.id, album.id))])
      return members.map(({ score }) => score)
    }
    expect(await order()).toEqual([items[0]!.createdAt, items[1]!.createdAt])
    await prepared(items[0]!, '2026-05-20T12:00:00')
    expect(await order()).toContain(Date.UTC(2026, 4, 20, 12))
  })

  it('holds whatever else happens to the items meanwhile', async () => {
    const { owner, items } = await share(ports, 4)
    const [album] = await Promise.all([
      shareGroup(ports, owner.id, { ...month('none'), kind: 'folder' }),
      ...items.map((item, index) => prepared(item, `2026-05-0${9 - index}T12:00:00`)),
    ])
    const [members] = await ports.store.read([ranks(keys.albumItems(owner.id, album.id))])
    expect(members.map(({ member }) => member)).toEqual(items.map(({ id }) => id).reverse())
    const raw = await ports.store.read(items.map(({ id }) => value(keys.item(owner.id, id))))
    expect(raw.map((text) => parseRecord(itemSchema, 'item', text)?.state)).toEqual(Array(4).fill('ready'))
  })

  it('refuses what is not there, is another owner’s, or is too much', async () => {
    const { owner, items } = await share(ports, 4)
    const stranger = await share(ports, 1)
    for (const item of items) await prepared(item, '2026-05-20T12:00:00')
    expect(await reasonOf(shareGroup(ports, owner.id, month('2026-06')))).toBe('unknown')
    expect(await reasonOf(shareGroup(ports, stranger.owner.id, month('2026-05')))).toBe('unknown')
    expect(await reasonOf(readGroup(ports.store, stranger.owner.id, 'month', '2026-05'))).toBe('unknown')
    const more = await share(ports, 1, owner)
    await prepared(more.items[0]!, '2026-05-21T12:00:00')
    expect(await reasonOf(shareGroup(ports, owner.id, month('2026-05')))).toBe('too-many-items')
    expect((await ports.store.read([size(keys.albums(owner.id))]))[0]).toBe(2)
  })
})
