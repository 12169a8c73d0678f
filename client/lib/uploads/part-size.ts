const KiB = 1024
const mostBytes = 8 * 1024 * KiB
const leastBytes = 512 * KiB
const dayMs = 24 * 3_600_000
const storageKey = 'mayfly-part-bytes'
/** After this many parts in a row without a break the next one is twice as large. */
const growAfter = 3

/** Parts that arrived since the last one that did not. */
let arrived = 0
/** What the network carries in one go; a proxy's limit is another matter, see below. */
let carried = mostBytes

/**
 * The largest part that this page's server takes, as far as a 413 of a proxy before it taught us. It doubles each day: a
 * proxy's limit may have been raised, or was another network's.
 */
function takenBytes(): number {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(storageKey) ?? 'null')
    if (!Array.isArray(kept)) return mostBytes
    const [bytes, at] = kept.map(Number)
    const days = Math.floor((Date.now() - (at ?? 0)) / dayMs)
    const taken = (bytes ?? 0) * 2 ** Math.max(0, days)
    return taken >= leastBytes ? Math.min(taken, mostBytes) : mostBytes
  } catch {
    // A browser that keeps nothing learns it anew on each page.
    return mostBytes
  }
}

/** How many bytes the next part may have. */
export const partBytes = (): number => Math.min(carried, takenBytes())

/** A proxy refused a part of `bytes`. Returns false if smaller ones make no sense. */
export function lowerAfterRefusal(bytes: number): boolean {
  if (bytes <= leastBytes) return false
  let taken = mostBytes
  while (taken >= bytes) taken /= 2
  const next = Math.max(taken, leastBytes)
  carried = Math.min(carried, next)
  try {
    localStorage.setItem(storageKey, JSON.stringify([next, Date.now()]))
  } catch {
    // Then it holds for this page.
  }
  return true
}

/** A part of `bytes` broke off and nothing of it arrived: what is smaller may get through between two breaks. */
export function shrinkAfterBreak(bytes: number): void {
  arrived = 0
  carried = Math.max(leastBytes, Math.min(carried, bytes / 2))
}

/** A part arrived. */
export function growAfterArrival(): void {
  arrived += 1
  if (arrived < growAfter) return
  arrived = 0
  carried = Math.min(mostBytes, carried * 2)
}
