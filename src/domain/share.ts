import type { MetadataPolicy } from '../media/types.ts'
import type { Ports } from '../ports.ts'
import { checkAlbumSize, expectAlbum, newAlbum, writeAlbum, type AlbumWish } from './album.ts'
import { changeOwner, rank, set, type Changing } from './change.ts'
import { graceMs, wakeSweep } from './due.ts'
import { Refused } from './errors.ts'
import { newItem, writeItems } from './item.ts'
import { keys } from './keys.ts'
import { keepOwner, type KnownOwner } from './owner.ts'
import { announce, askToPrepare } from './prepare.ts'
import type { Album, Item, Link } from './records.ts'
import { seal } from './seal.ts'
import { hashToken, randomToken } from './tokens.ts'
import { closeUpload, settleUpload, type Received, type Upload } from './upload.ts'

const day = 24 * 3_600_000

/** What an owner wants of a link. */
export interface LinkWish {
  readonly label: string
  readonly expiresInDays: number
  /** Null: whoever has the link may look. */
  readonly password: string | null
  readonly metadata: MetadataPolicy
}

export interface Share {
  readonly album: Album
  readonly link: Link
  /** The link's secret: told once, kept hashed and sealed. */
  readonly secret: string
  readonly items: readonly Item[]
}

/** Makes a link's record and its secret; nothing is stored yet. Throws Refused('bad-request') for a life that is too long. */
export async function newLink(
  ports: Pick<Ports, 'clock' | 'passwords' | 'limits'>,
  owner: KnownOwner,
  albums: readonly string[],
  wish: LinkWish,
): Promise<{ link: Link; secret: string }> {
  const { linkDaysMax } = ports.limits
  if (!(wish.expiresInDays > 0 && wish.expiresInDays <= linkDaysMax))
    throw new Refused('bad-request', `A link lives at most ${linkDaysMax} days.`, { limit: linkDaysMax })
  const now = ports.clock.now()
  const secret = randomToken()
  const expiresAt = now + Math.round(wish.expiresInDays * day)
  const link: Link = {
    id: randomToken(),
    owner: owner.id,
    label: wish.label,
    secretHash: hashToken(secret),
    sealedSecret: seal(owner.key, secret),
    isChosen: false,
    albums: [...albums],
    createdAt: now,
    expiresAt,
    stoppedAt: null,
    dueAt: expiresAt + graceMs,
    isReaped: false,
    password: wish.password === null ? null : { hash: await ports.passwords.hash(wish.password), version: 1 },
    metadata: wish.metadata,
    allow: { downloads: true, details: true, map: true },
    showsCover: true,
  }
  return { link, secret }
}

/** Records a link and what it opens. Its entrance must stand before: see `openEntrance`. */
export function writeLink(changing: Changing, link: Link): void {
  changing.write(
    set(keys.link(link.owner, link.id), link),
    rank(keys.links(link.owner), link.id, link.createdAt),
    rank(keys.ownerDue(link.owner), `link/${link.id}`, link.dueAt),
    ...link.albums.map((album) => rank(keys.albumLinks(link.owner, album), link.id, link.createdAt)),
  )
}

/**
 * Makes the secret lead to the link, before the link is recorded: until then, and if that never comes to be,
 * the gate finds no link behind it.
 */
export async function openEntrance({ store }: Pick<Ports, 'store'>, link: Link): Promise<void> {
  const outcome = await store.commit({
    expect: [{ key: keys.entrance(link.secretHash), value: null }],
    writes: [set(keys.entrance(link.secretHash), { owner: link.owner, link: link.id })],
  })
  if (outcome !== 'done') throw new Refused('secret-taken', 'This link name is taken. Choose another.')
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
  await Promise.all([
    expectAlbum(store, album),
    askToPrepare(ports, items),
    openEntrance(ports, link),
    wakeSweep(store, owner.id, link.dueAt),
  ])
  const by = await changeOwner(store, owner.id, async (changing) => {
    writeAlbum(changing, album)
    writeLink(changing, link)
    writeItems(changing, album, items, 0)
    return upload ? settleUpload(changing, upload, items) : 0
  })
  if (upload) await closeUpload(store, upload, by)
  await announce(ports, items)
  return { album, link, secret, items }
}
