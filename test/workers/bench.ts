import { execFile } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { keys } from '../../src/domain/records/keys.ts'
import { newOwner } from '../../src/domain/owner/owner.ts'
import { readRecord } from '../../src/domain/records/read-records.ts'
import { albumSchema, itemSchema, type Album, type Item } from '../../src/domain/records/records.ts'
import { makeShare, type LinkWish, type Share } from '../../src/domain/links/share.ts'
import { storeFile } from '../../src/domain/uploads/store-file.ts'
import { type Received } from '../../src/domain/items/item.ts'
import { beginUpload } from '../../src/domain/records/limits/reservation.ts'
import { openMediaTools } from '../../src/media/open-media-tools.ts'
import { openPlaces } from '../../src/media/place/place.ts'
import type { MediaTools } from '../../src/media/types.ts'
import type { Ports } from '../../src/ports.ts'
import type { WorkerContext } from '../../workers/context.ts'
import { exiftool, ffmpeg, heifEncode, limits, picture } from '../media/fixtures.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'

export const run = promisify(execFile)

/** What the jobs are given, on real parts; the test runs the jobs itself. */
export interface Bench extends WorkerContext {
  readonly ports: TestPorts
  /** A folder for the test's own files. */
  readonly folder: string
  close(): Promise<void>
}

export async function openBench(): Promise<Bench> {
  const ports = await openTestPorts()
  const folder = join(ports.directory, 'test')
  const workDirectory = join(ports.directory, 'work')
  await mkdir(folder, { recursive: true })
  await mkdir(workDirectory, { recursive: true })
  const directory = join(workDirectory, 'media')
  const media: MediaTools = await openMediaTools({ limits, processes: 1, directory })
  const { find: findPlace } = await openPlaces()
  return {
    ports,
    backupKey: () => Promise.resolve(Buffer.alloc(32, 1)),
    time: { now: () => Promise.resolve(ports.clock.now()) },
    media,
    slowMedia: media,
    // What is tested here is not how long it takes.
    quickMs: 120_000,
    makesBundles: true,
    findPlace,
    folder,
    workDirectory,
    async close() {
      await media.close()
      await ports.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface File {
  readonly name: string
  readonly bytes: Buffer
}

/** Uploads files and shares them by a new owner. */
export async function shareFiles(
  ports: Ports,
  files: readonly File[],
  wish: Partial<LinkWish> = {},
): Promise<Share> {
  const owner = newOwner()
  const upload = await beginUpload(ports, owner.id, null)
  const received: Received[] = []
  for (const { name, bytes } of files)
    received.push(await storeFile(ports, upload, { name, folder: null, body: Readable.from([bytes]) }))
  return makeShare(ports, {
    owner,
    isNewOwner: true,
    album: { title: 'Holiday', sender: 'Ada', description: '' },
    link: { label: '', until: { expiresInDays: 30 }, password: null, metadata: 'no-location', ...wish },
    upload,
    received,
  })
}

export async function itemOf(ports: Ports, { owner, id }: Pick<Item, 'owner' | 'id'>): Promise<Item | null> {
  return readRecord(ports.store, itemSchema, keys.item(owner, id))
}

export async function albumOf(
  ports: Ports,
  { owner, id }: Pick<Album, 'owner' | 'id'>,
): Promise<Album | null> {
  return readRecord(ports.store, albumSchema, keys.album(owner, id))
}

/** Every key below `prefix`, in order. */
export async function keysBelow({ bucket }: Pick<Ports, 'bucket'>, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of bucket.list(prefix)) found.push(key)
  return found.sort()
}

/** Every key of what was shared: all but what the instance keeps of itself. */
export const keysOfShares = async (ports: Pick<Ports, 'bucket'>): Promise<string[]> =>
  (await Promise.all(['items/', 'albums/'].map((root) => keysBelow(ports, root)))).flat()

export async function bytesOf({ bucket }: Pick<Ports, 'bucket'>, key: string): Promise<Buffer | null> {
  const opened = await bucket.open(key)
  if (!opened) return null
  const chunks: Buffer[] = []
  for await (const chunk of opened.body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const gps = [
  '-n',
  '-GPSLatitude=48.85837',
  '-GPSLatitudeRef=N',
  '-GPSLongitude=2.294481',
  '-GPSLongitudeRef=E',
]

/** One file of each format that a phone or a camera makes most, with coordinates where the format takes them. */
export async function filesOfEachFormat(folder: string): Promise<File[]> {
  const at = (name: string): string => join(folder, name)
  await picture().jpeg({ quality: 95 }).toFile(at('a.jpg'))
  await picture().png().toFile(at('a.png'))
  await picture().webp({ quality: 90 }).toFile(at('a.webp'))
  await picture().gif().toFile(at('a.gif'))
  await picture().avif({ quality: 80 }).toFile(at('a.avif'))
  await heifEncode(at('a.png'), '-o', at('a.heic'))
  const lavfi = ['-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=10:duration=1']
  const location = [
    '-metadata',
    'location=+48.8584+002.2945/',
    '-metadata',
    'location-eng=+48.8584+002.2945/',
  ]
  const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-movflags', '+faststart']
  await ffmpeg(...lavfi, ...location, ...h264, at('a.mp4'))
  await ffmpeg(...lavfi, ...location, ...h264, at('a.mov'))
  const names = ['a.jpg', 'a.png', 'a.webp', 'a.gif', 'a.avif', 'a.heic', 'a.mp4', 'a.mov']
  await exiftool(
    '-q',
    '-overwrite_original',
    ...gps,
    '-EXIF:DateTimeOriginal=2024:05:01 18:30:00',
    at('a.jpg'),
    at('a.heic'),
  )
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(at(name)) })))
}
