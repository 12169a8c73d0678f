import type { z } from 'zod'
import type { Answer, CommitOutcome, Expectation, Key, Query, Store, Write } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { Refused } from '../errors.ts'
import { keys } from '../keys.ts'
import { countOf, parseRecords, recordText } from '../records.ts'

/** What a change of an owner's records reads and writes. Nothing is written before the whole change commits. */
export interface Changing {
  read<const Q extends readonly Query[]>(queries: Q): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
  /**
   * Reads records, as `parseRecord` does. The commit fails and the change runs again if one of them was changed
   * meanwhile.
   */
  records<T>(schema: z.ZodType<T>, recordKeys: readonly Key[]): Promise<(T | null)[]>
  record<T>(schema: z.ZodType<T>, key: Key): Promise<T | null>
  /** The commit fails, and the change runs again, if `key` no longer holds `value`. */
  expect(key: Key, value: string | null): void
  write(...writes: Write[]): void
}

export const set = (key: Key, record: object): Write => ({ kind: 'set', key, value: recordText(record) })
export const remove = (key: Key): Write => ({ kind: 'remove', key })
export const rank = (key: Key, member: string, at: number): Write => ({
  kind: 'rank',
  key,
  member,
  score: at,
})
export const unrank = (key: Key, member: string): Write => ({ kind: 'unrank', key, member })

const tries = 50

/**
 * Changes an owner's records as one transaction: `change` reads, decides and collects writes; if anything that
 * it relied on has moved when it commits, it runs again on what is there then. `structure` (the default) also
 * guards what belongs to what, so that a decision about reachability cannot be overtaken.
 *
 * Throws Refused('conflict') when the owner's records would not hold still.
 */
export async function changeOwner<T>(
  store: Store,
  owner: string,
  change: (changing: Changing) => Promise<T>,
  options: { structure?: boolean; over?: Refused } = {},
): Promise<T> {
  const structure = options.structure ?? true
  for (let attempt = 1; attempt <= tries; attempt++) {
    const expect: Expectation[] = []
    const writes: Write[] = []
    if (structure) {
      const [version] = await store.read([value(keys.version(owner))])
      expect.push({ key: keys.version(owner), value: version })
      writes.push({ kind: 'set', key: keys.version(owner), value: String(countOf(version) + 1) })
    }
    const changing: Changing = {
      read: (queries) => store.read(queries),
      async records(schema, recordKeys) {
        if (recordKeys.length === 0) return []
        const raw = await store.read(recordKeys.map((key) => value(key)))
        recordKeys.forEach((key, index) => expect.push({ key, value: raw[index] ?? null }))
        return parseRecords(schema, recordKeys, raw)
      },
      async record(schema, key) {
        const [found] = await this.records(schema, [key])
        return found ?? null
      },
      expect: (key, expected) => void expect.push({ key, value: expected }),
      write: (...more) => void writes.push(...more),
    }
    const result = await change(changing)
    const nothingToWrite = writes.length === (structure ? 1 : 0)
    const outcome: CommitOutcome = nothingToWrite ? 'done' : await store.commit({ expect, writes })
    if (outcome === 'done') return result
    if (outcome === 'over') throw options.over ?? new Refused('owner-quota', 'The limit would be passed.')
    // Another writer was quicker: wait a little, differently long for each, and look again.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4 * Math.min(attempt, 20)))
  }
  throw new Refused('conflict', 'Too much is happening to this share at once. Try again in a moment.')
}
