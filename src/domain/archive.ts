import type { Store } from '../ports.ts'
import { Refused, unknown } from './errors.ts'
import { isDownloadable, isShown, isWithheld } from './copies.ts'
import { itemsOf } from './item.ts'
import type { Album, Item, Link } from './records.ts'

/** What of a link's albums goes into one ZIP. */
export interface ArchiveContent {
  /** The albums in question. */
  readonly albums: readonly Album[]
  readonly items: readonly Item[]
}

/**
 * Everything that a visitor may download of `albums`. Items that are withheld or failed are left out (the page
 * says so); while others are still being prepared it throws Refused('not-ready'), for a ZIP must not miss a file
 * silently.
 */
export async function wholeArchive(
  store: Store,
  link: Link,
  albums: readonly Album[],
): Promise<ArchiveContent> {
  checkDownloads(link)
  const shown = (await shownItems(store, albums)).filter((item) => !isWithheld(item, link.metadata))
  if (!shown.every((item) => isDownloadable(item, link.metadata)))
    throw new Refused(
      'not-ready',
      'Some files are still being prepared. Try again in a moment, or tick those that are ready.',
      {
        retryAfterSeconds: 5,
      },
    )
  if (shown.length === 0) throw new Refused('unknown', 'There is nothing to download here.')
  return { albums, items: shown }
}

/**
 * The ticked items, in the albums' order. Throws Refused: `unknown` when one of them is not the link's to show,
 * `bad-request` for none or more than there are, `not-ready` or `withheld` when one cannot be had.
 */
export async function tickedArchive(
  store: Store,
  link: Link,
  albums: readonly Album[],
  ticked: readonly string[],
): Promise<ArchiveContent> {
  checkDownloads(link)
  const shown = await shownItems(store, albums)
  if (ticked.length === 0) throw new Refused('bad-request', 'Tick what you want to download.')
  if (ticked.length > Math.max(shown.length, 1))
    throw new Refused('bad-request', 'More was ticked than there is.', { limit: shown.length })
  const wanted = new Set(ticked)
  const items = shown.filter(({ id }) => wanted.has(id))
  if (items.length !== wanted.size) throw unknown('item')
  return { albums, items }
}

function checkDownloads(link: Link): void {
  if (!link.allow.downloads) throw new Refused('forbidden', 'This link is for looking only.')
}

/** Every item that visitors may see, once, in the albums' order. */
async function shownItems(store: Store, albums: readonly Album[]): Promise<Item[]> {
  const items = new Map<string, Item>()
  for (const album of albums) for (const item of await itemsOf(store, album)) items.set(item.id, item)
  return [...items.values()].filter(isShown)
}
