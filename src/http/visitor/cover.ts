import type { ItemSummary } from '../../domain/items/item-summary.ts'
import type { Album } from '../../domain/records/records.ts'

/** The item of `album` that stands for it: its cover where visitors see that, else the first that they see. */
export function coverOf(album: Album, shown: readonly ItemSummary[]): ItemSummary | null {
  const ready = shown.filter((item) => item.isReady)
  return ready.find(({ id }) => id === album.cover) ?? ready[0] ?? null
}
