import { LRUCache } from 'lru-cache'
import type { Key } from '../../ports.ts'

/** A stored record that is there and cannot be read. */
export interface Unreadable {
  readonly key: Key
  /** The kind that the key names: `link`, `item`, `secret`, … */
  readonly kind: string
  /** Why; holds nothing of what the record says. */
  readonly problem: string
}

type Listener = (unreadable: Unreadable) => void

const listeners = new Set<Listener>()

/** Keys that were reported lately: one line each is enough. */
const reported = new LRUCache<Key, true>({ max: 10_000 })

/** Calls `listener` once for each record that this process cannot read. Returns the function that ends that. */
export function onUnreadable(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Reports a record that cannot be read to the operator. The caller continues without it. */
export function reportUnreadable(key: Key, problem: string): void {
  if (reported.get(key)) return
  reported.set(key, true)
  const [, kind = 'unknown'] = /^(?:\{[^}]*\}:)?([a-z-]+)/.exec(key) ?? []
  for (const listener of listeners) listener({ key, kind, problem })
}
