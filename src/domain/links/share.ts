import type { Party, Ports } from '../../ports.ts'
import { checkAlbumSize, expectAlbum, newAlbum, writeAlbum, type AlbumWish } from '../albums/album.ts'
import { changeOwner, rank, set, type Changing } from '../records/store/change.ts'
import { newSecret, type CustomSlug } from './slug.ts'
import { graceMs, wakeSweep } from '../records/store/deletion-schedule.ts'
import { expectClaim, openEntrance, settleEntrance } from '../gate/slug-claims.ts'
import { newItem, writeItems } from '../items/item.ts'
import { keys, nameHash } from '../records/keys.ts'
import { expiryOf, type Until } from './expiry.ts'
import { ownerParty } from '../records/limits/network.ts'
import { expectKey } from '../owner/owner-key.ts'
import { keepOwner, type KnownOwner } from '../owner/owner.ts'
import { enqueuePreparing, notePreparing } from '../preparing/prepare.ts'
import { editedOptions, usualOptions, type SomeLinkOptions } from '../records/link-options.ts'
import type { Album, Item, Link } from '../records/records.ts'
import { seal } from '../records/seal.ts'
import { randomToken } from '../records/tokens.ts'
import type { Received } from '../items/item.ts'
import { closeUpload, settleUpload, type Upload } from '../records/limits/reservation.ts'

/** What an owner wants of a link. */
export interface LinkWish extends SomeLinkOptions {
  readonly label: string
  readonly until: Until
  /** Null: everybody who has the link may look. */
  readonly password: string | null
  /** Null or absent: a random secret. */
  readonly secret?: CustomSlug | null
}

export interface Share {
  readonly album: Album
  readonly link: Link
  /** The link's secret: told once, kept hashed and sealed. */
  readonly secret: string
  readonly items: readonly Item[]
}

/**
 * Makes a link's record and its secret; nothing is stored yet. Throws Refused: `bad-request` for a life that is too
 * short or too long, and what `newSecret` throws.
 */
export async function newLink(
  ports: Pick<Ports, 'store' | 'clock' | 'passwords' | 'limits'>,
  owner: KnownOwner,
  albums: readonly string[],
  wish: LinkWish,
): Promise<{ link: Link; secret: string }> {
  const now = ports.clock.now()
  const expiresAt = expiryOf(ports.limits, { now, from: now, until: wish.until })
  const { secret, recorded } = await newSecret(ports.store, owner, wish.secret ?? null)
  const link: Link = {
    id: randomToken(),
    owner: owner.id,
    ...labelled(owner, wish.label),
    ...recorded,
    albums: [...albums],
    createdAt: now,
    renewedAt: now,
    expiresAt,
    stoppedAt: null,
    dueAt: expiresAt + graceMs,
    isReaped: false,
    password:
      wish.password === null
        ? null
        : { hash: await ports.passwords.hash(wish.password, ownerParty(owner.id)), version: 1 },
    passwordChanges: wish.password === null ? 0 : 1,
    ...editedOptions(usualOptions, wish),
  }
  return { link, secret }
}

/** A link's label, as its record holds it. */
export const labelled = (owner: KnownOwner, label: string): Pick<Link, 'label' | 'sealedLabel'> => ({
  label,
  sealedLabel: label === '' ? '' : seal(owner.key, label),
})

/** The writes that record a link and what it opens. Its entrance must exist before: see `openEntrance`. */
export function writeLink(changing: Changing, link: Link): void {
  changing.write(
    set(keys.link(link.owner, link.id), link),
    rank(keys.links(link.owner), link.id, link.createdAt),
    rank(keys.ownerDue(link.owner), `link/${link.id}`, link.dueAt),
    ...link.albums.map((album) => rank(keys.albumLinks(link.owner, album), link.id, link.createdAt)),
  )
}

/** Somebody who makes a new owner for each file must not be served before others. If this fails, the turns are less fair. */
async function groupOwner(
  { queue, log }: Pick<Ports, 'queue' | 'log'>,
  owner: KnownOwner,
  name: string,
): Promise<void> {
  await queue.groupOwner(owner.id, nameHash(name)).catch((error: unknown) => {
    log.warn({ err: error }, 'could not group the owner by its network; it takes turns alone')
  })
}

/**
 * Makes an album of the files that came in, and a link to it, as one step: after it they are there for good, and
 * before it nothing is. Throws Refused; the caller then abandons the upload.
 */
export async function makeShare(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'events' | 'limits' | 'log' | 'passwords'>,
  input: {
    owner: KnownOwner
    /** True when the owner is not stored yet. */
    isNewOwner: boolean
    /** Whom the share counts for; absent or empty: nobody. */
    counted?: Party
    album: AlbumWish
    link: LinkWish
    upload: Upload | null
    received: readonly Received[]
  },
): Promise<Share> {
  const { store, clock, limits } = ports
  const { owner, upload } = input
  checkAlbumSize(limits.maxAlbumItems, 0, input.received.length)
  const album = newAlbum(clock.now(), owner.id, input.album)
  const { link, secret } = await newLink(ports, owner, [album.id], input.link)
  const items = input.received.map((received) => newItem(clock, owner.id, received))
  if (input.isNewOwner) await keepOwner(ports, owner)
  const [network] = input.counted ?? []
  if (input.isNewOwner && network) await groupOwner(ports, owner, network.name)
  await Promise.all([
    expectAlbum(store, album),
    notePreparing(ports, items),
    openEntrance(ports, link),
    wakeSweep(store, owner.id, link.dueAt),
  ])
  const by = await changeOwner(store, owner.id, async (changing) => {
    await expectKey(changing, owner)
    await expectClaim(changing, link)
    writeAlbum(changing, album)
    writeLink(changing, link)
    writeItems(changing, album, items, 0)
    return upload ? settleUpload(changing, upload, items) : 0
  })
  await Promise.all([settleEntrance(ports, link), upload && closeUpload(ports, upload, by)])
  await enqueuePreparing(ports, items)
  return { album, link, secret, items }
}
