import type { Answer, Query } from '../../ports.ts'
import { members, score, value } from '../../ports.ts'
import { graceMs } from './store/deletion-schedule.ts'
import { closedOptions } from './link-options.ts'
import { keys } from './keys.ts'
import { itemSchema, linkSchema, parseRecord, type Album, type Item, type Link } from './records.ts'

// What an owner is shown, and can delete, in the place of a record that cannot be read. That something is there is told by
// the indexes: keys.items, keys.albums, keys.links. A stand-in serves nobody else: to visitors, an unreadable record is
// none.

/** Why an item is shown as failed whose record cannot be read. */
const unreadableText = 'What this server knew of this file is damaged. Delete it, and send it again.'

export const isStandIn = (item: Item): boolean => item.reason === unreadableText

/** Its place in the list, its bytes in the bucket and its albums are known; what it is, no more. */
const standInItem = (owner: string, id: string, createdAt: number): Item => ({
  id,
  owner,
  createdAt,
  name: '?',
  folder: null,
  type: { format: 'jpeg', kind: 'photo', mime: 'image/jpeg', extension: 'jpg' },
  state: 'failed',
  reason: unreadableText,
  isPrivate: true,
  original: { size: 0, crc32: 0, sha256: '' },
  motion: null,
  facts: null,
  place: null,
  thumbhash: null,
  color: null,
  damaged: true,
  renditions: {},
  copies: {},
  troubles: {},
})

export const standInAlbum = (owner: string, id: string, createdAt: number): Album => ({
  id,
  owner,
  kind: 'manual',
  title: '?',
  titleWithoutPlace: null,
  isTitleDate: false,
  description: '',
  sender: '',
  order: 'date',
  cover: null,
  createdAt,
  version: 1,
  bundles: {},
  card: null,
})

/** Whatever reads: the store, or a change that is being made. */
interface Reading {
  read<const Q extends readonly Query[]>(queries: Q): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }>
}

/** Says that the commit is to fail where a record is another by then; a mere reader does not. */
interface Expecting extends Reading {
  expect?(key: string, value: string | null): void
}

/** An owner's items in the order of `ids`; those that are gone are left out. */
export async function itemsOrStandIns(
  reading: Expecting,
  owner: string,
  ids: readonly string[],
): Promise<Item[]> {
  if (ids.length === 0) return []
  const raw = await reading.read(ids.map((id) => value(keys.item(owner, id))))
  const found = ids.map((id, at) => parseRecord(itemSchema, keys.item(owner, id), raw[at] ?? null))
  ids.forEach((id, at) => reading.expect?.(keys.item(owner, id), raw[at] ?? null))
  const unread = ids.filter((_, at) => found[at] === null)
  const places = await reading.read(unread.map((id) => score(keys.items(owner), id)))
  const createdAt = new Map(unread.map((id, at) => [id, places[at] ?? null]))
  return ids.flatMap((id, at) => {
    const there = createdAt.get(id) ?? null
    return found[at] ?? (there === null ? [] : standInItem(owner, id, there))
  })
}

/** An owner's links in the order of `ids`; those that are gone are left out. */
export async function linksOrStandIns(
  reading: Expecting,
  owner: string,
  ids: readonly string[],
): Promise<Link[]> {
  if (ids.length === 0) return []
  const raw = await reading.read(ids.map((id) => value(keys.link(owner, id))))
  const links: Link[] = []
  for (const [at, id] of ids.entries()) {
    const text = raw[at] ?? null
    reading.expect?.(keys.link(owner, id), text)
    const link =
      parseRecord(linkSchema, keys.link(owner, id), text) ?? (await standInFor(reading, owner, id, text))
    if (link) links.push(link)
  }
  return links
}

async function standInFor(
  reading: Reading,
  owner: string,
  id: string,
  text: string | null,
): Promise<Link | null> {
  const [createdAt, due, albums] = await reading.read([
    score(keys.links(owner), id),
    score(keys.ownerDue(owner), `link/${id}`),
    members(keys.albums(owner)),
  ])
  if (createdAt === null) return null
  const opened = await reading.read(albums.map((album) => score(keys.albumLinks(owner, album), id)))
  return standInLink(owner, id, {
    albums: albums.filter((_, at) => opened[at] !== null),
    createdAt,
    dueAt: due ?? createdAt,
    // Often the text still tells it: then the link's address says that it has ended, and goes in the end.
    secretHash: /"secretHash":"([0-9a-f]{64})"/.exec(text ?? '')?.[1] ?? '',
  })
}

/** It gives nobody anything: write it only when it has ended. `albums`: those that the indexes say it opens. `dueAt`: as the owner's due list has it. */
const standInLink = (
  owner: string,
  id: string,
  { albums, createdAt, dueAt, secretHash }: Pick<Link, 'albums' | 'createdAt' | 'dueAt' | 'secretHash'>,
): Link => ({
  id,
  owner,
  label: '?',
  sealedLabel: '',
  secretHash,
  sealedSecret: '',
  isChosen: false,
  albums,
  createdAt,
  renewedAt: createdAt,
  expiresAt: dueAt - graceMs,
  stoppedAt: null,
  dueAt,
  isReaped: false,
  password: null,
  passwordChanges: 0,
  ...closedOptions,
})
