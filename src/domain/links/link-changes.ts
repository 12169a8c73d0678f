import type { Ports } from '../../ports.ts'
import { deleteAlbum } from '../albums/album-changes.ts'
import { enqueueBundles } from '../preparing/bundle.ts'
import { changeOwner, rank, unrank, type Changing } from '../records/store/change.ts'
import { newSecret, type CustomSlug } from './slug.ts'
import { noteMissingCopies, enqueueCopies } from '../preparing/copy-requests.ts'
import { graceMs, wakeSweep } from '../records/store/deletion-schedule.ts'
import { closeEntrance, expectClaim, openEntrance, settleEntrance } from '../gate/slug-claims.ts'
import { Refused, notFound } from '../records/errors.ts'
import { ownLink } from '../removal/removal.ts'
import { expiryOf, type Until } from './expiry.ts'
import { announceNarrowed } from '../gate/access-changes.ts'
import { keys } from '../records/keys.ts'
import { expectLasting } from '../records/store/durability.ts'
import { linkState } from '../gate/authorize.ts'
import type { KnownOwner } from '../owner/owner.ts'
import { ownerParty } from '../records/limits/network.ts'
import { expectKey } from '../owner/owner-key.ts'
import { albumSchema, linkSchema, type Album, type Link } from '../records/records.ts'
import { labelled, newLink, writeLink, type LinkWish } from './share.ts'
import { editedOptions, isNarrowed, type SomeLinkOptions } from '../records/link-options.ts'
import { makeLasting, noteActs } from '../records/instance/tombstones.ts'

type LinkPorts = Pick<
  Ports,
  'store' | 'events' | 'bucket' | 'clock' | 'queue' | 'log' | 'limits' | 'passwords'
>

/** Albums that one link opens at most: its page reads all of them. */
export const maxAlbumsOfLink = 50

const ended = () => new Refused('link-ended', 'This link has ended.')

/** Throws Refused('unknown') unless all of `albums` are the owner's and there; the change then fails if one goes. */
async function expectAlbums(changing: Changing, owner: string, albums: readonly string[]): Promise<void> {
  if (albums.length === 0) throw new Refused('bad-request', 'A link opens at least one album.')
  if (albums.length > maxAlbumsOfLink)
    throw new Refused('bad-request', `A link opens at most ${maxAlbumsOfLink} albums.`, {
      limit: maxAlbumsOfLink,
    })
  const raw = await changing.records(
    albumSchema,
    albums.map((album) => keys.album(owner, album)),
  )
  if (raw.includes(null)) throw notFound('album')
}

/**
 * Makes a link to one or several albums. Throws Refused (`unknown` for an album that is not the owner's,
 * `bad-request`, `secret-weak`, `secret-taken`, `too-many-requests`).
 */
export async function createLink(
  ports: LinkPorts,
  owner: KnownOwner,
  albums: readonly string[],
  wish: LinkWish,
): Promise<{ link: Link; secret: string }> {
  const { store } = ports
  const chosen = [...new Set(albums)]
  // Before anything is taken: most refusals come from here.
  await changeOwner(store, owner.id, (changing) => expectAlbums(changing, owner.id, chosen), {
    structure: false,
  })
  const made = await newLink(ports, owner, chosen, wish)
  const waiting = await noteMissingCopies(ports, owner.id, chosen, made.link.metadata)
  await Promise.all([openEntrance(ports, made.link), wakeSweep(store, owner.id, made.link.dueAt)])
  try {
    await changeOwner(store, owner.id, async (changing) => {
      await expectKey(changing, owner)
      await expectAlbums(changing, owner.id, chosen)
      await expectClaim(changing, made.link)
      writeLink(changing, made.link)
    })
  } catch (error) {
    if (error instanceof Refused) await closeEntrance(ports, made.link)
    throw error
  }
  await settleEntrance(ports, made.link)
  await enqueueCopies(ports, waiting)
  await enqueueBundles(ports, owner.id, chosen)
  return made
}

/** Like `createLink`, for an album that was made for this link: where the link is refused, the album is deleted again. */
export async function linkNewAlbum(
  ports: LinkPorts,
  owner: KnownOwner,
  album: Album,
  wish: LinkWish,
): ReturnType<typeof createLink> {
  try {
    return await createLink(ports, owner, [album.id], wish)
  } catch (error) {
    if (error instanceof Refused) await deleteAlbum(ports, owner.id, album.id)
    throw error
  }
}

/** The changes of a link; absent fields stay as they are. */
export interface LinkEdit extends SomeLinkOptions {
  readonly label?: string | undefined
  readonly until?: Until | undefined
  /** Null: a new random secret. The old secret then leads nowhere. */
  readonly secret?: CustomSlug | null | undefined
  /** Null takes the password away. Any change ends every visitor's session. */
  readonly password?: string | null | undefined
  readonly albums?: readonly string[] | undefined
}

/**
 * Changes a link that is open. Throws Refused: `unknown`, `link-ended`, `bad-request`, `secret-weak`,
 * `secret-taken`, `too-many-requests`.
 */
export async function editLink(
  ports: LinkPorts,
  owner: KnownOwner,
  id: string,
  edit: LinkEdit,
): Promise<Link> {
  const { store, clock, limits } = ports
  const now = clock.now()
  const before = await ownLink(store, owner.id, id)
  if (linkState(before, now) !== 'open') throw ended()
  const expiresAt = edit.until && expiryOf(limits, { now, from: before.renewedAt, until: edit.until })
  const secret = edit.secret === undefined ? null : (await newSecret(store, owner, edit.secret)).recorded
  const hash =
    typeof edit.password === 'string' ? await ports.passwords.hash(edit.password, ownerParty(owner.id)) : null
  const albums = edit.albums && [...new Set(edit.albums)]
  if (albums)
    await changeOwner(store, owner.id, (changing) => expectAlbums(changing, owner.id, albums), {
      structure: false,
    })
  // No sooner can anything fall due by this: neither the link nor an album that it lets go.
  await wakeSweep(store, owner.id, now + graceMs)
  const opens = albums ?? before.albums
  const metadata = edit.metadata ?? before.metadata
  const waiting = edit.metadata || albums ? await noteMissingCopies(ports, owner.id, opens, metadata) : []
  const isMoved = secret !== null && secret.secretHash !== before.secretHash
  if (isMoved) await openEntrance(ports, { owner: owner.id, id, secretHash: secret.secretHash })
  try {
    const changed = await changeOwner(store, owner.id, async (changing) => {
      const link = await changing.record(linkSchema, keys.link(owner.id, id))
      if (!link) throw notFound('link')
      if (linkState(link, now) !== 'open') throw ended()
      // Nobody could open what is sealed under a key that was rotated meanwhile.
      if (secret || edit.label !== undefined) await expectKey(changing, owner)
      if (isMoved) await expectClaim(changing, { owner: owner.id, id, secretHash: secret.secretHash })
      if (albums) {
        await expectAlbums(changing, owner.id, albums)
        releaseAlbums(changing, link, albums, now)
      }
      const next: Link = { ...edited(owner, link, edit, hash), ...secret, albums: albums ?? link.albums }
      const until = expiresAt === undefined ? {} : { expiresAt, dueAt: expiresAt + graceMs }
      const changed: Link = { ...next, ...until }
      writeLink(changing, changed)
      if (isNarrower(link, changed)) changing.write(...noteActs(owner.id, [{ kind: 'narrow', id, at: now }]))
      else await expectLasting(store)
      return changed
    })
    if (isNarrower(before, changed)) announceNarrowed(ports, [before])
    if (isMoved) await settleEntrance(ports, changed)
    if (isMoved) await closeEntrance(ports, before)
    await enqueueCopies(ports, waiting)
    if (edit.metadata || albums || edit.allow) await enqueueBundles(ports, owner.id, changed.albums)
    await makeLasting(ports, owner.id, 'The link is changed')
    return changed
  } catch (error) {
    // `not-noted` means that the change is done.
    if (isMoved && error instanceof Refused && error.reason !== 'not-noted')
      await closeEntrance(ports, { owner: owner.id, id, secretHash: secret.secretHash })
    throw error
  }
}

/** Whether a link shows less than before, for a shorter time, or to fewer people: the sender must be able to rely on that. */
function isNarrower(before: Link, after: Link): boolean {
  return (
    after.secretHash !== before.secretHash ||
    (after.password !== null && after.passwordChanges !== before.passwordChanges) ||
    after.expiresAt < before.expiresAt ||
    isNarrowed(before, after) ||
    before.albums.some((album) => !after.albums.includes(album))
  )
}

/** What the plain fields come to. */
function edited(owner: KnownOwner, link: Link, edit: LinkEdit, passwordHash: string | null): Link {
  const passwordChanges = link.passwordChanges + (edit.password === undefined ? 0 : 1)
  const password = passwordHash === null ? null : { hash: passwordHash, version: passwordChanges }
  return {
    ...link,
    ...(edit.label === undefined ? {} : labelled(owner, edit.label)),
    passwordChanges,
    password: edit.password === undefined ? link.password : password,
    ...editedOptions(link, edit),
  }
}

/** Lets go of the albums that a link opens no more. One that no link opens has a day to get another. */
function releaseAlbums(changing: Changing, link: Link, kept: readonly string[], now: number): void {
  for (const album of link.albums.filter((id) => !kept.includes(id)))
    changing.write(
      unrank(keys.albumLinks(link.owner, album), link.id),
      rank(keys.ownerDue(link.owner), `album/${album}`, now + graceMs),
    )
}

/**
 * Renews a link from now on, open or in its grace after expiry, without an upload. A stopped one stays so. Throws
 * Refused: `unknown`, `link-ended` when it was stopped or its grace is over, `secret-taken` when its chosen secret
 * leads to a newer link by now, `bad-request`.
 */
export async function renewLink(
  ports: Pick<Ports, 'store' | 'clock' | 'queue' | 'log' | 'limits'>,
  input: { owner: string; link: string; until: Until },
): Promise<Link> {
  const { store, clock, limits } = ports
  const now = clock.now()
  const expiresAt = expiryOf(limits, { now, from: now, until: input.until })
  const before = await ownLink(store, input.owner, input.link)
  if (before.stoppedAt !== null || before.isReaped || now >= before.dueAt) throw ended()
  await openEntrance(ports, before)
  await wakeSweep(store, input.owner, expiresAt + graceMs)
  const renewed = await changeOwner(store, input.owner, async (changing) => {
    const link = await changing.record(linkSchema, keys.link(input.owner, input.link))
    if (!link) throw notFound('link')
    if (link.stoppedAt !== null || link.isReaped || now >= link.dueAt) throw ended()
    await expectClaim(changing, link)
    const next: Link = { ...link, renewedAt: now, expiresAt, dueAt: expiresAt + graceMs }
    writeLink(changing, next)
    return next
  })
  await settleEntrance(ports, renewed)
  await enqueueBundles(ports, input.owner, renewed.albums)
  return renewed
}
