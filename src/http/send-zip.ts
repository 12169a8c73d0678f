import type { Request, Response } from 'express'
import type { Download } from '../domain/copies.ts'
import type { CaptureDate } from '../media/types.ts'
import { contentDisposition, uniqueNames } from '../media/names.ts'
import { planZip } from '../media/zip/plan.ts'
import { readZip } from '../media/zip/read.ts'
import type { Bucket } from '../ports.ts'
import { sendObject } from './send-object.ts'

export interface Archive {
  readonly name: string
  readonly files: readonly (Download & { readonly capturedAt: CaptureDate | null })[]
}

/**
 * Answers with a stored ZIP of `files`: its length and ETag are known ahead, and any range is read from the bucket
 * alone, so that a download that broke off goes on where it stopped.
 */
export async function sendZip(
  req: Request,
  res: Response,
  bucket: Bucket,
  { name, files }: Archive,
): Promise<void> {
  const names = uniqueNames(files.map((file) => file.name))
  const plan = planZip(
    files.map(({ key, size, crc32, sha256, capturedAt }, index) => ({
      key,
      size,
      crc32,
      name: names[index] ?? key,
      modifiedAt: capturedAt,
      etag: sha256,
    })),
  )
  await sendObject(req, res, {
    size: plan.size,
    etag: plan.etag,
    mime: 'application/zip',
    disposition: contentDisposition(name, 'attachment'),
    open: (range) => Promise.resolve(readZip(plan, { range, open: (key, part) => bucket.open(key, part) })),
  })
}
