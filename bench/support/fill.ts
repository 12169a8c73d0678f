import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { expectAlbum, newAlbum, updateAlbum, writeAlbum } from '../../src/domain/albums/album.ts'
import { changeOwner } from '../../src/domain/records/store/change.ts'
import { openEntrance } from '../../src/domain/gate/slug-claims.ts'
import { newItem, writeItems, unknownFacts } from '../../src/domain/items/item.ts'
import { objects } from '../../src/domain/records/keys.ts'
import { keepOwner, newOwner, type KnownOwner } from '../../src/domain/owner/owner.ts'
import type { Album, Item, StoredObject } from '../../src/domain/records/records.ts'
import { newLink, writeLink } from '../../src/domain/links/share.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import type { Bucket, Limits, Store } from '../../src/ports.ts'

export const clock = { now: () => Date.now() }
export const limits: Limits = {
  maxFileBytes: 1e10,
  maxAlbumItems: 20_000,
  maxOwnerBytes: 1e12,
  maxInstanceBytes: 1e12,
  linkDaysDefault: 30,
  linkDaysMax: 30,
}
const passwords = { hash: () => Promise.resolve(''), verify: () => Promise.resolve(false) }

export async function makeOwner(store: Store): Promise<KnownOwner> {
  const owner = newOwner()
  await keepOwner({ store, clock }, owner)
  return owner
}

/**
 * An album of `count` prepared photos as a phone makes them; their bytes are in the bucket only with `putBytes`. Their
 * copies are `photo`, where it is given.
 */
export async function fillAlbum(
  store: Store,
  owner: KnownOwner,
  count: number,
  photo?: string,
): Promise<{ album: Album; items: Item[] }> {
  const album = newAlbum(clock.now(), owner.id, { title: 'A summer', description: '', sender: 'Ottilie' })
  await expectAlbum(store, album)
  await changeOwner(store, owner.id, (changing) => Promise.resolve(writeAlbum(changing, album)))
  const copy = photo === undefined ? facts : factsOf(await readFile(photo))
  const items = Array.from({ length: count }, (_, n) => itemAt(owner.id, n, copy))
  for (let from = 0; from < count; from += 1000)
    await changeOwner(store, owner.id, (changing) => {
      writeItems(changing, album, items.slice(from, from + 1000), from)
      return Promise.resolve()
    })
  return { album, items }
}

/** As if something had changed that visitors see: what is kept of the album is then of no use. */
export async function touchAlbum(store: Store, { owner, id }: Album): Promise<void> {
  await updateAlbum(store, owner, id, (album) => ({ ...album, version: album.version + 1 }))
}

/** A link that opens `album`; answers its secret. */
export async function addLink(store: Store, owner: KnownOwner, album: Album) {
  const made = await newLink({ store, clock, passwords, limits }, owner, [album.id], {
    label: '',
    until: { expiresInDays: 30 },
    password: null,
    metadata: 'no-location',
  })
  await openEntrance({ store, clock }, made.link)
  await changeOwner(store, owner.id, (changing) => Promise.resolve(writeLink(changing, made.link)))
  return made
}

const bytesOfAll = randomBytes(20_000)
const factsOf = (bytes: Buffer): StoredObject => ({
  size: bytes.length,
  crc32: crc32(bytes),
  sha256: createHash('sha256').update(bytes).digest('hex'),
})
const facts = factsOf(bytesOfAll)

/** Puts the thumb and the copy of an item into the bucket: the same 20,000 bytes for all. */
export async function putBytes(bucket: Bucket, { id }: Item): Promise<void> {
  for (const key of [objects.rendition(id, 'thumb'), objects.copy(id, 'no-location')])
    await bucket.put(key, Readable.from([bytesOfAll]), { mime: 'image/jpeg', size: bytesOfAll.length })
}

function itemAt(owner: string, n: number, copy: StoredObject): Item {
  const local = new Date(Date.UTC(2026, 4, 1) + n * 400_000).toISOString().slice(0, 19)
  const rendition = { ...facts, mime: 'image/webp', width: 480, height: 360 }
  const name = `IMG_${String(n).padStart(5, '0')}.jpg`
  return {
    ...newItem(clock, owner, {
      id: randomToken(),
      name,
      folder: null,
      type: { format: 'jpeg', kind: 'photo', mime: 'image/jpeg', extension: 'jpg' },
      original: facts,
      firstLook: null,
    }),
    state: 'ready',
    facts: {
      ...unknownFacts,
      width: 4000,
      height: 3000,
      capturedAt: { local, offset: '+01:00', source: 'EXIF:DateTimeOriginal' },
      camera: 'A camera',
      exposureTime: '1/250',
      aperture: 2.8,
      iso: 100,
      focalLength: 35,
      coordinates: { latitude: 48.137, longitude: 11.575, altitude: null, direction: null },
    },
    thumbhash: 'x'.repeat(28),
    color: '#aabbcc',
    renditions: { thumb: rendition, preview: rendition },
    copies: { 'no-location': { ...copy, state: 'clean', lost: [] } },
  }
}
