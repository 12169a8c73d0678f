import type { CaptureDate } from '../../media/types.ts'
import type { Ports, Store } from '../../ports.ts'
import { ranks, value } from '../../ports.ts'
import { changeOwner, set, unrank } from '../records/store/change.ts'
import { wakeSweep } from '../records/store/deletion-schedule.ts'
import { dropItem } from '../removal/removal.ts'
import { itemWrites } from '../items/item-writes.ts'
import { keys, objects } from '../records/keys.ts'
import { readRecord } from '../records/read-records.ts'
import {
  albumSchema,
  copyPolicies,
  itemSchema,
  type Copy,
  type Item,
  type StoredObject,
} from '../records/records.ts'
import { hashToken } from '../records/tokens.ts'

/** How long an item waits for its other half, which usually comes in the same upload, in milliseconds. */
const waitMs = 24 * 3_600_000
/** A pair without Apple's identifier: taken at the same time, and the video no longer than a Live Photo's, in seconds. */
const maxApart = 3
const maxDuration = 4

export interface Pair {
  readonly still: Item
  readonly video: Item
}

const isStill = ({ type, motion, facts }: Item): boolean =>
  (type.format === 'heic' || type.format === 'jpeg') && motion === null && !facts?.embeddedMotion

const isVideo = ({ type }: Item): boolean => type.format === 'mov'

const baseName = ({ name, folder }: Item): string =>
  `${folder ?? ''}/${name.replace(/\.[^.]*$/, '')}`.toLowerCase()

/** What two halves of a Live Photo have in common, best first. */
function marksOf(item: Item): string[] {
  const { contentIdentifier } = item.facts ?? { contentIdentifier: null }
  const byName = `name:${baseName(item)}`
  return contentIdentifier === null ? [byName] : [`identifier:${contentIdentifier}`, byName]
}

/** Whether a still and a video are one Live Photo: by Apple's content identifier, else by name and time. */
export function arePair({ still, video }: Pair): boolean {
  if (still.state !== 'ready' || video.state !== 'ready' || !isStill(still) || !isVideo(video)) return false
  if (still.isPrivate !== video.isPrivate) return false
  const [a, b] = [still.facts?.contentIdentifier ?? null, video.facts?.contentIdentifier ?? null]
  if (a !== null && b !== null) return a === b
  const duration = video.facts?.duration ?? Infinity
  if (baseName(still) !== baseName(video) || duration > maxDuration) return false
  const apart = secondsApart(still.facts?.capturedAt ?? null, video.facts?.capturedAt ?? null)
  return apart !== null && apart <= maxApart
}

/** Null where one has no date. Moments are compared where both zones are known, wall times otherwise. */
function secondsApart(a: CaptureDate | null, b: CaptureDate | null): number | null {
  if (a === null || b === null) return null
  const hasZones = a.offset !== null && b.offset !== null
  const [first, second] = [a, b].map(({ local, offset }) =>
    Date.parse(`${local}${hasZones ? (offset ?? 'Z') : 'Z'}`),
  )
  const apart = Math.abs((first ?? NaN) - (second ?? NaN)) / 1000
  return Number.isNaN(apart) ? null : apart
}

/**
 * Finds the other half of a prepared item in its albums, and leaves a mark so that the other half finds it. Each
 * leaves its mark before it looks: whichever comes second finds both.
 */
export async function findPair({ store }: Pick<Ports, 'store'>, item: Item): Promise<Pair | null> {
  const side = isStill(item) ? 'still' : isVideo(item) ? 'video' : null
  if (side === null || item.state !== 'ready') return null
  const [albums] = await store.read([ranks(keys.itemAlbums(item.owner, item.id))])
  for (const { member: album } of albums) {
    const marks = marksOf(item).map((mark) => hashToken(mark))
    await store.commit({
      writes: marks.map((mark) => ({
        kind: 'set',
        key: keys.pair(item.owner, album, side, mark),
        value: item.id,
        expiresInMs: waitMs,
      })),
    })
    const other = side === 'still' ? 'video' : 'still'
    const found = await store.read(marks.map((mark) => value(keys.pair(item.owner, album, other, mark))))
    for (const id of found) {
      const half = id === null ? null : await findItem(store, item.owner, id)
      const pair = half && (side === 'still' ? { still: item, video: half } : { still: half, video: item })
      if (pair && arePair(pair)) return pair
    }
  }
  return null
}

async function findItem(store: Store, owner: string, id: string): Promise<Item | null> {
  return readRecord(store, itemSchema, keys.item(owner, id))
}

/** The objects that must be copied before a pair is joined: from the video's keys to the still's. */
export function objectsToCopy({ still, video }: Pair): { from: string; to: string; stored: StoredObject }[] {
  return [
    {
      from: objects.original(video.id),
      to: objects.motionOriginal(still.id),
      stored: video.original,
    },
    ...copyPolicies.flatMap((policy) => {
      const copy = video.copies[policy]
      if (copy?.state !== 'clean') return []
      return [
        { from: objects.copy(video.id, policy), to: objects.motionCopy(still.id, policy), stored: copy },
      ]
    }),
  ]
}

/**
 * Makes one item of a pair whose bytes were copied: the still with its motion. The video's own item goes. Answers
 * the joined item, or null when the two are not a pair any more; done twice it changes nothing.
 */
export async function joinPair(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'log'>,
  { still, video }: Pair,
): Promise<Item | null> {
  const { store, clock, queue, log } = ports
  const { owner } = still
  await wakeSweep(store, owner, clock.now())
  const joined = await changeOwner(store, owner, async (changing) => {
    const [a, b] = await changing.records(itemSchema, [
      keys.item(owner, still.id),
      keys.item(owner, video.id),
    ])
    if (!a || !b || !arePair({ still: a, video: b }) || !haveSameCopies(video, b)) return null
    const [albumsOfStill, albumsOfVideo] = await changing.read([
      ranks(keys.itemAlbums(owner, a.id)),
      ranks(keys.itemAlbums(owner, b.id)),
    ])
    const ids = albumsOfStill.map(({ member }) => member)
    // The video is alone in some album: it must not disappear there.
    if (albumsOfVideo.length !== ids.length || albumsOfVideo.some(({ member }) => !ids.includes(member)))
      return null
    const item: Item = {
      ...a,
      motion: { name: b.name, type: b.type, original: b.original, copies: b.copies },
    }
    changing.write(...itemWrites(item))
    const albums = await changing.records(
      albumSchema,
      ids.map((id) => keys.album(owner, id)),
    )
    for (const album of albums) {
      if (!album) continue
      const cover = album.cover === b.id ? a.id : album.cover
      changing.write(
        set(keys.album(owner, album.id), { ...album, cover, version: album.version + 1 }),
        unrank(keys.albumItems(owner, album.id), b.id),
      )
    }
    // Its bytes count on, as the still's.
    dropItem(changing, b, 0)
    return item
  })
  if (!joined) return null
  try {
    await queue.add({ kind: 'remove', owner })
  } catch (error) {
    log.warn({ err: error, item: video.id }, 'removal not queued; the sweep will')
  }
  return joined
}

/** Whether the copies that were copied are those that the record still names. */
function haveSameCopies(before: Item, now: Item): boolean {
  return copyPolicies.every((policy) => hashOf(before.copies[policy]) === hashOf(now.copies[policy]))
}

const hashOf = (copy: Copy | undefined): string | undefined =>
  copy?.state === 'clean' ? copy.sha256 : copy?.state
