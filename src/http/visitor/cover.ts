import type { ItemSummary } from '../../domain/items/item-summary.ts'
import type { Album } from '../../domain/records/records.ts'

/** The item that represents `album`: its cover if visitors see it, else the first item that they see. */
export function coverOf(album: Album, shown: readonly ItemSummary[]): ItemSummary | null {
  const ready = shown.filter((item) => item.isReady)
  return ready.find(({ id }) => id === album.cover) ?? ready[0] ?? null
}
