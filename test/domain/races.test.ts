import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAlbumOf, putItems } from '../../src/domain/albums/album-changes.ts'
import { createAlbum } from '../../src/domain/albums/album.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { Refused } from '../../src/domain/records/errors.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { createLink, editLink } from '../../src/domain/links/link-changes.ts'
import { rotateKey } from '../../src/domain/owner/owner-key.ts'
import { findOwner, keepOwner, newOwner } from '../../src/domain/owner/owner.ts'
import { createResumable, receiveBytes } from '../../src/domain/uploads/resumable.ts'
import { makeShare } from '../../src/domain/links/share.ts'
import { sweepOrphans } from '../../src/domain/removal/orphans.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { abandonUpload } from '../../src/domain/records/limits/reservation.ts'
import { fields, ranks, StoreUnavailable, value, type Bucket, type Store } from '../../src/ports.ts'
import { jpeg } from '../support/pictures.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share, upload } from './sharing.ts'

const hour = 3_600_000

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts()
})
afterEach(() => ports.close())

const albumWish = { title: 'Holiday', sender: 'Ada', description: '' }
const linkWish = { label: '', password: null, metadata: 'no-location' } as const

describe('an upload that is given up', () => {
  it('is not recorded while its bytes go, by whoever believes it alive', async () => {
    const owner = newOwner()
    const begun = await upload(ports, owner.id, 1)
    const outcomes: string[] = []
    const bucket: Bucket = {
      ...ports.bucket,
      async removeAll(prefix) {
        const link = { ...linkWish, until: { expiresInDays: 1 } }
        await makeShare(ports, { owner, isNewOwner: true, album: albumWish, link, ...begun }).then(
          () => outcomes.push('recorded'),
          (error: unknown) => outcomes.push(error instanceof Refused ? error.reason : String(error)),
        )
        await ports.bucket.removeAll(prefix)
      },
    }
    await abandonUpload({ ...ports, bucket }, begun.upload)
    expect(outcomes).toEqual(['conflict'])
    const [own, all, items, prefix] = await ports.store.read([
      fields(keys.usage(owner.id)),
      fields(keys.instanceUsage),
      ranks(keys.items(owner.id)),
      value(keys.prefixOwner(objects.ofItem(begun.received[0]!.id))),
    ])
    expect([own['bytes'], all['bytes'], items, prefix]).toEqual(['0', '0', [], null])
  })

  it('keeps no other dead one from going, when its bytes cannot be deleted', async () => {
    const owner = newOwner()
    const [first, second] = [await upload(ports, owner.id, 1), await upload(ports, owner.id, 1)]
    const stuck = objects.ofItem(first.received[0]!.id)
    const bucket: Bucket = {
      ...ports.bucket,
      removeAll: (prefix) =>
        prefix.startsWith(stuck) ? Promise.reject(new Error('stuck')) : ports.bucket.removeAll(prefix),
    }
    ports.clock.move(2 * hour)
    await expect(sweep({ ...ports, bucket })).rejects.toThrow('could not be ended')
    expect(await ports.bucket.open(objects.original(second.received[0]!.id))).toBeNull()
    await sweep(ports)
    expect(await ports.bucket.open(objects.original(first.received[0]!.id))).toBeNull()
    const [own, all] = await ports.store.read([fields(keys.usage(owner.id)), fields(keys.instanceUsage)])
    expect([own['bytes'], all['bytes']]).toEqual([undefined, '0'])
  })
})

describe('the sweep for orphans', () => {
  it('leaves a resumable upload alone that was complete long ago by the bucket and is recorded now', async () => {
    const owner = newOwner()
    await keepOwner(ports, owner)
    const album = await createAlbum(ports, owner.id, albumWish)
    const bytes = Buffer.concat([await jpeg(), randomBytes(100_000)])
    const wish = { owner: owner.id, album: album.id, name: 'a.jpg', folder: null, size: bytes.length }
    const { id, item } = await createResumable(ports, wish)
    const seen: boolean[] = []
    const resumable: TestPorts['resumable'] = {
      ...ports.resumable,
      async complete(growing) {
        const facts = await ports.resumable.complete(growing)
        // As when the upload took a day, and its hashes are taken again from the bucket.
        await sweepOrphans({ ...ports, clock: { now: () => ports.clock.now() + 30 * hour } })
        seen.push((await ports.bucket.open(growing.key).then((it) => (it?.body.destroy(), it))) !== null)
        return facts
      },
    }
    const body = (async function* () {
      await Promise.resolve()
      yield bytes
    })()
    await receiveBytes(
      { ...ports, resumable },
      {
        owner: owner.id,
        id,
        offset: 0,
        body,
      },
    )
    expect(seen).toEqual([true])
    expect((await ports.bucket.open(objects.original(item)))?.size).toBe(bytes.length)
  })
})

describe('an album that was let go', () => {
  it('keeps its items for the day that it has to get another link, though ended links stand on it', async () => {
    const { owner, album, link, items } = await share(ports, 1)
    const second = await createLink(ports, owner, [album.id], { ...linkWish, until: { expiresInDays: 5 } })
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    const other = await makeAlbumOf(ports, owner.id, {
      kind: 'manual',
      wish: albumWish,
      items: [items[0]!.id],
    })
    await editLink(ports, owner, second.link.id, { albums: [other.id] })
    await stopSharing(ports, { owner: owner.id, link: second.link.id })
    await removeDue(ports, owner.id)
    const there = async () => (await ports.store.read([value(keys.item(owner.id, items[0]!.id))]))[0] !== null
    expect(await there()).toBe(true)
    ports.clock.move(25 * hour)
    await removeDue(ports, owner.id)
    expect(await there()).toBe(false)
  })
})

describe('a link that wants a further copy', () => {
  it('asks for it also of items that are being prepared at that moment', async () => {
    const { owner, album, items } = await share(ports, 2)
    const ids = items.map(({ id }) => id)
    const asked = () => ports.queued.flatMap((job) => (job.kind === 'prepare' ? [job.item] : []))
    ports.queued.length = 0
    await createLink(ports, owner, [album.id], {
      ...linkWish,
      metadata: 'none',
      until: { expiresInDays: 5 },
    })
    expect(asked().sort()).toEqual([...ids].sort())
    const fresh = await share(ports, 1, owner)
    ports.queued.length = 0
    await putItems(ports, owner.id, album.id, [fresh.items[0]!.id])
    expect(asked()).toEqual([fresh.items[0]!.id])
  })
})

/** A store that fails once for the first commit that `picks` names. */
function failingOnce(picks: (key: string) => boolean): Store {
  let isDone = false
  return {
    ...ports.store,
    commit(change) {
      if (isDone || !change.writes.some(({ key }) => picks(key))) return ports.store.commit(change)
      isDone = true
      return Promise.reject(new StoreUnavailable('gone for a moment'))
    },
  }
}

describe('a store that goes away between two steps', () => {
  it('takes no share back that is recorded', async () => {
    const owner = newOwner()
    const begun = await upload(ports, owner.id, 1)
    const store = failingOnce((key) => key === keys.instanceUsage)
    const link = { ...linkWish, until: { expiresInDays: 1 } }
    const made = await makeShare(
      { ...ports, store },
      { owner, isNewOwner: true, album: albumWish, link, ...begun },
    )
    expect(made.items).toHaveLength(1)
  })

  it('takes no new key from its owner', async () => {
    const { owner } = await share(ports)
    const old = keys.ownerByKey(hashToken(owner.key))
    const next = await rotateKey({ ...ports, store: failingOnce((key) => key === old) }, owner)
    expect(await findOwner(ports.store, next.key)).toEqual(next)
    expect(await findOwner(ports.store, owner.key)).toBeNull()
  })

  it('leaves no secret taken for good when a link is forgotten', async () => {
    const { owner, link } = await share(ports)
    const entrance = keys.entrance(link.secretHash)
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    ports.clock.move(31 * 24 * hour)
    const store = failingOnce((key) => key === entrance)
    await expect(removeDue({ ...ports, store }, owner.id)).rejects.toThrow('could not be removed')
    await removeDue(ports, owner.id)
    const left = await ports.store.read([value(entrance), value(keys.link(owner.id, link.id))])
    expect(left).toEqual([null, null])
  })
})
