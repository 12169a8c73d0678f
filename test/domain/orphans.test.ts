import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { deleteAlbum } from '../../src/domain/albums/album-changes.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import {
  listOrphans,
  noteReunion,
  orphanFigures,
  removeOrphans,
  sweepOrphans,
} from '../../src/domain/removal/orphans.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share } from './sharing.ts'

const hour = 3_600_000
const day = 24 * hour

let ports: TestPorts
const errors: string[] = []
beforeEach(async () => {
  const opened = await openTestPorts()
  errors.length = 0
  ports = { ...opened, log: { ...opened.log, error: (_facts, message) => void errors.push(message) } }
})
afterEach(() => ports.close())

async function originals(): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of ports.bucket.list('items/')) found.push(key)
  return found.sort()
}

/** Forgets whose `items` are: what an incomplete store is like. */
async function loseOwner(items: readonly { id: string }[]): Promise<void> {
  for (const { id } of items)
    await ports.store.commit({ writes: [{ kind: 'remove', key: keys.prefixOwner(objects.ofItem(id)) }] })
}

async function leave(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    async function* body() {
      yield await Promise.resolve(Buffer.from('x'))
    }
    await ports.bucket.put(objects.original(randomToken()), body(), { mime: 'image/jpeg' })
  }
}

describe('the sweep of orphans', () => {
  it.each([4, 15, 90])('stops where most of a bucket of %i lost its record', async (count) => {
    const { items } = await share(ports, count)
    await loseOwner(items)
    ports.clock.move(2 * day)
    expect(await sweepOrphans(ports)).toBe(0)
    expect(await originals()).toHaveLength(count)
    expect(errors.join()).toContain('mayfly orphans')
    expect(await orphanFigures(ports.store)).toEqual({ left: count, quarantined: 0 })
    expect(await listOrphans(ports)).toHaveLength(count)
    expect(await removeOrphans(ports)).toBe(count)
    expect(await originals()).toEqual([])
    expect(await orphanFigures(ports.store)).toEqual({ left: 0, quarantined: 0 })
  })

  it('deletes what crashes leave, a handful', async () => {
    await share(ports, 3)
    await leave(3)
    ports.clock.move(25 * hour)
    expect(await sweepOrphans(ports)).toBe(3)
    expect(errors).toEqual([])
  })

  it('keeps what lost its record with the store for a week', async () => {
    const { items } = await share(ports, 12)
    await loseOwner(items.slice(0, 6))
    ports.clock.move(hour)
    await noteReunion(ports.store, ports.clock.now())
    ports.clock.move(25 * hour)
    expect(await sweepOrphans(ports)).toBe(0)
    expect(await orphanFigures(ports.store)).toEqual({ left: 0, quarantined: 6 })
    ports.clock.move(6.5 * day)
    expect(await sweepOrphans(ports)).toBe(0)
    const [back] = items
    await ports.store.commit({
      writes: [{ kind: 'set', key: keys.prefixOwner(objects.ofItem(back!.id)), value: back!.owner }],
    })
    ports.clock.move(day)
    expect(await sweepOrphans(ports)).toBe(5)
    expect(await originals()).toHaveLength(7)
    expect(await orphanFigures(ports.store)).toEqual({ left: 0, quarantined: 0 })
  })

  it('goes by the agreed time', async () => {
    await share(ports, 3)
    await leave(1)
    const agreed = ports.clock.now()
    ports.clock.move(40 * day)
    expect(await sweepOrphans(ports, agreed)).toBe(0)
    expect(await originals()).toHaveLength(4)
  })
})

describe('a clock that is 40 days ahead', () => {
  it('deletes no share, lets a stop delete at once, and keeps what another album holds', async () => {
    const kept = await share(ports, 2)
    const stopped = await share(ports, 1, kept.owner)
    const third = await share(ports, 1, kept.owner)
    // The first album's item stands in the second one, too.
    const [item] = third.items
    await ports.store.commit({
      writes: [
        { kind: 'rank', key: keys.albumItems(kept.owner.id, kept.album.id), member: item!.id, score: 1 },
        { kind: 'rank', key: keys.itemAlbums(kept.owner.id, item!.id), member: kept.album.id, score: 0 },
      ],
    })
    const agreed = ports.clock.now()
    ports.clock.move(40 * day)
    await stopSharing(ports, { owner: kept.owner.id, link: stopped.link.id })
    await deleteAlbum(ports, kept.owner.id, third.album.id)
    ports.queued.length = 0
    await sweep(ports, agreed)
    expect(ports.queued.filter(({ kind }) => kind === 'remove')).toEqual([
      { kind: 'remove', owner: kept.owner.id },
    ])
    await removeDue(ports, kept.owner.id, agreed)
    expect(await originals()).toEqual([...kept.items, item!].map(({ id }) => objects.original(id)).sort())
  })
})
