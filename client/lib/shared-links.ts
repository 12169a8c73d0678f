/** A link that this browser opened. Kept here alone: no server is told. */
export interface SharedLink {
  readonly path: string
  readonly title: string
  /** ISO 8601. */
  readonly until: string
}

const key = 'mayfly-shared-with-you'
const most = 200

const isLink = (value: unknown): value is SharedLink =>
  typeof value === 'object' &&
  value !== null &&
  'path' in value &&
  'title' in value &&
  'until' in value &&
  typeof value.path === 'string' &&
  /^\/s\/[a-z0-9-]+$/.test(value.path) &&
  typeof value.title === 'string' &&
  typeof value.until === 'string'

/** The links that have not ended, the last opened first. */
export function sharedLinks(): SharedLink[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    if (!Array.isArray(stored)) return []
    return stored.filter(isLink).filter(({ until }) => Date.parse(until) > Date.now())
  } catch {
    // No storage, or another's words in it: the list is then empty.
    return []
  }
}

function keep(links: readonly SharedLink[]): void {
  try {
    localStorage.setItem(key, JSON.stringify(links.slice(0, most)))
  } catch {
    // A browser that keeps nothing has no list.
  }
}

export const remember = (link: SharedLink): void =>
  keep([link, ...sharedLinks().filter(({ path }) => path !== link.path)])

export const forget = (path: string): void => keep(sharedLinks().filter((link) => link.path !== path))
