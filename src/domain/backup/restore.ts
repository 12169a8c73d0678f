import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { Bucket, Ports, Store, Write } from '../../ports.ts'
import { fields, members, value } from '../../ports.ts'
import { deleteAlbum } from '../albums/album-changes.ts'
import { changeOwner, rank, set } from '../records/store/change.ts'
import { atOnce, graceMs } from '../records/store/deletion-schedule.ts'
import { countedBytes } from '../removal/removal.ts'
import { Refused } from '../records/errors.ts'
import { deleteItems, markPrivate, removeItems } from '../albums/item-changes.ts'
import { itemWrites } from '../items/item-writes.ts'
import { keys, objects } from '../records/keys.ts'
import { linkState } from '../gate/authorize.ts'
import { isMoving } from '../items/playable.ts'
import { readRecords } from '../records/read-records.ts'
import { albumSchema, itemSchema, linkSchema, ownerSchema, type Item, type Link } from '../records/records.ts'
import { readSnapshot, type SnapshotHeader } from './snapshot.ts'
import type { Act } from '../records/instance/tombstones.ts'
import { note, toBundle, toPlay, toPrepare } from '../records/store/outbox.ts'

const minute = 60_000
/** Clocks of two processes may differ by so much: an act that close before a snapshot is done again. */
const clocksMs = minute
/** How many records are handled in one step. */
const step = 100
/** So much text of records is written in one step. */
const stepCharacters = 256 * 1024

const lineSchema = z.union([
  z.tuple([z.enum(['begin', 'end']), z.string()]),
  z.tuple([z.string(), z.literal('value'), z.string()]),
  z.tuple([z.string(), z.literal('fields'), z.record(z.string(), z.string())]),
  z.tuple([z.string(), z.literal('ranks'), z.array(z.object({ member: z.string(), score: z.number() }))]),
])

/** A source that is read twice: a file, or an object of the bucket. */
export type Source = () => Promise<AsyncIterable<Buffer>>

/** The result of a restore, for the operator. */
export interface Restored {
  readonly owners: number
  readonly items: number
  readonly links: number
  /** Items whose bytes are gone. */
  readonly dropped: number
  /** What tombstones ended or deleted again. */
  readonly acts: number
}

/** Which of an owner's attempts counts, by the owner: see `snapshotLines`. Throws BadSnapshot before anything is written. */
async function verify(
  key: Buffer,
  source: Source,
): Promise<{ header: SnapshotHeader; whole: Map<string, number> }> {
  const begun = new Map<string, number>()
  const whole = new Map<string, number>()
  const header = await readSnapshot(key, await source(), (line) => {
    const [kind, owner = ''] =
      line.startsWith('["begin"') || line.startsWith('["end"')
        ? z.tuple([z.string(), z.string()]).parse(JSON.parse(line))
        : []
    if (kind === 'begin') begun.set(owner, (begun.get(owner) ?? 0) + 1)
    if (kind === 'end') whole.set(owner, begun.get(owner) ?? 0)
  })
  return { header, whole }
}

/** Reads a snapshot to check that it is complete, and returns its description. Throws BadSnapshot. */
export async function inspectSnapshot(key: Buffer, source: Source): Promise<SnapshotHeader> {
  return (await verify(key, source)).header
}

/** Since when the bucket holds all tombstones, in milliseconds since 1970: no older snapshot may be restored. */
export async function tombstoneHorizon(bucket: Bucket): Promise<number> {
  const opened = await bucket.open(objects.horizon)
  if (!opened) return -Infinity
  return z.object({ since: z.number() }).parse(JSON.parse(await text(opened.body))).since
}

/** Writes a snapshot's records into the store. Returns its owners. Safe to repeat after it was interrupted. */
export async function fillStore(store: Store, key: Buffer, source: Source): Promise<string[]> {
  const { whole } = await verify(key, source)
  const attempts = new Map<string, number>()
  let current: string | null = null
  let writes: Write[] = []
  let characters = 0
  const flush = async (): Promise<void> => {
    if (writes.length > 0) await store.commit({ writes })
    writes = []
    characters = 0
  }
  await readSnapshot(key, await source(), async (line) => {
    const found = lineSchema.parse(JSON.parse(line))
    if (found.length === 2) {
      await flush()
      const [kind, owner] = found
      if (kind === 'begin') attempts.set(owner, (attempts.get(owner) ?? 0) + 1)
      current = kind === 'begin' && attempts.get(owner) === whole.get(owner) ? owner : null
      return
    }
    if (current === null) return
    for (const write of writesOf(found)) {
      writes.push(write)
      if (writes.length >= 1000) await flush()
    }
    characters += line.length
    if (characters >= stepCharacters) await flush()
  })
  return [...whole.keys()]
}

type RecordLine = Exclude<z.infer<typeof lineSchema>, ['begin' | 'end', string]>

function writesOf([key, kind, there]: RecordLine): Write[] {
  if (kind === 'value') return [{ kind: 'set', key, value: there }]
  if (kind === 'fields')
    return Object.entries(there).map(([field, text]) => ({ kind: 'setField', key, field, value: text }))
  return there.map(({ member, score }) => ({ kind: 'rank', key, member, score }))
}

/** The names of the objects that an item has in the bucket, by its id. */
export async function objectsByItem(bucket: Bucket): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>()
  for await (const { key } of bucket.list('items/')) {
    const [, item = '', ...name] = key.split('/')
    const names = found.get(item) ?? new Set<string>()
    found.set(item, names.add(name.join('/')))
  }
  return found
}

/** Without what the bucket does not hold; what can be made again is made again. Null where the file itself is gone. */
function withWhatIsThere(item: Item, there: ReadonlySet<string> | undefined): Item | null {
  if (!there?.has('original')) return null
  const missing = Object.keys(item.renditions).some((name) => !there.has(name))
  const missingCopies = Object.entries(item.copies).some(
    ([name, copy]) => copy?.state === 'clean' && !there.has(name),
  )
  if (!missing && !missingCopies) return item
  const state = item.state === 'failed' ? 'failed' : 'uploaded'
  return { ...item, renditions: {}, copies: {}, state }
}

/**
 * Makes anew what a snapshot does not hold of an owner: the ways in, the indexes of all, what is kept of items for reading
 * many. Items whose file is gone go. Returns how many, and the owner's bytes.
 */
export async function rebuildOwner(
  ports: Ports,
  owner: string,
  bucketHas: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<{ items: number; links: number; dropped: number; bytes: number }> {
  const { store } = ports
  const [itemIds, albumIds, linkIds, removing, usage] = await store.read([
    members(keys.items(owner)),
    members(keys.albums(owner)),
    members(keys.links(owner)),
    members(keys.removing(owner)),
    fields(keys.usage(owner)),
  ])
  const [ownerRecord] = await readRecords(store, ownerSchema, [keys.owner(owner)])
  if (ownerRecord)
    await store.commit({ writes: [{ kind: 'set', key: keys.ownerByKey(ownerRecord.keyHash), value: owner }] })
  const belong = (prefix: string) =>
    store.commit({ writes: [{ kind: 'set', key: keys.prefixOwner(prefix), value: owner }] })
  const lost: string[] = []
  let bytes = 0
  for (let from = 0; from < itemIds.length; from += step) {
    const part = itemIds.slice(from, from + step)
    const items = await readRecords(
      store,
      itemSchema,
      part.map((id) => keys.item(owner, id)),
    )
    await Promise.all(part.map((id) => belong(objects.ofItem(id))))
    const found: Item[] = []
    for (const [at, id] of part.entries()) {
      const item = items[at]
      // One that cannot be read keeps its bytes: a newer program may know it.
      if (!item) continue
      bytes += countedBytes(item)
      const whole = withWhatIsThere(item, bucketHas.get(id))
      if (whole) found.push(whole)
      else lost.push(id)
    }
    await noteWork(ports, found)
    await store.commit({ writes: found.flatMap(itemWrites) })
  }
  for (const id of albumIds) await belong(objects.ofAlbum(id))
  for (const prefix of removing) await belong(prefix)
  await setBytes(store, keys.usage(owner), usage, bytes)
  await rebuildEntrances(ports, owner, linkIds)
  for (let from = 0; from < lost.length; from += step)
    await safely(deleteItems(ports, owner, lost.slice(from, from + step)))
  await dropAlbumObjects(ports, owner, albumIds)
  await store.commit({ writes: [rank(keys.due, owner, atOnce)] })
  return { items: itemIds.length - lost.length, links: linkIds.length, dropped: lost.length, bytes }
}

/** Notes the remaining work for items, so that the sweep queues it. */
async function noteWork(ports: Pick<Ports, 'store' | 'clock'>, items: readonly Item[]): Promise<void> {
  const unprepared = items.filter(({ state }) => state === 'uploaded' || state === 'preparing')
  await note(ports, unprepared.map(toPrepare))
  await note(ports, items.filter(isMoving).map(toPlay))
}

/** Makes a count of bytes what it must be, and takes away what only counts uploads under way. */
async function setBytes(
  store: Store,
  key: string,
  now: Readonly<Record<string, string>>,
  bytes: number,
): Promise<void> {
  const others = Object.keys(now).filter((field) => field !== 'bytes')
  await store.commit({
    writes: [
      { kind: 'setField', key, field: 'bytes', value: String(bytes) },
      ...others.map((field): Write => ({ kind: 'removeField', key, field })),
    ],
  })
}

/** Sets what all owners together use. */
export async function setInstanceBytes(store: Store, bytes: number): Promise<void> {
  await setBytes(store, keys.instanceUsage, {}, bytes)
}

/** Writes the entrance of each link again; if two links had the same secret, it leads to the open one. */
async function rebuildEntrances(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  ids: readonly string[],
): Promise<void> {
  for (let from = 0; from < ids.length; from += step) {
    const part = ids.slice(from, from + step)
    const links = await readRecords(
      store,
      linkSchema,
      part.map((id) => keys.link(owner, id)),
    )
    for (const link of links) {
      if (!link) continue
      const key = keys.entrance(link.secretHash)
      const [there] = await store.read([value(key)])
      if (there !== null && linkState(link, clock.now()) !== 'open') continue
      await store.commit({ writes: [{ kind: 'set', key, value: JSON.stringify({ owner, link: link.id }) }] })
    }
  }
}

/** An album's card and bundles that are gone, or were still to be made, are made again. */
async function dropAlbumObjects(
  { store, bucket, clock }: Pick<Ports, 'store' | 'bucket' | 'clock'>,
  owner: string,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    const there = new Set<string>()
    for await (const { key } of bucket.list(`${objects.ofAlbum(id)}/`)) there.add(key)
    await changeOwner(store, owner, async (changing) => {
      const album = await changing.record(albumSchema, keys.album(owner, id))
      if (!album) return
      const card = album.card && there.has(objects.card(id, album.card.version)) ? album.card : null
      const bundles = Object.fromEntries(
        Object.entries(album.bundles).filter(
          ([policy, made]) =>
            made && there.has(`${objects.ofAlbum(id)}/bundle-${policy}-${made.version}.zip`),
        ),
      )
      if (card === album.card && Object.keys(bundles).length === Object.keys(album.bundles).length) return
      changing.write(set(keys.album(owner, id), { ...album, card, bundles }))
    })
  }
  await note(
    { store, clock },
    ids.flatMap((id) => toBundle(owner, id)),
  )
}

/** What is gone already needs nothing. */
async function safely(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Refused && (error.reason === 'unknown' || error.reason === 'not-noted')) return false
    throw error
  }
}

/**
 * Does again what an owner did since `began`, when the snapshot was made: a stop and a deletion always, whatever the
 * clocks say. A link that was narrowed since is ended, since the snapshot does not know how: its sender makes a new one.
 * Returns how many acts there were.
 */
export async function applyActs(
  ports: Ports,
  owner: string,
  acts: readonly Act[],
  began: number,
): Promise<number> {
  let applied = 0
  for (const act of acts) {
    const isNewer = act.at > began - clocksMs
    if (await safely(applyAct(ports, owner, act, isNewer))) applied += 1
  }
  return applied
}

async function applyAct(ports: Ports, owner: string, act: Act, isNewer: boolean): Promise<void> {
  const { store } = ports
  if (act.kind === 'stop') return endLink(store, owner, act, atOnce)
  if (act.kind === 'item') return deleteItems(ports, owner, [act.id])
  if (act.kind === 'album') return deleteAlbum(ports, owner, act.id)
  if (!isNewer) return
  if (act.kind === 'narrow') return endLink(store, owner, act, ports.clock.now() + graceMs)
  if (act.kind === 'out') return removeItems(ports, owner, act.from ?? '', [act.id])
  if (act.kind === 'private') return markPrivate(ports, owner, [act.id], true)
  await changeOwner(store, owner, async (changing) => {
    const record = await changing.record(ownerSchema, keys.owner(owner))
    if (record) changing.write(set(keys.owner(owner), { ...record, keyHash: act.id }))
  })
  await store.commit({ writes: [{ kind: 'set', key: keys.ownerByKey(act.id), value: owner }] })
}

async function endLink(store: Store, owner: string, act: Act, dueAt: number): Promise<void> {
  await changeOwner(store, owner, async (changing) => {
    const link = await changing.record(linkSchema, keys.link(owner, act.id))
    if (!link || link.stoppedAt !== null) return
    const stopped: Link = { ...link, stoppedAt: act.at, dueAt: Math.min(link.dueAt, dueAt) }
    changing.write(
      set(keys.link(owner, link.id), stopped),
      rank(keys.ownerDue(owner), `link/${link.id}`, stopped.dueAt),
    )
  })
  // Also where the link is unknown: its owner has a look to come.
  await store.commit({ writes: [rank(keys.due, owner, atOnce)] })
}

/** Every owner that has a record in the store. */
export async function allOwners(store: Store): Promise<string[]> {
  const owners: string[] = []
  for await (const { key } of store.entries()) {
    const owner = /^\{([^}]+)\}:owner$/.exec(key)?.[1]
    if (owner !== undefined) owners.push(owner)
  }
  return owners
}

/** The sum of all owners' bytes. */
export async function bytesOfAll(store: Store, owners: readonly string[]): Promise<number> {
  let sum = 0
  for (const owner of owners) {
    const [usage] = await store.read([fields(keys.usage(owner))])
    sum += Number(usage['bytes'] ?? 0)
  }
  return sum
}
