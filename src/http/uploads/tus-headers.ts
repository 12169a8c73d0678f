import type { Request } from 'express'
import { z } from 'zod'
import { Refused } from '../../domain/records/errors.ts'
import { idSchema, parse } from '../input/caller.ts'
import { namesOf } from './upload-form.ts'

/** A whole number of bytes in a header (tus 1.0, “Upload-Offset”, “Upload-Length”). */
export function bytesHeader(req: Request, name: string): number {
  const text = req.get(name) ?? ''
  const bytes = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(bytes)) throw new Refused('bad-request', `${name} must be a number of bytes.`)
  return bytes
}

const metadataSchema = z.object({
  album: idSchema,
  filename: z.string().min(1).max(4096),
  folder: z.string().max(4096).default(''),
})

/** What `Upload-Metadata` says of a file: its album, and its name and folder in a form that is safe for display. */
export function fileOf(req: Request): { album: string; name: string; folder: string | null } {
  const given = parseMetadata(req.get('upload-metadata') ?? '')
  const { album, filename, folder } = parse(metadataSchema, Object.fromEntries(given))
  return { album, ...namesOf(`${folder}/${filename}`) }
}

/** Pairs of a key and a value in Base64, divided by commas (tus 1.0, “Upload-Metadata”). */
function parseMetadata(header: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const pair of header.split(',')) {
    const [key = '', value = '', ...rest] = pair.trim().split(' ')
    const isWell = /^[\x21-\x7e]+$/.test(key) && /^[A-Za-z0-9+/]*={0,2}$/.test(value) && rest.length === 0
    if (!isWell || values.has(key)) throw new Refused('bad-request', 'Upload-Metadata is not well-formed.')
    values.set(key, Buffer.from(value, 'base64').toString('utf8'))
  }
  return values
}
