import type { Album, Link } from '../records/records.ts'

/**
 * A text that changes with everything that a page or a ZIP of these albums under this link is made of. An album's version
 * grows with every change of its items that a visitor could see, but for how far they are prepared: what still changes by
 * that must not be kept.
 */
export const contentVersion = (link: Link, albums: readonly Album[]): string => JSON.stringify([link, albums])
