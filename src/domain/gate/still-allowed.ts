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
import { isStricter } from '../records/link-options.ts'

type Ports = { readonly store: Store; readonly clock: Clock }

/** A check that is repeated while an answer is being sent. Throws Refused once it would no longer be allowed. */
export interface Question {
  /** Questions with the same name have the same answer for everybody whom the link lets in. */
  readonly name: string
  readonly ask: (ports: Ports, credentials: Credentials) => Promise<unknown>
}

/** Whether `question` is still answered by yes. Throws if the store cannot be read. */
export async function isStillAllowed(
  ports: Ports,
  credentials: Credentials,
  question: Question,
): Promise<boolean> {
  try {
    // Without the caller's address, so no try is counted.
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

/** Whether the link is still open. */
export const askForLink: Question = { name: 'link', ask: authorize }

/** Whether a rendition of an item may still be sent. */
export const askForRendition = ({ id, renditions }: Item, name: RenditionName): Question => ({
  name: `${id} ${name}`,
  async ask(ports, credentials) {
    const { item } = await authorizeForItem(ports, credentials, id)
    if (item.renditions[name]?.sha256 !== renditions[name]?.sha256) throw notFound('picture')
  },
})

/** Whether a file of an item may still be sent. `purpose`: on a view-only link a video may be played but not downloaded. */
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

/** Whether a ZIP of `entries` may still be sent. Items that are added to the albums later do not end it. */
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

/** An album's version grows with every change that a visitor could see. */
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

/** The album whose card link previews show; undefined where they show none. */
export const albumOfCard = (link: Link, albums: readonly Album[]): Album | undefined =>
  link.showsCover ? albums.find(({ card }) => card !== null) : undefined

/** Whether the card, the picture for link previews, may still be sent. */
export const askForCard = (album: string, version: number): Question => ({
  name: `card ${album} ${version}`,
  async ask(ports, credentials) {
    const { access, albums } = await authorizeWithAlbums(ports, credentials)
    const isThere = albums.some(({ id, card }) => id === album && card?.version === version)
    if (!albumOfCard(access.link, albums) || !isThere) throw notFound('picture')
  },
})

/** Throws if the link's policy is stricter than `begun`, the policy under which the download began. */
function checkPolicy(link: Link, begun: MetadataPolicy): void {
  if (isStricter(link.metadata, begun)) throw notFound('file')
}
