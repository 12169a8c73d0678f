import { Transform, type Readable, type TransformCallback } from 'node:stream'
import { crc32 } from 'node:zlib'
import { ZipArchive } from 'archiver'

/** A file for a bundle. */
export interface BundleEntry {
  /** Unique and safe: from `uniqueNames`. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly crc32: number
  /** What the stream fails with where the bytes are others. */
  readonly changed: Error
  /** Wall time where the camera stood, `2026-05-01T18:30:00`; null where unknown. */
  readonly takenAt: string | null
  /** Opens the bytes; null when they are gone. */
  open(): Promise<{ readonly body: Readable } | null>
}

/** The earliest date that MS-DOS time holds: for what has none. */
const noDate = new Date(Date.UTC(1980, 0, 1))
const latestDate = Date.UTC(2107, 11, 31, 23, 59, 58)

/**
 * Streams a stored ZIP of `entries`, in their order. Fails when an entry is missing, has another size or breaks
 * off: the stream is then destroyed, so that nobody takes it for whole. File times are the wall time of the
 * capture: cameras and MS-DOS time (APPNOTE 4.4.6) both know no zone.
 */
export function writeBundle(entries: readonly BundleEntry[]): Readable {
  const archive = new ZipArchive({ store: true, highWaterMark: 256 * 1024 })
  void addAll(archive, entries).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  return archive
}

async function addAll(archive: ZipArchive, entries: readonly BundleEntry[]): Promise<void> {
  const broken = new Promise<never>((_resolve, reject) => {
    archive.once('error', reject)
    // What archiver only warns of would be left out: here nothing may be.
    archive.once('warning', reject)
    archive.once('close', () => reject(new Error('the bundle was broken off')))
  })
  // It always rejects in the end; that counts only while an entry waits for it.
  broken.catch(() => undefined)
  // One after the other: an opened stream that waits for its turn would time out.
  for (const entry of entries) await addEntry(archive, entry, broken)
  await archive.finalize()
}

/** Resolves when all of the entry is in the archive. */
async function addEntry(archive: ZipArchive, entry: BundleEntry, broken: Promise<never>): Promise<void> {
  const opened = await entry.open()
  if (!opened) throw new Error('the bytes of an entry are gone')
  const { body } = opened
  const checked = new ByteCheck(entry)
  try {
    const added = new Promise<void>((resolve, reject) => {
      // A stream of a bucket that fails without a listener ends the process, and archiver hears of none.
      body.once('error', (error) => checked.destroy(error))
      checked.once('error', reject)
      archive.once('entry', () => resolve())
    })
    archive.append(body.pipe(checked), { name: entry.name, date: dateOf(entry.takenAt) })
    await Promise.race([added, broken])
  } finally {
    body.destroy()
    checked.destroy()
  }
}

/** Passes bytes on, and fails when they are not those that they should be. */
class ByteCheck extends Transform {
  private left: number
  private crc = 0

  constructor(private readonly entry: Pick<BundleEntry, 'size' | 'crc32' | 'changed'>) {
    super({ highWaterMark: 256 * 1024 })
    this.left = entry.size
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.left -= chunk.length
    this.crc = crc32(chunk, this.crc)
    done(this.left < 0 ? this.entry.changed : null, chunk)
  }

  override _flush(done: TransformCallback): void {
    if (this.left > 0) return done(this.entry.changed)
    done(this.crc === this.entry.crc32 ? null : this.entry.changed)
  }
}

/** archiver writes a date's UTC fields, so that the wall time is given as if it were UTC. */
function dateOf(takenAt: string | null): Date {
  const time = takenAt === null ? NaN : Date.parse(`${takenAt}Z`)
  return time >= noDate.getTime() && time <= latestDate ? new Date(time) : noDate
}
