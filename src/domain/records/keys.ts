import { createHmac, randomBytes } from 'node:crypto'
import type { MetadataPolicy } from '../../media/types.ts'
import type { RenditionName } from './records.ts'

let salt: string | Buffer = randomBytes(32)

/** All processes of an instance count by the same names: `secret` is theirs, and nobody else's. */
export function saltNames(secret: string): void {
  salt = secret
}

/**
 * The hash of a network address or another name that must not appear in a key. Salted, since all IPv4 addresses can be hashed in minutes.
 */
/** Stands for a name that must not be readable in the store, such as a network address. */
export const nameHash = (name: string): string => createHmac('sha256', salt).update(name).digest('hex')

/** The store's keys. All keys of one owner have the owner's hash tag. */
export const keys = {
  owner: (owner: string) => `{${owner}}:owner`,
  /** Changes with every change of what belongs to what. */
  version: (owner: string) => `{${owner}}:version`,
  usage: (owner: string) => `{${owner}}:usage`,
  items: (owner: string) => `{${owner}}:items`,
  /** What the library needs of each item, short, by the item's id. */
  catalog: (owner: string) => `{${owner}}:catalog`,
  /** What an album's page and ZIP need of each item, short, by the item's id. */
  summaries: (owner: string) => `{${owner}}:outlines`,
  item: (owner: string, item: string) => `{${owner}}:item:${item}`,
  /** The albums that contain an item. */
  itemAlbums: (owner: string, item: string) => `{${owner}}:item:${item}:albums`,
  albums: (owner: string) => `{${owner}}:albums`,
  album: (owner: string, album: string) => `{${owner}}:album:${album}`,
  /** The items of an album, in its order. */
  albumItems: (owner: string, album: string) => `{${owner}}:album:${album}:items`,
  /** The links that open an album. */
  albumLinks: (owner: string, album: string) => `{${owner}}:album:${album}:links`,
  links: (owner: string) => `{${owner}}:links`,
  link: (owner: string, link: string) => `{${owner}}:link:${link}`,
  /** The hash of the secret whose entrance was opened for the link: its record may be written only while this stands. */
  linkClaim: (owner: string, link: string) => `{${owner}}:link:${link}:claim`,
  linkCounts: (owner: string, link: string) => `{${owner}}:link:${link}:counts`,
  /** A visitor's session behind a link's password. */
  session: (owner: string, link: string, tokenHash: string) => `{${owner}}:link:${link}:session:${tokenHash}`,
  /** The item that waits in an album for its other half, as which half, by what they have in common. */
  pair: (owner: string, album: string, half: 'still' | 'video', mark: string) =>
    `{${owner}}:album:${album}:${half}:${mark}`,
  /** What of this owner must be looked at, and when: `link/<id>`, `album/<id>`. */
  ownerDue: (owner: string) => `{${owner}}:due`,
  /** Bucket prefixes whose bytes are to be deleted. */
  removing: (owner: string) => `{${owner}}:removing`,
  /** The bytes that count no more once a prefix is deleted. */
  removingMark: (owner: string, prefix: string) => `{${owner}}:removing:${prefix}`,
  /** What was done and is not noted in the bucket yet: see `tombstones.ts`. */
  tombstones: (owner: string) => `{${owner}}:tombstones`,
  /** The items that an upload under way has begun to write. */
  uploadItems: (owner: string, upload: string) => `{${owner}}:upload:${upload}:items`,
  /** The bytes reserved for an upload under way; gone when it has ended. */
  uploadBytes: (owner: string, upload: string) => `{${owner}}:upload:${upload}:bytes`,
  /** The record of a resumable upload. */
  resumable: (owner: string, upload: string) => `{${owner}}:upload:${upload}`,
  /** The first bytes of a resumable upload whose type cannot be told yet. */
  resumableHead: (owner: string, upload: string) => `{${owner}}:upload:${upload}:head`,
  /** The lease of the connection that writes to a resumable upload. */
  resumableLease: (owner: string, upload: string) => `{${owner}}:upload:${upload}:lease`,

  /** Tries at a link's password: of one party, of everybody, and of one party while many try. */
  unlockTries: (link: string, who: string) => `unlock:${link}:${nameHash(who)}`,
  unlockTriesOfAll: (link: string) => `unlock:${link}`,
  unlockTriesInCrowd: (link: string, who: string) => `unlock-crowd:${link}:${nameHash(who)}`,
  /** Counts of tries: wrong secrets, slugs, owner keys, sender passwords. */
  wrongSecrets: (who: string) => `guess:${nameHash(who)}`,
  namesTried: (who: string) => `choose:${nameHash(who)}`,
  ownerKeysTried: (who: string) => `owner-key-tries:${nameHash(who)}`,
  senderTries: (who: string) => `sender-password:${nameHash(who)}`,

  /** What was shared within an hour, and the bytes sent within a day, from one address. */
  sharesMade: (who: string) => `shares:${nameHash(who)}`,
  bytesSent: (who: string) => `sent:${nameHash(who)}`,

  ownerByKey: (keyHash: string) => `owner-key:${keyHash}`,
  entrance: (secretHash: string) => `secret:${secretHash}`,
  /** Whose a bucket prefix (`items/<item>`, `albums/<album>`) is: what has none is an orphan. */
  prefixOwner: (prefix: string) => `prefix-owner:${prefix}`,
  senderSession: (tokenHash: string) => `sender-session:${tokenHash}`,
  /** The hash of the sender password: see `sender-password.ts`. */
  senderPassword: 'sender-password',
  instanceUsage: 'usage',
  /** When something was last deleted, and when the store's files were last rewritten: see `forgetting.ts`. */
  deletedAt: 'deleted-at',
  rewrittenAt: 'rewritten-at',
  /** See `saltNames`. */
  nameSalt: 'name-salt',
  /** When all counts were last recounted. */
  recountedAt: 'recounted-at',
  /** `<owner>/<link>/<secret's hash>` of entrances that were opened for a link not recorded yet, by when. */
  opening: 'opening',
  /** Which instance the store is: see `instance/instance.ts`. */
  instance: 'instance',
  /** The version of the records in this store: see `schema.ts`. */
  schema: 'schema',
  /** What the time was when it was last agreed upon: see `agreed-time.ts`. */
  clock: 'clock',
  /** When store and bucket last came together again: after a restore, or after they did not match. */
  reunited: 'reunited',
  /** Bucket prefixes without a record that wait for a week, by the moment at which they were found. */
  quarantine: 'quarantine',
  /** When the last snapshot was made. */
  lastSnapshot: 'last-snapshot',
  /** What the sweep of orphans came to when it would have deleted too much. */
  orphansLeft: 'orphans-left',

  /** Owners, ranked by the moment of their next deletion. */
  due: 'due',
  /** `<owner>/<item>` of items to prepare, by the moment at which that was asked for. */
  unprepared: 'unprepared',
  /** `<owner>/<item>` of videos that may need a `playable` rendition, by the moment at which that was found. */
  unplayable: 'unplayable',
  /** `bundle/<owner>/<album>` and `card/<owner>/<album>` that may have to be made, by the moment at which that was asked for. */
  unmade: 'unmade',
  /** `<owner>/<upload>` of uploads under way, by their last heartbeat. */
  uploads: 'uploads',
  /** `items/<item>` and `albums/<album>` by the moment at which their bytes are to be read and compared next. */
  unchecked: 'unchecked',
  /** What the sweep of one process at a time does only now and then. */
  generationTurn: 'generation',
  backupTurn: 'backup',
  orphansTurn: 'sweep-orphans',
  /** Where the scrub stopped inside an object. */
  scrub: 'scrub',
  /** Counters of stored bytes: objects found wrong. */
  integrity: 'integrity',
} as const

/** Keys of the bucket: made of ids alone. */
export const objects = {
  /** Which instance the bucket is: see `instance/instance.ts`. */
  instance: 'instance',
  /** What senders shared. */
  shared: ['items/', 'albums/'],
  /** What all other keys begin with. */
  roots: ['items/', 'albums/', 'tombstones/', 'backups/'],
  /** The prefixes of files and of what is made of them. Each object under them belongs to a record. */
  recordedRoots: ['items/', 'albums/'],
  tombstones: 'tombstones/',
  tombstone: (id: string) => `tombstones/${id}`,
  backups: 'backups/',
  /** `began`: milliseconds since 1970. */
  backup: (began: number, id: string) => `backups/${String(began).padStart(15, '0')}-${id}`,
  /** Since when all tombstones are there: see `instance/tombstones.ts`. */
  horizon: 'horizon',
  ofItem: (item: string) => `items/${item}`,
  ofAlbum: (album: string) => `albums/${album}`,
  original: (item: string) => `items/${item}/original`,
  copy: (item: string, policy: MetadataPolicy) =>
    policy === 'everything' ? `items/${item}/original` : `items/${item}/${policy}`,
  rendition: (item: string, name: RenditionName) => `items/${item}/${name}`,
  motionOriginal: (item: string) => `items/${item}/motion-original`,
  motionCopy: (item: string, policy: MetadataPolicy) =>
    policy === 'everything' ? `items/${item}/motion-original` : `items/${item}/motion-${policy}`,
  bundle: (album: string, policy: MetadataPolicy, version: number) =>
    `albums/${album}/bundle-${policy}-${version}.zip`,
  card: (album: string, version: number) => `albums/${album}/card-${version}.jpg`,
} as const
