import { readLibrary } from './library.ts'
import type { Store } from '../../ports.ts'
import type { Group, GroupKind } from './group.ts'

/** Groups, and items, in one answer. */
export const groupsPerAnswer = 100

/** A group in the row of all of them. */
export interface GroupRow {
  readonly group: Group
  readonly parent: string | null
  /** How many groups it is within. */
  readonly depth: number
}

function* flat(groups: readonly Group[], parent: string | null, depth: number): Generator<GroupRow> {
  for (const group of groups) {
    yield { group, parent, depth }
    yield* flat(group.children, group.key, depth + 1)
  }
}

/** Some of an owner's groups of one kind, each before those within it, from number `from` on. */
export async function libraryRows(
  store: Store,
  owner: string,
  kind: GroupKind,
  from: number,
): Promise<{ rows: GroupRow[]; total: number; items: number }> {
  const { groups, items } = await readLibrary(store, owner, kind, { from: 0, limit: Infinity })
  const all = [...flat(groups, null, 0)]
  return { rows: all.slice(from, from + groupsPerAnswer), total: all.length, items }
}
