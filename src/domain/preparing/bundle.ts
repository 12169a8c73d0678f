import type { MetadataPolicy } from '../../media/types.ts'
import type { Ports, Store } from '../../ports.ts'
import { ranks, value } from '../../ports.ts'
import { changeOwner, set } from '../records/store/change.ts'
import { downloadsOf, isDownloadable, type Download } from '../items/recipient-copies.ts'
import { itemsOf } from '../items/item.ts'
import { keys } from '../records/keys.ts'
import { linkState } from '../gate/authorize.ts'
import { readRecordsThere } from '../records/read-records.ts'
import {
  albumSchema,
  linkSchema,
  parseRecord,
  type Album,
  type Bundle,
  type Item,
  type Link,
  type StoredObject,
} from '../records/records.ts'
import { enqueue, note, toBundle } from '../records/store/outbox.ts'

/** How long the bundle and the card wait for more items of their album to be done, in milliseconds. */
const bundleDelayMs = 1500

/**
 * Notes and queues the bundle and the card of albums that changed. What cannot be queued the sweep queues. Best effort:
 * without them an album is streamed, and its preview shows no picture.
 */
export async function enqueueBundles(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'log'>,
  owner: string,
  albums: readonly string[],
): Promise<void> {
  const work = albums.flatMap((album) => toBundle(owner, album))
  try {
    await note(ports, work)
  } catch (error) {
    ports.log.warn({ err: error, albums }, 'could not note the bundles; only the queue knows of them')
  }
  await enqueue(ports, work, { delayMs: bundleDelayMs })
}

/** A file of a bundle with the facts by which its name is cleaned, as its bytes were. */
export interface BundledFile extends Download {
  readonly facts: Item['facts']
  readonly place: Item['place']
}

/** An album at one version. */
export interface AlbumState {
  readonly album: Album
  readonly items: readonly Item[]
  /** The links that are open now. */
  readonly links: readonly Link[]
}

/** Whether an item is still on its way. One that waits for a later try keeps its album from nothing. */
export const isUnprepared = ({ state }: Item): boolean => state === 'uploaded' || state === 'preparing'

/**
 * An album whose items are all prepared; null when it is gone or some are not yet: the last one of them asks
 * again.
 */
export async function settledAlbum(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  id: string,
): Promise<AlbumState | null> {
  const [raw, members] = await store.read([value(keys.album(owner, id)), ranks(keys.albumLinks(owner, id))])
  const album = parseRecord(albumSchema, keys.album(owner, id), raw)
  if (!album) return null
  const items = await itemsOf(store, album)
  if (items.some(isUnprepared)) return null
  const links = await readRecordsThere(
    store,
    linkSchema,
    members.map(({ member }) => keys.link(owner, member)),
  )
  const now = clock.now()
  return { album, items, links: links.filter((link) => linkState(link, now) === 'open') }
}

/** The policies under which an album is downloaded, but for those whose bundle is there. */
export function missingBundles({ album, links }: AlbumState): MetadataPolicy[] {
  const policies = new Set(links.filter(({ allow }) => allow.downloads).map(({ metadata }) => metadata))
  return [...policies].filter((policy) => album.bundles[policy]?.version !== album.version)
}

/** The files of an album's bundle under a policy, in the album's order: all that a visitor may download. */
export function bundledFiles({ items }: Pick<AlbumState, 'items'>, policy: MetadataPolicy): BundledFile[] {
  return items
    .filter((item) => isDownloadable(item, policy))
    .flatMap((item) =>
      downloadsOf(item, policy).map((file) => ({ ...file, facts: item.facts, place: item.place })),
    )
}

/**
 * Records that a bundle or the card of `album` is there, if the album is still what it was made of. Answers
 * false when it has changed or is gone: what was made is then of no use.
 */
export async function recordMade(
  store: Store,
  album: Album,
  what: MetadataPolicy | 'card',
  object: StoredObject,
): Promise<boolean> {
  const made: Bundle = { ...object, version: album.version }
  return changeOwner(
    store,
    album.owner,
    async (changing) => {
      const current = await changing.record(albumSchema, keys.album(album.owner, album.id))
      if (current?.version !== album.version) return false
      const changed: Album =
        what === 'card'
          ? { ...current, card: made }
          : { ...current, bundles: { ...current.bundles, [what]: made } }
      changing.write(set(keys.album(album.owner, album.id), changed))
      return true
    },
    { structure: false },
  )
}
