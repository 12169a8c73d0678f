import type { Request } from 'express'
import { Refused } from '../../../domain/records/errors.ts'
import { boundaryOf, formParts, MalformedForm, type FormPart } from './form-parts.ts'
import { bodyOf } from './request-body.ts'

/** Longest value of a form's field, in bytes. */
const maxFieldBytes = 8 * 1024
const maxFields = 32

export interface MultipartFile {
  /** As the client sent it, path included: not safe for anything yet. */
  readonly filename: string
  readonly body: AsyncIterable<Buffer>
}

/**
 * Reads a multipart form as it comes in: files go to `onFile` one after the other, each read to its end before the next
 * begins; fields are collected. Whatever `onFile` throws ends the reading, and so does `signal`. Throws Refused (`bad-request`,
 * `too-many-items`, `too-slow`) for a form that is cut off, malformed or past its bounds.
 */
export async function readMultipart(
  req: Request,
  options: { maxFiles: number; signal: AbortSignal; onFile: (file: MultipartFile) => Promise<void> },
): Promise<ReadonlyMap<string, string>> {
  const boundary = boundaryOf(req.get('content-type'))
  if (boundary === null) throw new Refused('bad-request', 'The form has no boundary.')
  const fields = new Map<string, string>()
  let files = 0
  const body = bodyOf(req, options.signal)
  try {
    for await (const { name, filename, body: bytes } of formParts(body, boundary)) {
      if (filename === null) {
        if (fields.size >= maxFields) throw new Refused('bad-request', 'The form has too many fields.')
        if (fields.has(name)) throw new Refused('bad-request', `The field “${name}” was sent twice.`)
        fields.set(name, await textOf(name, bytes))
        continue
      }
      files += 1
      if (files > options.maxFiles)
        throw new Refused('too-many-items', `No more than ${options.maxFiles} files at once.`, {
          limit: options.maxFiles,
        })
      if (name !== 'files') throw new Refused('bad-request', 'Send files in the field “files”.')
      if (filename === '') throw new Refused('bad-request', 'A file has no name.')
      await options.onFile({ filename, body: bytes })
    }
    return fields
  } catch (error) {
    if (!(error instanceof MalformedForm)) throw error
    throw new Refused('bad-request', 'The form is not complete multipart/form-data.', {}, { cause: error })
  } finally {
    // What still waits for bytes hears that none will come.
    await body.return?.()
  }
}

async function textOf(name: string, body: FormPart['body']): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    if (length > maxFieldBytes)
      throw new Refused('bad-request', `The field “${name}” is too long.`, { limit: maxFieldBytes })
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
