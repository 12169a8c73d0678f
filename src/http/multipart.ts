import busboy from 'busboy'
import type { Request } from 'express'
import type { Readable } from 'node:stream'
import { Refused } from '../domain/errors.ts'
import { guardSlowBody } from './slow-body.ts'

/** Longest value of a form's field, in bytes. */
const maxFieldBytes = 8 * 1024
const maxFields = 32

export interface MultipartFile {
  /** As the client sent it, path included: not safe for anything yet. */
  readonly filename: string
  readonly body: Readable
}

/**
 * Reads a multipart form (RFC 7578) as it comes in: files go to `onFile` one after the other, each read to its end
 * before the next begins; fields are collected. Whatever `onFile` throws ends the reading. Throws Refused
 * (`bad-request`, `too-many-items`, `too-slow`) for a form that is cut off, malformed or past its bounds.
 */
export async function readMultipart(
  req: Request,
  options: { maxFiles: number; onFile: (file: MultipartFile) => Promise<void> },
): Promise<ReadonlyMap<string, string>> {
  const fields = new Map<string, string>()
  const form = openForm(req, options.maxFiles)
  const guard = guardSlowBody(req)
  let files: Promise<void> = Promise.resolve()
  const bodies = new Set<Readable>()
  try {
    await new Promise<void>((resolve, reject) => {
      form.on('field', (name, value, info) => {
        if (info.valueTruncated || info.nameTruncated)
          reject(new Refused('bad-request', `The field “${name}” is too long.`, { limit: maxFieldBytes }))
        else if (fields.has(name))
          reject(new Refused('bad-request', `The field “${name}” stands there twice.`))
        else fields.set(name, value)
      })
      form.on('file', (name, body, info) => {
        // busboy breaks off a file's stream when the form is cut off; whoever reads it then hears of it too.
        body.on('error', (error) => reject(malformed(error)))
        bodies.add(body)
        body.once('close', () => bodies.delete(body))
        if (name !== 'files')
          return reject(new Refused('bad-request', `Files belong into the field “files”.`))
        if (!info.filename) return reject(new Refused('bad-request', 'A file has no name.'))
        const { filename } = info
        files = files.then(() => options.onFile({ filename, body }))
        files.catch(reject)
      })
      form.on('filesLimit', () =>
        reject(
          new Refused('too-many-items', `No more than ${options.maxFiles} files at once.`, {
            limit: options.maxFiles,
          }),
        ),
      )
      form.on('fieldsLimit', () => reject(new Refused('bad-request', 'The form has too many fields.')))
      form.on('partsLimit', () => reject(new Refused('bad-request', 'The form has too many parts.')))
      form.on('error', (error) => reject(malformed(error)))
      form.on('close', () => void files.then(resolve, reject))
      // Without its end: the client left, or what followed the body on its connection was no HTTP.
      const onClose = () => {
        if (!req.readableEnded) reject(new Refused('bad-request', 'The upload was broken off.'))
      }
      req.once('close', onClose)
      // It may have happened before anybody listened.
      if (req.destroyed) onClose()
      guard.failed.catch(reject)
      req.pipe(form)
    })
  } catch (error) {
    req.unpipe(form)
    form.destroy()
    for (const body of bodies) body.destroy(error instanceof Error ? error : malformed(error))
    // What has begun must have ended before the caller cleans up after it.
    await files.catch(() => {})
    throw error
  } finally {
    guard.stop()
  }
  return fields
}

const malformed = (cause: unknown) =>
  new Refused('bad-request', 'The form is not complete multipart/form-data.', {}, { cause })

function openForm(req: Request, maxFiles: number): busboy.Busboy {
  try {
    return busboy({
      headers: req.headers,
      preservePath: true,
      defParamCharset: 'utf8',
      highWaterMark: 256 * 1024,
      fileHwm: 256 * 1024,
      limits: {
        fieldSize: maxFieldBytes,
        fields: maxFields,
        files: maxFiles,
        parts: maxFiles + maxFields,
        headerPairs: 32,
      },
    })
  } catch (cause) {
    // No boundary, or another content type.
    throw malformed(cause)
  }
}
