import { createHash } from 'node:crypto'
import { writeAlbum, newAlbum } from '../../src/domain/albums/album.ts'
import { changeOwner } from '../../src/domain/records/store/change.ts'
import { newItem, unknownFacts, writeItems } from '../../src/domain/items/item.ts'
import type { Album, Copy, Item, StoredObject } from '../../src/domain/records/records.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import type { Ports } from '../../src/ports.ts'

const object = (seed: string): StoredObject => ({
  size: seed.length * 1000 + 1,
  crc32: seed.length * 0x1234567,
  sha256: createHash('sha256').update(seed).digest('hex'),
})

const clean = (seed: string): Copy => ({ ...object(seed), state: 'clean', lost: [] })
const withheld: Copy = { state: 'withheld', reason: 'Its location could not be taken out.' }

const jpeg = { format: 'jpeg', kind: 'photo', mime: 'image/jpeg', extension: 'jpg' } as const
const mov = { format: 'mov', kind: 'video', mime: 'video/quicktime', extension: 'mov' } as const

const names = [
  'IMG_1.jpg',
  'IMG_1.jpg',
  'Straße nach Köln – 2.jpg',
  'tab\there "quoted".jpg',
  '"so it begins".jpg',
  'line\nend\u0000\u007f\u2028.jpg',
  `half a pair \ud83d.jpg`,
  'at 48.85840, 2.29450.jpg',
  'Lisbon at night.jpg',
  'con.jpg',
  '-',
  '',
]

/** The ways in which items differ that matter to a page or a ZIP, each with the next, `count` of them in all. */
export function variety(ports: Pick<Ports, 'clock'>, owner: string, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => {
    const states = ['ready', 'ready', 'ready', 'ready', 'failed', 'uploaded', 'preparing'] as const
    const copies: Item['copies'][] = [
      { 'no-location': clean(`a${n}`), none: clean(`bb${n}`) },
      { 'no-location': clean(`ccc${n}`) },
      { 'no-location': withheld, none: withheld },
      { 'no-location': clean(`d${n}`), none: withheld },
      {},
    ]
    const isVideo = n % 5 === 1
    const capturedAt = [
      { local: '2026-05-01T18:30:00', offset: '+02:00', source: 'EXIF:DateTimeOriginal' },
      { local: '2026-05-02T09:00:00.123', offset: null, source: 'EXIF:DateTimeOriginal' },
      null,
    ][n % 3]
    return {
      ...newItem(ports.clock, owner, {
        id: randomToken(),
        name: names[n % names.length] ?? '',
        folder: null,
        type: isVideo ? mov : jpeg,
        original: object(`original ${n}`),
        firstLook: null,
      }),
      state: states[n % states.length] ?? 'ready',
      isPrivate: n % 11 === 3,
      facts:
        n % 13 === 5
          ? null
          : {
              ...unknownFacts,
              capturedAt: capturedAt ?? null,
              coordinates:
                n % 4 === 0 ? { latitude: 38.7, longitude: -9.1, altitude: null, direction: null } : null,
              embeddedMotion: n % 17 === 2,
            },
      place:
        n % 4 === 0
          ? { country: { code: 'PT', name: 'Portugal' }, state: null, city: 'Lisbon', neighbourhood: null }
          : null,
      renditions: n % 34 === 2 ? { motion: { ...object('m'), mime: 'video/mp4', width: 1, height: 1 } } : {},
      copies: copies[n % copies.length] ?? {},
      motion:
        n % 7 === 0
          ? { name: `IMG_${n}.mov`, type: mov, original: object(`v${n}`), copies: copies[(n + 1) % 5] ?? {} }
          : null,
    }
  })
}

/** Two items that are one Live Photo, not joined yet. */
export function livePair(ports: Pick<Ports, 'clock'>, owner: string): { still: Item; video: Item } {
  const half = (isStill: boolean): Item => ({
    ...newItem(ports.clock, owner, {
      id: randomToken(),
      name: isStill ? 'IMG_7.jpg' : 'IMG_7.mov',
      folder: null,
      type: isStill ? jpeg : mov,
      original: object(`half ${isStill}`),
      firstLook: null,
    }),
    state: 'ready',
    facts: { ...unknownFacts, contentIdentifier: 'ABC' },
    copies: { 'no-location': clean(`clean ${isStill}`) },
  })
  return { still: half(true), video: half(false) }
}

/** So many in one commit: on a busy machine Redis takes longer than an answer may for thousands. */
const atOnce = 500

/** Records items in an album of their own, as uploads do. */
export async function albumWithItems(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  items: readonly Item[],
): Promise<Album> {
  const album = newAlbum(clock.now(), owner, { title: 'All sorts', description: '', sender: '' })
  await changeOwner(store, owner, (changing) => Promise.resolve(writeAlbum(changing, album)))
  for (let from = 0; from < items.length; from += atOnce)
    await changeOwner(store, owner, (changing) =>
      Promise.resolve(writeItems(changing, album, items.slice(from, from + atOnce), from)),
    )
  return album
}
