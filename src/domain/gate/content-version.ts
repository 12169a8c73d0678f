import type { Album, Link } from '../records/records.ts'

/**
 * The version of everything that a page or a ZIP of these albums is made of under this link. It changes with the link, the
 * albums, and every change of an item that a visitor could see, but not with the progress of preparing: do not cache
 * what still shows that.
 */
export const contentVersion = (link: Link, albums: readonly Album[]): string => JSON.stringify([link, albums])
