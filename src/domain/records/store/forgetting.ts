import type { Ports, Store } from '../../../ports.ts'
import { fields, members, size, value } from '../../../ports.ts'
import { remove, unrank } from './change.ts'
import { keys } from '../keys.ts'
import { countOf, ownerSchema, parseRecord } from '../records.ts'
import { hasRoomToPrepare } from './free-space.ts'

/**
 * How often what lies on the store's disk is rewritten, in milliseconds, where something was deleted since the last time:
 * half a day, so that a failed rewrite can be repeated before a day is over.
 */
const rewriteEveryMs = 12 * 3_600_000

/** Notes that something was deleted: it must not stay on the store's disk. */
export async function noteDeletion({ store, clock }: Pick<Ports, 'store' | 'clock'>): Promise<void> {
  await store.commit({ writes: [{ kind: 'set', key: keys.deletedAt, value: String(clock.now()) }] })
}

/** How often the store refused to rewrite what lies on its disk, in this process. */
export const rewriteFigures = { refused: 0 }

/**
 * Makes the store rewrite what lies on its disk, if anything was deleted since it last did: deleted records stand in its
 * journal until then. `isAtStart`: however short a time ago that was.
 */
export async function forgetOnDisk(
  ports: Pick<Ports, 'store' | 'clock' | 'log' | 'disk' | 'limits'>,
  { isAtStart }: { isAtStart: boolean },
): Promise<void> {
  const { store, clock, log } = ports
  // It writes the new files before the old ones go.
  if (!(await hasRoomToPrepare(ports))) return
  const now = clock.now()
  const [deletedAt, rewrittenAt] = await store.read([value(keys.deletedAt), value(keys.rewrittenAt)])
  if (deletedAt === null) return
  if (rewrittenAt !== null) {
    if (countOf(deletedAt) < countOf(rewrittenAt)) return
    if (!isAtStart && Math.abs(now - countOf(rewrittenAt)) < rewriteEveryMs) return
  }
  const outcome = await store.rewrite()
  if (outcome === 'busy') return
  if (outcome === 'refused') {
    rewriteFigures.refused += 1
    log.warn({}, 'the store does not rewrite its files: what was deleted stays in them (docs/operating.md)')
  }
  // One that refuses is asked again half a day later.
  await store.commit({
    expect: [{ key: keys.rewrittenAt, value: rewrittenAt }],
    writes: [{ kind: 'set', key: keys.rewrittenAt, value: String(now) }],
  })
}

/**
 * Takes away what is left of an owner who has nothing any more, not even the mark of a link that has ended: the key then
 * opens nothing. Does nothing where anything is left or under way.
 */
export async function forgetOwner(store: Store, owner: string): Promise<void> {
  const [version, record, usage, uploads, ...sizes] = await store.read([
    value(keys.version(owner)),
    value(keys.owner(owner)),
    fields(keys.usage(owner)),
    members(keys.uploads),
    size(keys.links(owner)),
    size(keys.albums(owner)),
    size(keys.items(owner)),
    size(keys.ownerDue(owner)),
    size(keys.removing(owner)),
  ])
  if (sizes.some((count) => count > 0)) return
  if (uploads.some((member) => member.startsWith(`${owner}/`))) return
  const isNothing = version === null && record === null && Object.keys(usage).length === 0
  if (isNothing) return
  const keyHash = parseRecord(ownerSchema, keys.owner(owner), record)?.keyHash
  // Before the record, which alone names it. A share at this moment is told that the key is not known.
  if (keyHash !== undefined) await store.commit({ writes: [remove(keys.ownerByKey(keyHash))] })
  await store.commit({
    expect: [
      { key: keys.version(owner), value: version },
      { key: keys.owner(owner), value: record },
    ],
    expectFields: [{ key: keys.usage(owner), field: 'bytes', value: usage['bytes'] ?? null }],
    writes: [keys.owner, keys.version, keys.usage, keys.catalog, keys.summaries].map((keyOf) =>
      remove(keyOf(owner)),
    ),
  })
  await store.commit({ writes: [unrank(keys.due, owner)] })
}
