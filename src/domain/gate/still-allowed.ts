import type { MetadataPolicy } from '../../media/types.ts'
import type { Clock, Store } from '../../ports.ts'
import { checkDownloads } from './archive.ts'
import { downloadsOf, type Download } from '../items/recipient-copies.ts'
import { Refused, notFound } from '../records/errors.ts'
import { objects } from '../records/keys.ts'
import {
  authorize,
  authorizeForItem,
  authorizeWithAlbums,
  type Credentials,
  type Access,
} from './authorize.ts'
import { readSummaries, shownSummaries } from '../items/album-summaries.ts'
import type { Album, Item, Link, RenditionName } from '../records/records.ts'
import { isStricter } from './strictness.ts'

type Ports = { readonly store: Store; readonly clock: Clock }

/** Asks the gate again for what a running answer hands out. Throws Refused once it would not be handed out any more. */
export interface Question {
  /** Equal names: the same answer for everybody whom the link lets in. */
  readonly name: string
  readonly ask: (ports: Ports, credentials: Credentials) => Promise<unknown>
}

/** Whether the answer to `question` still is yes. Throws when the store cannot tell. */
export async function isStillAllowed(
  ports: Ports,
  credentials: Credentials,
  question: Question,
): Promise<boolean> {
  try {
    // Without the caller's address: nothing is counted as a try.
    await question.ask(ports, {
      secret: credentials.secret,
      sessionOf: (link) => credentials.sessionOf(link),
    })
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}

/** The link itself, whatever it opens. */
export const askForLink: Question = { name: 'link', ask: authorize }

/** A picture or video that was made of an item. */
export const askForRendition = ({ id, renditions }: Item, name: RenditionName): Question => ({
  name: `${id} ${name}`,
  async ask(ports, credentials) {
    const { item } = await authorizeForItem(ports, credentials, id)
    if (item.renditions[name]?.sha256 !== renditions[name]?.sha256) throw notFound('picture')
  },
})

/** A file of an item, begun as `access` allowed it; `purpose`: a video may be looked at where nothing may be downloaded. */
export const askForFile = (
  { link: { metadata } }: Access,
  { id }: Item,
  { key, sha256 }: Download,
  purpose: 'look' | 'download',
): Question => ({
  name: `${key} ${sha256} ${purpose}`,
  async ask(ports, credentials) {
    const { access, item } = await authorizeForItem(ports, credentials, id)
    if (purpose === 'download') checkDownloads(access.link)
    checkPolicy(access.link, metadata)
    const isThere = downloadsOf(item, metadata).some((file) => file.key === key && file.sha256 === sha256)
    if (!isThere) throw notFound('file')
  },
})

/** A ZIP of `entries`, begun as `access` and `albums`, all that it opened, allowed it. What comes to the albums later is no reason to end it. */
export function askForArchive(
  { link: { metadata } }: Access,
  albums: readonly Album[],
  { etag, entries }: { etag: string; entries: readonly { key: string; etag: string }[] },
): Question {
  let seen = versionsOf(albums)
  return {
    name: `zip ${metadata} ${etag}`,
    async ask(ports, credentials) {
      const { access, albums } = await authorizeWithAlbums(ports, credentials)
      checkDownloads(access.link)
      checkPolicy(access.link, metadata)
      const now = versionsOf(albums)
      if (now === seen) return
      const there = await filesThere(ports.store, albums, metadata)
      if (!entries.every((entry) => there.has(`${entry.key} ${entry.etag}`))) throw notFound('item')
      seen = now
    },
  }
}

/** Albums' versions grow with every change of what visitors may see of them. */
const versionsOf = (albums: readonly Album[]): string =>
  albums.map(({ id, version }) => `${id} ${version}`).join(' ')

async function filesThere(
  store: Store,
  albums: readonly Album[],
  policy: MetadataPolicy,
): Promise<ReadonlySet<string>> {
  const there = new Set<string>()
  for (const { id, files } of shownSummaries((await readSummaries(store, albums, policy)).albums))
    for (const [index, { copy }] of files.entries())
      if (copy !== null && typeof copy === 'object')
        there.add(`${index === 0 ? objects.copy(id, policy) : objects.motionCopy(id, policy)} ${copy.sha256}`)
  return there
}

/** The picture of a link's preview at a messenger. */
export const askForCard = (album: string, version: number): Question => ({
  name: `card ${album} ${version}`,
  async ask(ports, credentials) {
    const { access, albums } = await authorizeWithAlbums(ports, credentials)
    const isThere = albums.some(({ id, card }) => id === album && card?.version === version)
    if (!access.link.showsCover || !isThere) throw notFound('picture')
  },
})

/** A file that was begun under `begun` may go on while the link's policy is the same, or shows more. */
function checkPolicy(link: Link, begun: MetadataPolicy): void {
  if (isStricter(link.metadata, begun)) throw notFound('file')
}
