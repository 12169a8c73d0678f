import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addItems } from '../../src/domain/albums/album.ts'
import { changeOwner } from '../../src/domain/records/store/change.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopAll, stopSharing } from '../../src/domain/links/stop.ts'
import { Refused } from '../../src/domain/records/errors.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { authorize, authorizeForItem, type Credentials } from '../../src/domain/gate/authorize.ts'
import { openEntrance } from '../../src/domain/gate/slug-claims.ts'
import { sweepOrphans } from '../../src/domain/removal/orphans.ts'
import { newLink, writeLink } from '../../src/domain/links/share.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { beginUpload } from '../../src/domain/records/limits/reservation.ts'
import { fields, ranks, size, value } from '../../src/ports.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share, upload } from './sharing.ts'

const hour = 3_600_000
const day = 24 * hour

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts()
})
afterEach(() => ports.close())

const credentials = (secret: string): Credentials => ({ secret, sessionOf: () => null })
const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Refused ? error.reason : String(error)),
  )

async function keysInBucket(): Promise<string[]> {
  const found: string[] = []
  for (const root of ['items/', 'albums/'])
    for await (const { key } of ports.bucket.list(root)) found.push(key)
  return found.sort()
}

async function usedBytes(owner: string): Promise<[number, number]> {
  const [own, all] = await ports.store.read([fields(keys.usage(owner)), fields(keys.instanceUsage)])
  return [Number(own['bytes'] ?? 0), Number(all['bytes'])]
}

describe('stop sharing', () => {
  it('shuts the gate at once and deletes bytes, records and usage', async () => {
    const { owner, link, secret, items, album } = await share(ports, 3)
    await authorize(ports, credentials(secret))
    expect((await usedBytes(owner.id))[0]).toBe(items.reduce((sum, { original }) => sum + original.size, 0))

    await stopSharing(ports, { owner: owner.id, link: link.id })
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('link-ended')
    expect(await reasonOf(authorizeForItem(ports, credentials(secret), items[0]!.id))).toBe('link-ended')
    expect(ports.queued).toContainEqual({ kind: 'remove', owner: owner.id })

    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual([])
    expect(await usedBytes(owner.id)).toEqual([0, 0])
    const left = await ports.store.read([
      value(keys.album(owner.id, album.id)),
      value(keys.item(owner.id, items[0]!.id)),
      size(keys.items(owner.id)),
      size(keys.removing(owner.id)),
      value(keys.prefixOwner(objects.ofItem(items[0]!.id))),
    ])
    expect(left).toEqual([null, null, 0, 0, null])
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('link-ended')
  })

  it('done twice changes nothing, and the removal run twice counts nothing twice', async () => {
    const one = await share(ports, 2)
    const other = await share(ports, 1)
    await stopSharing(ports, { owner: one.owner.id, link: one.link.id })
    await stopSharing(ports, { owner: one.owner.id, link: one.link.id })
    await Promise.all([removeDue(ports, one.owner.id), removeDue(ports, one.owner.id)])
    await removeDue(ports, one.owner.id)
    const bytes = other.items[0]!.original.size
    expect(await usedBytes(other.owner.id)).toEqual([bytes, bytes])
    expect(await usedBytes(one.owner.id)).toEqual([0, bytes])
  })

  it('keeps what another living link reaches', async () => {
    const { owner, link, album, items } = await share(ports, 2)
    const second = await newLink(ports, owner, [album.id], {
      label: '',
      until: { expiresInDays: 5 },
      password: null,
      metadata: 'everything',
    })
    await openEntrance(ports, second.link)
    await changeOwner(ports.store, owner.id, (changing) => Promise.resolve(writeLink(changing, second.link)))

    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual(items.map(({ id }) => objects.original(id)).sort())
    await authorizeForItem(ports, credentials(second.secret), items[0]!.id)

    await stopSharing(ports, { owner: owner.id, link: second.link.id })
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual([])
  })

  it('keeps an item that another album with a living link holds', async () => {
    const first = await share(ports, 1)
    const second = await share(ports, 1, first.owner)
    const [item] = first.items
    await changeOwner(ports.store, first.owner.id, (changing) => {
      changing.write(
        { kind: 'rank', key: keys.albumItems(first.owner.id, second.album.id), member: item!.id, score: 1 },
        { kind: 'rank', key: keys.itemAlbums(first.owner.id, item!.id), member: second.album.id, score: 0 },
      )
      return Promise.resolve()
    })
    await stopSharing(ports, { owner: first.owner.id, link: first.link.id })
    await removeDue(ports, first.owner.id)
    const found = await authorizeForItem(ports, credentials(second.secret), item!.id)
    expect(found.item.id).toBe(item!.id)
    expect(await reasonOf(authorizeForItem(ports, credentials(first.secret), item!.id))).toBe('link-ended')
  })

  it('takes albums of many items apart in steps', async () => {
    const { owner, link } = await share(ports, 450)
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual([])
    expect(await usedBytes(owner.id)).toEqual([0, 0])
  })

  it('kept for a day, holds the bytes until then and no visitor', async () => {
    const { owner, link, secret, items } = await share(ports, 1)
    await stopSharing(ports, { owner: owner.id, link: link.id, keepForADay: true })
    await removeDue(ports, owner.id)
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('link-ended')
    expect(await keysInBucket()).toEqual([objects.original(items[0]!.id)])
    ports.queued.length = 0
    ports.clock.move(day)
    await sweep(ports)
    expect(ports.queued).toContainEqual({ kind: 'remove', owner: owner.id })
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual([])
  })

  it.each([
    [
      'that was kept for a day',
      (link: { owner: string; link: string }) => stopSharing(ports, { ...link, keepForADay: true }),
    ],
    ['that has expired', () => ports.clock.move(30 * day + 1)],
  ])('takes what a link still holds %s, with the link or with all', async (_what, end) => {
    for (const stop of [
      (link: { owner: string; link: string }) => stopSharing(ports, link),
      ({ owner }: { owner: string }) => stopAll(ports, { owner }),
    ]) {
      const { owner, link } = await share(ports, 1)
      await end({ owner: owner.id, link: link.id })
      await removeDue(ports, owner.id)
      expect(await keysInBucket()).toHaveLength(1)
      // All links that were to be kept may be kept on.
      expect(await stopAll(ports, { owner: owner.id, keepForADay: true })).toBe(0)
      await removeDue(ports, owner.id)
      expect(await keysInBucket()).toHaveLength(1)
      await stop({ owner: owner.id, link: link.id })
      await removeDue(ports, owner.id)
      expect(await keysInBucket()).toEqual([])
    }
  })

  it('is for the owner alone', async () => {
    const mine = await share(ports)
    const theirs = await share(ports)
    expect(await reasonOf(stopSharing(ports, { owner: mine.owner.id, link: theirs.link.id }))).toBe('unknown')
    await authorize(ports, credentials(theirs.secret))
  })
})

describe('expiry', () => {
  it('ends the link on the millisecond, deletes within a day, forgets after thirty', async () => {
    const { owner, link, secret } = await share(ports)
    ports.clock.move(30 * day - 1)
    await authorize(ports, credentials(secret))
    ports.clock.move(1)
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('link-ended')

    await sweep(ports)
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toHaveLength(1)
    ports.clock.move(24 * hour - 60_000)
    ports.queued.length = 0
    await sweep(ports)
    expect(ports.queued).toContainEqual({ kind: 'remove', owner: owner.id })
    await removeDue(ports, owner.id)
    expect(await keysInBucket()).toEqual([])
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('link-ended')

    ports.clock.move(30 * day)
    await sweep(ports)
    await removeDue(ports, owner.id)
    expect(await reasonOf(authorize(ports, credentials(secret)))).toBe('unknown')
    const left = await ports.store.read([
      value(keys.entrance(link.secretHash)),
      ranks(keys.due),
      size(keys.links(owner.id)),
    ])
    expect(left).toEqual([null, [], 0])
  })
})

describe('the sweep', () => {
  it('abandons uploads whose process died, with their bytes and their room', async () => {
    const { upload: dead, received } = await upload(ports, 'someone', 2)
    expect(await keysInBucket()).toEqual(received.map(({ id }) => objects.original(id)).sort())
    expect((await usedBytes('someone'))[0]).toBeGreaterThan(0)
    ports.clock.move(2 * hour)
    await sweep(ports)
    expect(await keysInBucket()).toEqual([])
    expect(await usedBytes('someone')).toEqual([0, 0])
    const late = addItems(ports, { owner: 'someone', album: 'none', upload: dead, received })
    expect(await reasonOf(late)).toBe('unknown')
  })

  it('queues again what the queue has lost', async () => {
    const { owner, items } = await share(ports)
    ports.queued.length = 0
    await sweep(ports)
    expect(ports.queued).toEqual([])
    ports.clock.move(2 * 60_000)
    await sweep(ports)
    expect(ports.queued).toEqual([{ kind: 'prepare', owner: owner.id, item: items[0]!.id }])
  })

  it('deletes bytes that no record knows, once they are a day old', async () => {
    const { items } = await share(ports)
    const { received } = await upload(ports, 'someone', 1)
    await sweepOrphans(ports)
    expect(await keysInBucket()).toHaveLength(2)
    ports.clock.move(25 * hour)
    expect(await sweepOrphans(ports)).toBe(1)
    expect(await keysInBucket()).toEqual([objects.original(items[0]!.id)])
    expect(received).toHaveLength(1)
  })
})

describe('quotas', () => {
  it('are never passed, however many uploads there are at once', async () => {
    await ports.close()
    ports = await openTestPorts({ maxOwnerBytes: 1000, maxInstanceBytes: 1500 })
    const tries = await Promise.allSettled(
      Array.from({ length: 30 }, () => beginUpload(ports, 'greedy', 100)),
    )
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    const more = await Promise.allSettled(Array.from({ length: 30 }, () => beginUpload(ports, 'other', 100)))
    expect(more.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    expect(await usedBytes('greedy')).toEqual([1000, 1500])
    expect((await usedBytes('other'))[0]).toBe(500)
    const [refused] = more.filter((result) => result.status === 'rejected')
    expect(refused?.reason).toMatchObject({ reason: 'instance-full' })
  })
})
