import type { Write } from '../../ports.ts'
import { catalogRemoval, catalogWrite } from './library-index.ts'
import { remove, set } from '../records/store/change.ts'
import { keys } from '../records/keys.ts'
import { outlineRemoval, summaryWrite } from './item-summary.ts'
import type { Item } from '../records/records.ts'

/** Writes an item's record together with its summary and library entry. Nothing else writes an item's record. */
export const itemWrites = (item: Item): Write[] => [
  set(keys.item(item.owner, item.id), item),
  catalogWrite(item),
  summaryWrite(item),
]

/** Removes an item's record together with its summary and library entry. */
export const itemRemovals = (item: Pick<Item, 'owner' | 'id'>): Write[] => [
  remove(keys.item(item.owner, item.id)),
  catalogRemoval(item),
  outlineRemoval(item),
]
