import type { CaptureDate } from '../../media/types.ts'
import type { Store } from '../../ports.ts'
import { changedInStorage, notMadeYet, withheld, type Download } from '../items/recipient-copies.ts'
import { Refused, notFound } from '../records/errors.ts'
import { objects } from '../records/keys.ts'
import { dateInZip } from '../items/shown-text.ts'
import type { ItemSummary } from '../items/item-summary.ts'
import { readSummaries, shownSummaries } from '../items/album-summaries.ts'
import type { Album, Link } from '../records/records.ts'

/** A file of a ZIP. The name is the one that recipients may see; it need not be unique. */
export interface ArchiveFile extends Omit<Download, 'mime'> {
  readonly capturedAt: Pick<CaptureDate, 'local' | 'offset'> | null
}

/**
 * Everything that a visitor may download of `albums`. Items that are withheld or failed are left out (the page
 * says so). Throws Refused('not-ready') while items are still being prepared: a ZIP must not miss a file
 * silently.
 */
export async function wholeArchive(
  store: Store,
  link: Link,
  albums: readonly Album[],
): Promise<ArchiveFile[]> {
  checkDownloads(link)
  const shown = (await shownItems(store, link, albums)).filter(({ isWithheld }) => !isWithheld)
  if (!shown.every(({ isDownloadable }) => isDownloadable))
    throw new Refused(
      'not-ready',
      'Some files are still being prepared. Try again in a moment, or select those that are ready.',
      {
        retryAfterSeconds: 5,
      },
    )
  if (shown.length === 0) throw new Refused('unknown', 'There is nothing to download here.')
  return filesOf(shown, link)
}

/**
 * The selected items, in the albums' order. Throws Refused: `unknown` if the link does not show one of them,
 * `bad-request` for none or too many, `not-ready` or `withheld` if one cannot be downloaded.
 */
export async function tickedArchive(
  store: Store,
  link: Link,
  albums: readonly Album[],
  ticked: readonly string[],
): Promise<ArchiveFile[]> {
  checkDownloads(link)
  const shown = await shownItems(store, link, albums)
  if (ticked.length === 0) throw new Refused('bad-request', 'Select what you want to download.')
  if (ticked.length > Math.max(shown.length, 1))
    throw new Refused('bad-request', 'More items were selected than there are.', { limit: shown.length })
  const wanted = new Set(ticked)
  const items = shown.filter(({ id }) => wanted.has(id))
  if (items.length !== wanted.size) throw notFound('item')
  return filesOf(items, link)
}

/** Throws Refused('forbidden') if the link is view-only. */
export function checkDownloads(link: Link): void {
  if (!link.allow.downloads) throw new Refused('forbidden', 'This link allows viewing only.')
}

/** Every item that visitors may see, once, in the albums' order. */
async function shownItems(store: Store, link: Link, albums: readonly Album[]): Promise<ItemSummary[]> {
  return shownSummaries((await readSummaries(store, albums, link.metadata)).albums)
}

function filesOf(items: readonly ItemSummary[], { metadata }: Link): ArchiveFile[] {
  const files: ArchiveFile[] = []
  for (const item of items) {
    const { id, capturedAt } = item
    item.files.forEach(({ name, copy }, index) => {
      if (copy === null) throw notMadeYet(id)
      if (copy === 'changed') throw changedInStorage(id)
      if (copy === 'withheld') throw withheld(id)
      const { size, crc32, sha256 } = copy
      const key = index === 0 ? objects.copy(id, metadata) : objects.motionCopy(id, metadata)
      files.push({ key, name, size, crc32, sha256, capturedAt: dateInZip(capturedAt, metadata) })
    })
  }
  return files
}
