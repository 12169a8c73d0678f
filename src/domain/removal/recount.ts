import { z } from 'zod'
import type { Ports, Store } from '../../ports.ts'
import { fields, members, ranks, value } from '../../ports.ts'
import { countedBytes } from './removal.ts'
import { keys } from '../records/keys.ts'
import { countOf } from '../records/records.ts'
import { reservedBytes } from '../records/limits/reservation.ts'

/** How often all counts are recounted, in milliseconds. */
const recountEveryMs = 3_600_000
/** How soon again where the instance's count may be wrong, or may only be behind, in milliseconds. */
const lookAgainMs = 5 * 60_000
const readAtOnce = 500
/** So often an owner whose records do not hold still is tried; the next recount tries again. */
const tries = 5

const size = z.object({ original: z.object({ size: z.number().int().nonnegative() }) })
/** What of an item's record counts. */
const counted = size.extend({ motion: size.nullable() })

/**
 * Counts the bytes of every owner and of the instance anew from what there is, once an hour among all processes: a commit
 * that was cut off between two counts leaves them apart for good otherwise. Safe beside uploads and removals: what
 * changes while it is counted is counted again, or left to the next time.
 */
export async function recount({ store, clock, log }: Pick<Ports, 'store' | 'clock' | 'log'>): Promise<void> {
  const now = clock.now()
  const [last] = await store.read([value(keys.recountedAt)])
  // A clock that was moved back must not keep counts wrong for as long.
  if (last !== null && Math.abs(now - countOf(last)) < recountEveryMs) return
  const noteTime = (before: string | null, at: number) =>
    store.commit({
      expect: [{ key: keys.recountedAt, value: before }],
      writes: [{ kind: 'set', key: keys.recountedAt, value: String(at) }],
    })
  if ((await noteTime(last, now)) !== 'done') return
  const owners = await ownersIn(store)
  for (const owner of owners) {
    const by = await recountOwner(store, owner)
    if (by !== 0) log.warn({ owner, by }, 'the bytes of an owner were counted anew')
  }
  const { by, isSure } = await recountInstance(store, owners)
  if (by !== 0) log.warn({ by }, 'recounted the bytes of the whole instance')
  if (!isSure) await noteTime(String(now), now - recountEveryMs + lookAgainMs)
}

async function ownersIn(store: Store): Promise<string[]> {
  const owners = new Set<string>()
  for await (const { key } of store.entries()) {
    const [, owner] = /^\{([^}]+)\}:(?:owner|usage)$/.exec(key) ?? []
    if (owner !== undefined) owners.add(owner)
  }
  return [...owners]
}

/** Returns by how many bytes the count was wrong; 0 if the owner's records changed meanwhile. */
async function recountOwner(store: Store, owner: string): Promise<number> {
  for (let attempt = 0; attempt < tries; attempt++) {
    // First: whatever changes after this, of what belongs to what or of what is counted, makes the commit fail.
    const [version, usage] = await store.read([value(keys.version(owner)), fields(keys.usage(owner))])
    const uploads = await uploadsOf(store, owner)
    const bytes = uploads.bytes + (await itemBytes(store, owner)) + (await bytesBeingRemoved(store, owner))
    const isRight = countOf(usage['bytes']) === bytes && countOf(usage['resumable']) === uploads.resumable
    if (isRight && Number(usage['bytes'] ?? 0) >= 0) return 0
    const key = keys.usage(owner)
    const outcome = await store.commit({
      expect: [{ key: keys.version(owner), value: version }],
      expectFields: ['bytes', 'resumable'].map((field) => ({ key, field, value: usage[field] ?? null })),
      writes: [
        { kind: 'setField', key, field: 'bytes', value: String(bytes) },
        { kind: 'setField', key, field: 'resumable', value: String(uploads.resumable) },
      ],
    })
    if (outcome === 'done') return bytes - Number(usage['bytes'] ?? 0)
  }
  return 0
}

/** The reserved bytes of an owner's uploads in progress, and how many of these are resumable. */
async function uploadsOf(store: Store, owner: string): Promise<{ bytes: number; resumable: number }> {
  const [all] = await store.read([members(keys.uploads)])
  const ids = all.flatMap((member) =>
    member.startsWith(`${owner}/`) ? [member.slice(owner.length + 1)] : [],
  )
  const [reserved, resumable] = await Promise.all([
    store.read(ids.map((id) => value(keys.uploadBytes(owner, id)))),
    store.read(ids.map((id) => value(keys.resumable(owner, id)))),
  ])
  return {
    bytes: sumOf(reserved, reservedBytes),
    // A completed one has given its reservation up.
    resumable: resumable.filter((record, at) => record !== null && (reserved[at] ?? null) !== null).length,
  }
}

async function itemBytes(store: Store, owner: string): Promise<number> {
  const [ids] = await store.read([members(keys.items(owner))])
  let bytes = 0
  for (let at = 0; at < ids.length; at += readAtOnce) {
    const part = ids.slice(at, at + readAtOnce)
    bytes += sumOf(await store.read(part.map((id) => value(keys.item(owner, id)))), bytesOfItem)
  }
  return bytes
}

/** One that cannot be read counts nothing, here and when it is deleted. */
function bytesOfItem(text: string): number {
  try {
    const item = counted.safeParse(JSON.parse(text)).data
    return item ? countedBytes(item) : 0
  } catch (error) {
    if (error instanceof SyntaxError) return 0
    throw error
  }
}

async function bytesBeingRemoved(store: Store, owner: string): Promise<number> {
  const [marked] = await store.read([ranks(keys.removing(owner))])
  return sumOf(await store.read(marked.map(({ member }) => value(keys.removingMark(owner, member)))), countOf)
}

const sumOf = (texts: readonly (string | null)[], bytesOf: (text: string) => number): number =>
  texts.reduce((sum, text) => sum + (text === null ? 0 : bytesOf(text)), 0)

/**
 * Brings the instance's count to the sum of its owners'. Each of them is written a moment before it: a difference that
 * was there the last time as well is a lasting one, and so is any while nothing is under way. Returns by how many
 * bytes it was changed; not `isSure` where a difference is left.
 */
async function recountInstance(
  store: Store,
  owners: readonly string[],
): Promise<{ by: number; isSure: boolean }> {
  const key = keys.instanceUsage
  const [usage] = await store.read([fields(key)])
  const isQuiet = await isNothingUnderWay(store, owners)
  const used = await store.read(owners.map((owner) => fields(keys.usage(owner))))
  const sum = used.reduce((total, { bytes }) => total + countOf(bytes), 0)
  const by = sum - (Number(usage['bytes'] ?? 0) || 0)
  const seen = Number(usage['behind'] ?? 0) || 0
  const isLasting = Math.sign(by) === Math.sign(seen)
  const lasting = isQuiet ? by : isLasting ? Math.sign(by) * Math.min(Math.abs(by), Math.abs(seen)) : 0
  const left = by - lasting
  if (by === 0 && seen === 0 && usage['bytes'] !== undefined) return { by: 0, isSure: true }
  const outcome = await store.commit({
    expectFields: [{ key, field: 'bytes', value: usage['bytes'] ?? null }],
    writes: [
      { kind: 'setField', key, field: 'bytes', value: String(Math.max(sum - left, 0)) },
      { kind: 'setField', key, field: 'behind', value: String(left) },
    ],
  })
  return outcome === 'done' ? { by: lasting, isSure: left === 0 } : { by: 0, isSure: false }
}

async function isNothingUnderWay(store: Store, owners: readonly string[]): Promise<boolean> {
  const [uploads] = await store.read([members(keys.uploads)])
  const removing = await store.read(owners.map((owner) => members(keys.removing(owner))))
  return uploads.length === 0 && removing.every((marked) => marked.length === 0)
}
