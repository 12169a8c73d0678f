import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { Refused } from '../../src/domain/records/errors.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { authorize } from '../../src/domain/gate/authorize.ts'
import { createLink, editLink, renewLink } from '../../src/domain/links/link-changes.ts'
import { keepOwner, newOwner, type KnownOwner } from '../../src/domain/owner/owner.ts'
import { createAlbum } from '../../src/domain/albums/album.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { abandonUpload, beginUpload } from '../../src/domain/records/limits/reservation.ts'
import { fields, scores, StoreUnavailable, value, type Key, type Store } from '../../src/ports.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share, upload } from './sharing.ts'

const minute = 60_000
const hour = 60 * minute

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts()
})
afterEach(() => ports.close())

/** A store that is away for every commit that writes a key of which `isCut` says so: it fails before it is made. */
const cutting = (isCut: (key: Key) => boolean): Store => ({
  ...ports.store,
  commit: (change) =>
    change.writes.some(({ key }) => isCut(key))
      ? Promise.reject(new StoreUnavailable('killed'))
      : ports.store.commit(change),
})

/** A store that is killed at the first commit that writes such a key, and does not come back. */
function dyingAt(isCut: (key: Key) => boolean): Store {
  let isDead = false
  return {
    ...ports.store,
    commit(change) {
      isDead ||= change.writes.some(({ key }) => isCut(key))
      return isDead ? Promise.reject(new StoreUnavailable('killed')) : ports.store.commit(change)
    },
  }
}

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Refused ? error.reason : error instanceof Error ? error.name : ''),
  )

describe('a chosen secret whose link was not recorded', () => {
  const secret = 'our-summer-in-the-old-mill'
  const slug = { text: secret, address: '192.0.2.1' }
  const wish = (chosen: typeof slug | null = slug) => ({
    label: '',
    password: null,
    metadata: 'no-location' as const,
    secret: chosen,
    until: { expiresInDays: 1 },
  })
  const isLinkRecord = (key: Key) => /:link:[^:]+$/.test(key)
  const credentials = { secret, sessionOf: () => null }
  const entrance = keys.entrance(hashToken(secret))
  const entranceNow = async () => (await ports.store.read([value(entrance)]))[0]

  async function ownerWithAlbum(): Promise<{ owner: KnownOwner; album: string }> {
    const owner = newOwner()
    await keepOwner(ports, owner)
    const album = await createAlbum(ports, owner.id, { title: 'A', description: '', sender: '' })
    return { owner, album: album.id }
  }

  const cut = () => ({ ...ports, store: cutting(isLinkRecord) })

  it('is its owner’s again at once', async () => {
    const { owner, album } = await ownerWithAlbum()
    expect(await reasonOf(createLink(cut(), owner, [album], wish()))).toBe('StoreUnavailable')
    expect(await entranceNow()).not.toBeNull()
    expect(await reasonOf(authorize(ports, credentials))).toBe('unknown')
    const { link } = await createLink(ports, owner, [album], wish())
    expect((await authorize(ports, credentials)).link.id).toBe(link.id)
  })

  it('is others’ after a minute, and not before', async () => {
    const [a, b] = [await ownerWithAlbum(), await ownerWithAlbum()]
    await createLink(cut(), a.owner, [a.album], wish()).catch(() => {})
    expect(await reasonOf(createLink(ports, b.owner, [b.album], wish()))).toBe('secret-taken')
    ports.clock.move(minute)
    const { link } = await createLink(ports, b.owner, [b.album], wish())
    expect((await authorize(ports, credentials)).link.id).toBe(link.id)
    expect(await reasonOf(createLink(ports, a.owner, [a.album], wish()))).toBe('secret-taken')
  })

  it('leaves nothing behind: the sweep closes its entrance', async () => {
    const { owner, album } = await ownerWithAlbum()
    await createLink(cut(), owner, [album], wish()).catch(() => {})
    await sweep(ports)
    expect(await entranceNow()).not.toBeNull()
    ports.clock.move(11 * minute)
    await sweep(ports)
    expect(await entranceNow()).toBeNull()
  })

  it('stays open behind a link that was recorded, also when nothing could be noted after that', async () => {
    const { owner, album } = await ownerWithAlbum()
    let isRecorded = false
    const store: Store = {
      ...ports.store,
      async commit(change) {
        if (isRecorded && change.writes.some(({ key }) => key === keys.opening))
          throw new StoreUnavailable('killed')
        isRecorded ||= change.writes.some(({ key }) => isLinkRecord(key))
        return ports.store.commit(change)
      },
    }
    await createLink({ ...ports, store }, owner, [album], wish())
    ports.clock.move(11 * minute)
    await sweep(ports)
    expect(await reasonOf(authorize(ports, credentials))).toBe('none')
  })

  it('is free again after an edit that was cut off, and the link keeps its old one', async () => {
    const { owner, album } = await ownerWithAlbum()
    const { link, secret: old } = await createLink(ports, owner, [album], wish(null))
    expect(await reasonOf(editLink(cut(), owner, link.id, { secret: slug }))).toBe('StoreUnavailable')
    expect(await reasonOf(authorize(ports, { secret: old, sessionOf: () => null }))).toBe('none')
    expect(await reasonOf(authorize(ports, credentials))).toBe('unknown')
    await editLink(ports, owner, link.id, { secret: slug })
    expect(await reasonOf(authorize(ports, credentials))).toBe('none')
  })

  it('is never recorded for two links: who took it first finds it taken', async () => {
    const { owner, album } = await ownerWithAlbum()
    const outcomes: string[] = []
    let isFirst = true
    const store: Store = {
      ...ports.store,
      async commit(change) {
        if (isFirst && change.writes.some(({ key }) => isLinkRecord(key))) {
          isFirst = false
          outcomes.push(await reasonOf(createLink(ports, owner, [album], wish())))
        }
        return ports.store.commit(change)
      },
    }
    outcomes.push(await reasonOf(createLink({ ...ports, store }, owner, [album], wish())))
    expect(outcomes).toEqual(['none', 'secret-taken'])
    expect(await reasonOf(authorize(ports, credentials))).toBe('none')
  })

  it('is renewed with its link', async () => {
    const { owner, album } = await ownerWithAlbum()
    const { link } = await createLink(ports, owner, [album], wish())
    ports.clock.move(30 * hour)
    expect(await reasonOf(authorize(ports, credentials))).toBe('link-ended')
    await renewLink(ports, { owner: owner.id, link: link.id, until: { expiresInDays: 1 } })
    expect(await reasonOf(authorize(ports, credentials))).toBe('none')
  })
})

describe('counts that cut commits left apart', () => {
  const bytesOf = async (owner: string): Promise<[string | undefined, string | undefined]> => {
    const [own, all] = await ports.store.read([fields(keys.usage(owner)), fields(keys.instanceUsage)])
    return [own['bytes'], all['bytes']]
  }
  const isInstance = (key: Key) => key === keys.instanceUsage

  it('are never below zero, and are right after the next sweep', async () => {
    const { owner, items, link } = await share(ports, 2)
    const bytes = items.reduce((sum, { original }) => sum + original.size, 0)
    const cut = { ...ports, store: cutting(isInstance) }
    // Three uploads whose reservation reached the owner alone, and what is given back reaches both.
    for (let n = 0; n < 3; n++) {
      await beginUpload({ ...ports, store: dyingAt(isInstance) }, owner.id, 100_000_000).catch(() => {})
      for (const { member } of await deadUploads()) await abandonUpload(ports, nameOf(member))
    }
    expect((await bytesOf(owner.id))[1]).toBe('0')
    await sweep(ports)
    expect(await bytesOf(owner.id)).toEqual([String(bytes), String(bytes)])

    // The count of all misses a removal.
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(cut, owner.id).catch(() => {})
    await removeDue(ports, owner.id)
    ports.clock.move(hour)
    await sweep(ports)
    expect(await bytesOf(owner.id)).toEqual(['0', '0'])
  })

  const deadUploads = async () => {
    const [found] = await ports.store.read([
      { kind: 'ranks', key: keys.uploads, from: 0, to: -1, reverse: false },
    ])
    return found
  }
  const nameOf = (member: string) => {
    const [owner = '', id = ''] = member.split('/')
    return { owner, id }
  }

  it('are right beside an upload under way, which keeps its room', async () => {
    const { owner, items } = await share(ports, 1)
    const bytes = items.reduce((sum, { original }) => sum + original.size, 0)
    for (const [key, wrong] of [
      [keys.usage(owner.id), '-5000'],
      [keys.instanceUsage, '-8998209830'],
    ] as const)
      await ports.store.commit({ writes: [{ kind: 'setField', key, field: 'bytes', value: wrong }] })
    const begun = await beginUpload(ports, owner.id, 5_000_000)
    const withUpload = String(bytes + begun.reserved)
    expect(begun.reserved).toBeGreaterThan(0)
    await sweep(ports)
    expect((await bytesOf(owner.id))[0]).toBe(withUpload)
    // What may only be behind for a moment is believed when it is still there a little later.
    ports.clock.move(5 * minute)
    await sweep(ports)
    expect(await bytesOf(owner.id)).toEqual([withUpload, withUpload])
    await abandonUpload(ports, begun)
    expect(await bytesOf(owner.id)).toEqual([String(bytes), String(bytes)])
  })

  it('are left as they are where the owner’s records do not hold still', async () => {
    const { owner } = await share(ports, 1)
    await ports.store.commit({
      writes: [{ kind: 'increase', key: keys.usage(owner.id), field: 'bytes', by: 77 }],
    })
    let changes = 0
    const store: Store = {
      ...ports.store,
      async commit(change) {
        if (change.writes.some(({ kind, key }) => kind === 'setField' && key === keys.usage(owner.id))) {
          changes += 1
          await ports.store.commit({
            writes: [{ kind: 'increase', key: keys.usage(owner.id), field: 'bytes', by: 1 }],
          })
        }
        return ports.store.commit(change)
      },
    }
    const [before] = await bytesOf(owner.id)
    await sweep({ ...ports, store })
    expect(changes).toBeGreaterThan(0)
    expect((await bytesOf(owner.id))[0]).toBe(String(Number(before) + changes))
  })

  it('count a file that is being received once, when it becomes an item meanwhile', async () => {
    const owner = newOwner()
    await upload(ports, owner.id, 2)
    await sweep(ports)
    ports.clock.move(2 * hour)
    await sweep(ports)
    await sweep(ports)
    expect(await bytesOf(owner.id)).toEqual([undefined, '0'])
  })
})

describe('an owner whose making was cut off', () => {
  it.each([1, 2, 3])('is forgotten within two hours (killed before commit %i)', async (nth) => {
    const owner = newOwner()
    let commits = 0
    const store: Store = {
      ...ports.store,
      commit: (change) =>
        (commits += 1) >= nth ? Promise.reject(new StoreUnavailable('killed')) : ports.store.commit(change),
    }
    expect(await reasonOf(keepOwner({ ...ports, store }, owner))).toBe('StoreUnavailable')
    const woken = async (): Promise<string[]> => {
      const [due] = await ports.store.read([scores(keys.due, 0, ports.clock.now(), 10)])
      return due.map(({ member }) => member)
    }
    ports.clock.move(2 * hour)
    for (const id of await woken()) await removeDue(ports, id)
    const left = await ports.store.read([
      value(keys.owner(owner.id)),
      value(keys.ownerByKey(hashToken(owner.key))),
    ])
    expect(left).toEqual([null, null])
    expect(await woken()).toEqual([])
  })
})
