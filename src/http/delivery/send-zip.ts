import type { ArchiveFile } from '../../domain/gate/archive.ts'
import { suspect } from '../../domain/backup/integrity/integrity.ts'
import { contentDisposition, uniqueNames } from '../../media/names/names.ts'
import { planZip, type ZipPlan } from '../../media/zip/plan.ts'
import { ZipEntryError } from '../../media/zip/entry-source.ts'
import { readZip } from '../../media/zip/read.ts'
import type { Ports } from '../../ports.ts'
import type { Sendable } from './send-object.ts'

/** Lays out a stored ZIP of `files`, each under a name of its own. */
export function planFiles(files: readonly ArchiveFile[]): ZipPlan {
  const names = uniqueNames(files.map((file) => file.name))
  return planZip(
    files.map(({ key, size, crc32, sha256, capturedAt }, index) => ({
      key,
      size,
      crc32,
      name: names[index] ?? key,
      modifiedAt: capturedAt,
      etag: sha256,
    })),
  )
}

/**
 * A stored ZIP as it is sent: its length and ETag are known ahead, and any range is read from the bucket alone, so that
 * a download that broke off goes on where it stopped.
 */
export const zipOf = (
  ports: Pick<Ports, 'store' | 'bucket' | 'log'>,
  { name, plan }: { readonly name: string; readonly plan: ZipPlan },
): Sendable => ({
  size: plan.size,
  etag: plan.etag,
  mime: 'application/zip',
  disposition: contentDisposition(name, 'attachment'),
  open: (range) => {
    const zip = readZip(plan, { range, open: (key, part) => ports.bucket.open(key, part) })
    zip.once('error', (error) => {
      // The connection breaks; the scrub looks at what is missing or of another size.
      if (error instanceof ZipEntryError && error.reason !== 'failed') void suspect(ports, error.key, error)
    })
    return Promise.resolve(zip)
  },
})
