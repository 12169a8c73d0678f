import type { Ports, Store, Write } from '../../ports.ts'
import { ranks, score, scores, size, value } from '../../ports.ts'
import { changeOwner, rank, remove, set, unrank, type Changing } from '../records/store/change.ts'
import { markMs } from '../records/store/deletion-schedule.ts'
import { closeEntrance } from '../gate/slug-claims.ts'
import { notFound } from '../records/errors.ts'
import { forgetOwner, noteDeletion } from '../records/store/forgetting.ts'
import { itemRemovals } from '../items/item-writes.ts'
import { keys, objects } from '../records/keys.ts'
import { readRecord } from '../records/read-records.ts'
import { countOf, itemSchema, linkSchema, type Album, type Item, type Link } from '../records/records.ts'
import { linksOrStandIns } from '../records/stand-ins.ts'
import { writeTombstones } from '../records/instance/tombstones.ts'

/** Items looked at in one step of a removal, so that no step holds the store up for long. */
const step = 200
/** Prefixes of the bucket that are deleted at the same time. */
const removalsAtOnce = 8

/** An owner's link. Throws Refused('unknown'), also for another owner's. */
export async function ownLink(store: Store, owner: string, id: string): Promise<Link> {
  const link = await readRecord(store, linkSchema, keys.link(owner, id))
  if (!link) throw notFound('link')
  return link
}

/** Whether a link still keeps what it opens: until it is due, whether it is open or not. */
const holds = (link: Link, now: number): boolean => !link.isReaped && now < link.dueAt

/** The links that open an album, and whether any of them keeps it. */
async function isHeld(changing: Changing, owner: string, album: string, now: number): Promise<boolean> {
  const [members] = await changing.read([ranks(keys.albumLinks(owner, album))])
  const ids = members.map(({ member }) => member)
  const links = await changing.records(
    linkSchema,
    ids.map((id) => keys.link(owner, id)),
  )
  if (links.some((link) => link !== null && holds(link, now))) return true
  // One that cannot be read keeps its albums until it is due, too: it may be a program's that is newer than this one.
  const unread = ids.filter((_, at) => links[at] === null)
  const dues = await changing.read(unread.map((id) => score(keys.ownerDue(owner), `link/${id}`)))
  return dues.some((due) => due !== null && now < due)
}

/** What of an item counts. */
interface CountedItem {
  readonly original: { readonly size: number }
  readonly motion: { readonly original: { readonly size: number } } | null
}

/** Bytes that count against the owner for an item. */
export const countedBytes = (item: CountedItem): number =>
  item.original.size + (item.motion?.original.size ?? 0)

/** Marks a bucket prefix whose bytes are to be deleted and then count no more. */
const markForRemoval = (owner: string, prefix: string, bytes: number): Write[] => [
  rank(keys.removing(owner), prefix, 0),
  { kind: 'set', key: keys.removingMark(owner, prefix), value: String(bytes) },
]

/** Takes an item's record away and marks its bytes for removal; `bytes` of the owner's usage end with them. */
export function dropItem(changing: Changing, { owner, id }: Pick<Item, 'owner' | 'id'>, bytes: number): void {
  changing.write(
    ...itemRemovals({ owner, id }),
    remove(keys.itemAlbums(owner, id)),
    unrank(keys.items(owner), id),
    ...markForRemoval(owner, objects.ofItem(id), bytes),
  )
}

/**
 * Takes up to `step` items out of an album that nothing holds any more, and the album itself with the last of
 * them. An item stays if another album that is still needed contains it. Returns whether the album is gone.
 */
async function dissolveStep(store: Store, owner: string, id: string, now: number): Promise<boolean> {
  return changeOwner(store, owner, async (changing) => {
    if (await isHeld(changing, owner, id, now)) return true
    // By keys and indexes alone: a record that cannot be read, or never came to be, keeps no bytes alive and leaves nothing.
    const [members, record] = await changing.read([
      ranks(keys.albumItems(owner, id), 0, step - 1),
      value(keys.album(owner, id)),
    ])
    changing.expect(keys.album(owner, id), record)
    const memberships = await changing.read(
      members.map(({ member }) => ranks(keys.itemAlbums(owner, member))),
    )
    const items = await changing.records(
      itemSchema,
      members.map(({ member }) => keys.item(owner, member)),
    )
    const held = new Map<string, boolean>([[id, false]])
    for (const [index, { member }] of members.entries()) {
      const item = items[index] ?? null
      let stays = false
      for (const { member: other } of memberships[index] ?? []) {
        if (!held.has(other)) held.set(other, await isHeldOrFresh(changing, owner, other, now))
        stays ||= held.get(other) ?? false
      }
      changing.write(unrank(keys.albumItems(owner, id), member))
      if (stays) changing.write(unrank(keys.itemAlbums(owner, member), id))
      else dropItem(changing, { owner, id: member }, item ? countedBytes(item) : 0)
    }
    if (members.length === step) return false
    dropAlbum(changing, { owner, id })
    return true
  })
}

/** An album is kept by a link, or by the day that it has to get one: its first, or another. */
async function isHeldOrFresh(
  changing: Changing,
  owner: string,
  album: string,
  now: number,
): Promise<boolean> {
  if (await isHeld(changing, owner, album, now)) return true
  // Links that have ended stand there for their mark's sake and say nothing of it.
  const [due] = await changing.read([score(keys.ownerDue(owner), `album/${album}`)])
  return due !== null && now < due
}

function dropAlbum(changing: Changing, { owner, id }: Pick<Album, 'owner' | 'id'>): void {
  changing.write(
    remove(keys.album(owner, id)),
    remove(keys.albumItems(owner, id)),
    remove(keys.albumLinks(owner, id)),
    unrank(keys.albums(owner), id),
    unrank(keys.ownerDue(owner), `album/${id}`),
    ...markForRemoval(owner, objects.ofAlbum(id), 0),
  )
}

/** Takes an album apart step by step, unless something holds it. */
export async function deleteUnreached(
  store: Store,
  owner: string,
  album: string,
  now: number,
): Promise<void> {
  let isGone = false
  while (!isGone) isGone = await dissolveStep(store, owner, album, now)
}

/**
 * Dissolves what a due link alone reached. The link's mark stays for a while, so that its page can say that it
 * has ended; a mark whose time is over goes too, and the secret then leads nowhere.
 */
async function reapLink(store: Store, owner: string, id: string, now: number): Promise<void> {
  await replaceUnreadable(store, owner, id, now)
  const link = await readRecord(store, linkSchema, keys.link(owner, id))
  if (link && !link.isReaped && !holds(link, now))
    for (const album of link.albums) await deleteUnreached(store, owner, album, now)
  const isForgotten = link !== null && now >= forgetAt(link) && link.isReaped
  // Only this link's own entrance, for the secret may lead to a newer link by now; and before the record goes, or a
  // crash in between would leave the secret taken for good.
  if (isForgotten) await closeEntrance({ store }, link)
  await changeOwner(store, owner, async (changing) => {
    const current = await changing.record(linkSchema, keys.link(owner, id))
    if (!current) changing.write(unrank(keys.ownerDue(owner), `link/${id}`))
    // Renewed meanwhile: it is due another day.
    else if (holds(current, now)) changing.write(rank(keys.ownerDue(owner), `link/${id}`, current.dueAt))
    else if (isForgotten) forget(changing, current)
    else
      changing.write(
        set(keys.link(owner, id), markOf(current)),
        ...current.albums.map((album) => unrank(keys.albumLinks(owner, album), id)),
        rank(keys.ownerDue(owner), `link/${id}`, forgetAt(current)),
      )
  })
}

/** What stays of an ended link for its page and for its owner's list, which reads the label with the owner's key. */
const markOf = (link: Link): Link => ({
  ...link,
  isReaped: true,
  label: '',
  sealedSecret: '',
  password: null,
  albums: [],
})

/** Replaces a due link that cannot be read by a stopped one, so that it ends like all others. */
async function replaceUnreadable(store: Store, owner: string, id: string, now: number): Promise<void> {
  await changeOwner(store, owner, async (changing) => {
    if (await changing.record(linkSchema, keys.link(owner, id))) return
    const [standIn] = await linksOrStandIns(changing, owner, [id])
    if (standIn && now >= standIn.dueAt)
      changing.write(set(keys.link(owner, id), { ...standIn, stoppedAt: standIn.expiresAt }))
  })
}

/** When an ended link's mark goes. */
const forgetAt = ({ expiresAt, stoppedAt }: Link): number =>
  Math.min(expiresAt, stoppedAt ?? expiresAt) + markMs

function forget(changing: Changing, { owner, id, albums }: Link): void {
  changing.write(
    remove(keys.link(owner, id)),
    remove(keys.linkCounts(owner, id)),
    unrank(keys.links(owner), id),
    unrank(keys.ownerDue(owner), `link/${id}`),
    ...albums.map((album) => unrank(keys.albumLinks(owner, album), id)),
  )
}

/** Looks at one album that was due for its first link: dissolves it when it never got one. */
async function reapAlbum(store: Store, owner: string, id: string, now: number): Promise<void> {
  await deleteUnreached(store, owner, id, now)
  await store.commit({ writes: [unrank(keys.ownerDue(owner), `album/${id}`)] })
}

/**
 * Does all that is due with an owner: ended links let go of what they held, and bytes marked for removal are
 * deleted. Run twice, or cut short anywhere, it ends in the same state. Throws when bytes could not be deleted;
 * they stay marked, and the job is tried again. `agreed`: the time that deletions go by.
 */
export async function removeDue(
  ports: Pick<Ports, 'store' | 'bucket' | 'clock'>,
  owner: string,
  agreed: number = ports.clock.now(),
): Promise<void> {
  const { store } = ports
  const [due] = await store.read([scores(keys.ownerDue(owner), 0, agreed, 10_000)])
  const failures: unknown[] = []
  await writeTombstones(ports, owner).catch((error: unknown) => failures.push(error))
  if (due.length > 0) await noteDeletion(ports)
  for (const { member } of due) {
    const [kind, id = ''] = member.split('/')
    const reaping = kind === 'link' ? reapLink(store, owner, id, agreed) : reapAlbum(store, owner, id, agreed)
    await reaping.catch((error: unknown) => failures.push(error))
  }
  const [marked] = await store.read([size(keys.removing(owner))])
  failures.push(...(await removeBytes(ports, owner)))
  // Once more: what was rewritten meanwhile held some of it.
  if (due.length > 0 || marked > 0) await noteDeletion(ports)
  await sleepUntilDue(store, owner)
  await forgetOwner(store, owner)
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} of what is due could not be removed`)
}

/** Deletes every marked prefix. Returns the errors: a failing prefix does not keep the others. */
async function removeBytes(ports: Pick<Ports, 'store' | 'bucket'>, owner: string): Promise<unknown[]> {
  const [marked] = await ports.store.read([ranks(keys.removing(owner))])
  const waiting = marked.map(({ member }) => member)
  const failures: unknown[] = []
  const removeNext = async (): Promise<void> => {
    for (let prefix = waiting.pop(); prefix !== undefined; prefix = waiting.pop())
      await removePrefix(ports, owner, prefix).catch((error: unknown) => failures.push(error))
  }
  await Promise.all(Array.from({ length: removalsAtOnce }, removeNext))
  return failures
}

async function removePrefix(
  { store, bucket }: Pick<Ports, 'store' | 'bucket'>,
  owner: string,
  prefix: string,
) {
  await bucket.removeAll(`${prefix}/`)
  const mark = keys.removingMark(owner, prefix)
  const [bytes] = await store.read([value(mark)])
  const by = -countOf(bytes)
  const outcome = await store.commit({
    // The second of two must not subtract the bytes again.
    expect: [{ key: mark, value: bytes }],
    writes: [
      remove(mark),
      unrank(keys.removing(owner), prefix),
      { kind: 'increase', key: keys.usage(owner), field: 'bytes', by },
    ],
  })
  if (outcome !== 'done') return
  await store.commit({ writes: [{ kind: 'increase', key: keys.instanceUsage, field: 'bytes', by }] })
  await store.commit({ writes: [remove(keys.prefixOwner(prefix))] })
  await store.commit({ writes: [unrank(keys.unchecked, prefix)] })
}

/** Sets when the sweep must look at the owner next; looks again, since something may have come due while it did. */
async function sleepUntilDue(store: Store, owner: string): Promise<void> {
  for (;;) {
    const at = await nextDue(store, owner)
    await store.commit({ writes: [at === null ? unrank(keys.due, owner) : rank(keys.due, owner, at)] })
    if ((await nextDue(store, owner)) === at) return
  }
}

async function nextDue(store: Store, owner: string): Promise<number | null> {
  const [first, marked, unnoted] = await store.read([
    ranks(keys.ownerDue(owner), 0, 0),
    size(keys.removing(owner)),
    size(keys.tombstones(owner)),
  ])
  return marked + unnoted > 0 ? 0 : (first[0]?.score ?? null)
}
