import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAlbumOf, putItems } from '../../src/domain/albums/album-changes.ts'
import { ownAlbum } from '../../src/domain/albums/album.ts'
import { tickedArchive, wholeArchive, type ArchiveFile } from '../../src/domain/gate/archive.ts'
import {
  downloadsOf,
  isChanged,
  isDownloadable,
  isShown,
  isWithheld,
} from '../../src/domain/items/recipient-copies.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { Refused } from '../../src/domain/records/errors.ts'
import { deleteItems, markPrivate, removeItems } from '../../src/domain/albums/item-changes.ts'
import { itemsOf, updateItem } from '../../src/domain/items/item.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { joinPair } from '../../src/domain/preparing/live-photo.ts'
import { encodeSummary, decodeSummary, type ItemSummary } from '../../src/domain/items/item-summary.ts'
import { readSummaries } from '../../src/domain/items/album-summaries.ts'
import { newOwner } from '../../src/domain/owner/owner.ts'
import { awaitsMotion } from '../../src/domain/items/playable.ts'
import { beginPreparing, recordPrepared } from '../../src/domain/preparing/prepare.ts'
import { itemSchema, type Album, type Item, type Link } from '../../src/domain/records/records.ts'
import { shownName } from '../../src/domain/items/shown-text.ts'
import { planFiles } from '../../src/http/delivery/send-zip.ts'
import { metadataPolicies, type MetadataPolicy } from '../../src/media/types.ts'
import { fields, members, value, type Store } from '../../src/ports.ts'
import { makeReady } from '../support/ready.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { albumWithItems, livePair, variety } from './item-variety.ts'
import { share } from './sharing.ts'

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts({ maxAlbumItems: 5000 })
})
afterEach(() => ports.close())

/** What an outline must say, told from the item's record itself. */
function outlineFromRecord(item: Item, policy: MetadataPolicy): ItemSummary {
  const held = (file: Pick<Item, 'name' | 'original' | 'copies'>) => {
    const copy = policy === 'everything' ? { ...file.original, state: 'clean' as const } : file.copies[policy]
    const { size, crc32, sha256 } = copy?.state === 'clean' ? copy : file.original
    return {
      name: shownName(item, file.name, policy),
      copy:
        copy === undefined
          ? null
          : copy.state === 'withheld'
            ? ('withheld' as const)
            : { size, crc32, sha256 },
    }
  }
  const canBeHad = isDownloadable(item, policy)
  const captured = item.facts?.capturedAt
  return {
    id: item.id,
    kind: item.type.kind,
    isShown: isShown(item),
    isReady: item.state === 'ready',
    isWithheld: isWithheld(item, policy),
    isChanged: isChanged(item, policy),
    isDownloadable: canBeHad,
    bytes: canBeHad ? downloadsOf(item, policy).reduce((sum, { size }) => sum + size, 0) : 0,
    hasCoordinates: Boolean(item.facts?.coordinates),
    awaitsMotion: awaitsMotion(item),
    capturedAt: captured ? { local: captured.local, offset: captured.offset } : null,
    files: [held(item), ...(item.motion ? [held(item.motion)] : [])],
  }
}

/** Fails unless each record of an owner's items has its line, and there is no other line. */
async function expectExactLines(owner: string): Promise<number> {
  const [ids] = await ports.store.read([members(keys.items(owner))])
  const raw = await ports.store.read(ids.map((id) => value(keys.item(owner, id))))
  const items = raw.map((text) => itemSchema.parse(JSON.parse(text ?? 'null')))
  const [lines] = await ports.store.read([fields(keys.summaries(owner))])
  expect(lines).toEqual(Object.fromEntries(items.map((item) => [item.id, encodeSummary(item)])))
  return items.length
}

describe('the line of an item', () => {
  it('says under each policy what the record does, whatever the names hold', () => {
    const items = variety(ports, 'owner', 1000)
    for (const policy of metadataPolicies)
      for (const item of items) {
        const line = encodeSummary(item)
        expect(Buffer.from(line).toString()).toBe(line)
        expect(decodeSummary(item.id, line, policy)).toEqual(outlineFromRecord(item, policy))
      }
  })

  it('is none where any of it is missing or is something else', () => {
    const [item] = variety(ports, 'owner', 1)
    const line = encodeSummary(item!)
    const read = (text: string) => decodeSummary('x', text, 'no-location')
    expect(read(line)).not.toBeNull()
    const cells = line.split('\t')
    for (let at = 0; at < cells.length; at++)
      expect(read(cells.toSpliced(at, 1).join('\t')), `without cell ${at}`).toBeNull()
    for (let length = 0; length < line.length; length++)
      expect(read(line.slice(0, length)), `its first ${length} characters`).toBeNull()
    const copies = ['x 1 y', '1 y', '1 2', '1 2 ', '-1 2 y', '--', '1.5 2 y'].map((copy) =>
      cells.with(7, copy).join('\t'),
    )
    for (const wrong of ['', '1', '1xp---', line.replace('3rp', '3rq'), `${line}\t`, ...copies])
      expect(read(wrong), wrong).toBeNull()
  })
})

describe('the lines of an owner', () => {
  it('are exact after every kind of change', async () => {
    const { owner, album, items, link } = await share(ports, 4)
    const [a, b, c, d] = items.map(({ id }) => id) as [string, string, string, string]
    const exact = async (count: number) => expect(await expectExactLines(owner.id)).toBe(count)
    await exact(4)
    await beginPreparing(ports, owner.id, a)
    await exact(4)
    for (const id of [a, b, c, d]) await makeReady(ports, { owner: owner.id, id })
    await exact(4)
    await recordPrepared(ports, owner.id, d, (item) => ({ ...item, state: 'failed', reason: 'damaged' }))
    await exact(4)
    await updateItem(ports.store, owner.id, b, (item) => ({ ...item, renditions: {} }))
    await exact(4)
    await markPrivate(ports, owner.id, [a, b], true)
    await exact(4)
    await markPrivate(ports, owner.id, [b], false)
    await exact(4)
    const other = await makeAlbumOf(ports, owner.id, {
      kind: 'manual',
      wish: { title: 'Two', description: '', sender: '' },
      items: [a, b],
    })
    await putItems(ports, owner.id, other.id, [c])
    await removeItems(ports, owner.id, album.id, [a])
    await exact(4)
    await removeItems(ports, owner.id, other.id, [a])
    await exact(3)
    await deleteItems(ports, owner.id, [b])
    await exact(2)
    const pair = livePair(ports, owner.id)
    await albumWithItems(ports, owner.id, [pair.still, pair.video])
    await exact(4)
    expect(await joinPair(ports, pair)).toMatchObject({ motion: { name: 'IMG_7.mov' } })
    await exact(3)
    await stopSharing(ports, { owner: owner.id, link: link.id })
    await removeDue(ports, owner.id)
    await exact(2)
  })

  it('are exact after changes that race each other', async () => {
    const { owner, album, items } = await share(ports, 8)
    const ids = items.map(({ id }) => id)
    const calm = (work: Promise<unknown>) =>
      work.catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error
      })
    await Promise.all([
      ...ids.map((id) => calm(makeReady(ports, { owner: owner.id, id }))),
      ...ids.map((id) => calm(markPrivate(ports, owner.id, [id], true))),
      ...ids.map((id) => calm(updateItem(ports.store, owner.id, id, (item) => ({ ...item, damaged: true })))),
      calm(removeItems(ports, owner.id, album.id, ids.slice(0, 2))),
      calm(deleteItems(ports, owner.id, ids.slice(2, 3))),
      ...ids.map((id) => calm(markPrivate(ports, owner.id, [id], false))),
    ])
    expect(await expectExactLines(owner.id)).toBe(5)
  })
})

describe('items from before there were lines', () => {
  const forget = (owner: string) =>
    ports.store.commit({ writes: [{ kind: 'remove', key: keys.summaries(owner) }] })

  it('get theirs when they are read first, also in place of lines of another version', async () => {
    const owner = newOwner().id
    const items = variety(ports, owner, 1200)
    const album = await albumWithItems(ports, owner, items)
    await forget(owner)
    const [first] = items
    await ports.store.commit({
      writes: [{ kind: 'setField', key: keys.summaries(owner), field: first!.id, value: '0 of old' }],
    })
    const { albums } = await readSummaries(ports.store, [album], 'no-location')
    const records = await itemsOf(ports.store, album)
    expect(albums[0]?.items).toEqual(records.map((item) => outlineFromRecord(item, 'no-location')))
    expect(await expectExactLines(owner)).toBe(1200)
  })

  it('never get an outdated one: what changes before theirs is kept has its own', async () => {
    const { owner, album, items } = await share(ports, 3)
    await forget(owner.id)
    let isChanged = false
    const store: Store = {
      ...ports.store,
      async commit(change) {
        if (!isChanged) {
          isChanged = true
          await markPrivate(ports, owner.id, [items[1]!.id], true)
        }
        return ports.store.commit(change)
      },
    }
    await readSummaries(store, [album], 'no-location')
    expect(isChanged).toBe(true)
    const later = await readSummaries(
      ports.store,
      [await ownAlbum(ports.store, owner.id, album.id)],
      'no-location',
    )
    expect(later.albums[0]?.items.map(({ isShown: shown }) => shown)).toEqual(
      (await itemsOf(ports.store, album)).map(isShown),
    )
    expect(await expectExactLines(owner.id)).toBe(3)
  })

  it('are left out where they are gone, and a line that cannot be read is made anew', async () => {
    const owner = newOwner().id
    const items = variety(ports, owner, 3)
    const album = await albumWithItems(ports, owner, items)
    await ports.store.commit({
      writes: [
        { kind: 'remove', key: keys.item(owner, items[0]!.id) },
        { kind: 'removeField', key: keys.summaries(owner), field: items[0]!.id },
      ],
    })
    const read = (policy: MetadataPolicy) => readSummaries(ports.store, [album], policy)
    expect((await read('everything')).albums[0]?.items.map(({ id }) => id).toSorted()).toEqual(
      [items[1]!.id, items[2]!.id].toSorted(),
    )
    await ports.store.commit({
      writes: [{ kind: 'setField', key: keys.summaries(owner), field: items[1]!.id, value: '2rp-' }],
    })
    // Under another policy: what was read once is kept while the album's version stays.
    expect((await read('none')).albums[0]?.items.map(({ id }) => id).toSorted()).toEqual(
      [items[1]!.id, items[2]!.id].toSorted(),
    )
  })
})

describe('a ZIP planned from lines', () => {
  const linkOf = (album: Album, metadata: MetadataPolicy): Link => ({
    id: 'link',
    owner: album.owner,
    label: '',
    sealedLabel: '',
    secretHash: '',
    sealedSecret: '',
    isChosen: false,
    albums: [album.id],
    createdAt: 0,
    renewedAt: 0,
    expiresAt: 0,
    stoppedAt: null,
    dueAt: 0,
    isReaped: false,
    password: null,
    passwordChanges: 0,
    metadata,
    allow: { downloads: true, details: true, map: true },
    showsCover: true,
  })

  /** The files of a ZIP, told from the items' whole records. */
  const filesOf = (items: readonly Item[], policy: MetadataPolicy): ArchiveFile[] =>
    items.flatMap((item) =>
      downloadsOf(item, policy).map(({ key, size, crc32, sha256, ...file }) => ({
        key,
        size,
        crc32,
        sha256,
        name: shownName(item, file.name, policy),
        capturedAt: policy === 'none' ? null : (item.facts?.capturedAt ?? null),
      })),
    )

  it.each(metadataPolicies)('is the one planned from their records, under %s', async (policy) => {
    const owner = newOwner().id
    const items = variety(ports, owner, 3000).filter(
      (item) => !isShown(item) || isWithheld(item, policy) || isDownloadable(item, policy),
    )
    const album = await albumWithItems(ports, owner, items)
    const link = linkOf(album, policy)
    const offered = (await itemsOf(ports.store, album)).filter((item) => isDownloadable(item, policy))
    expect(offered.length).toBeGreaterThan(300)
    const plan = planFiles(await wholeArchive(ports.store, link, [album]))
    const told = planFiles(filesOf(offered, policy))
    expect(plan).toMatchObject({ size: told.size, etag: told.etag })
    expect(plan.entries.map(({ key }) => key)).toEqual(told.entries.map(({ key }) => key))
    const ticked = offered.filter((_, n) => n % 3 === 0)
    const part = planFiles(await tickedArchive(ports.store, link, [album], ticked.map(({ id }) => id))) // prettier-ignore
    expect(part.etag).toBe(planFiles(filesOf(ticked, policy)).etag)
  })

  it('is refused while one of its files is not there, and for one that is withheld when it is ticked', async () => {
    const owner = newOwner().id
    const items = variety(ports, owner, 60)
    const album = await albumWithItems(ports, owner, items)
    const link = linkOf(album, 'none')
    const refusal = async (work: Promise<unknown>) =>
      work.then(
        () => 'none',
        (error: unknown) => (error instanceof Refused ? error.reason : String(error)),
      )
    expect(await refusal(wholeArchive(ports.store, link, [album]))).toBe('not-ready')
    for (const item of items.filter(isShown)) {
      const told = await refusal(Promise.resolve().then(() => downloadsOf(item, 'none')))
      expect(await refusal(tickedArchive(ports.store, link, [album], [item.id])), item.name).toBe(told)
    }
    const hidden = items.find((item) => !isShown(item))
    expect(await refusal(tickedArchive(ports.store, link, [album], [hidden!.id]))).toBe('unknown')
  })
})
