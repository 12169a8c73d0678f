import type { Request } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import { isOfWrongKind, storeFile } from '../../domain/uploads/store-file.ts'
import { type Received } from '../../domain/items/item.ts'
import {
  abandonUpload,
  beginUpload,
  forgetUnsavedOwner,
  type Upload,
} from '../../domain/records/limits/reservation.ts'
import { endOfPath, safeName } from '../../media/names/names.ts'
import type { Party, Ports } from '../../ports.ts'
import type { FairPlaces } from '../../fair/places.ts'
import { readMultipart } from '../input/bodies/multipart.ts'
import { inPlace, senderParty } from '../delivery/fair-places.ts'

export interface UploadedForm {
  readonly upload: Upload
  /** At least one. */
  readonly received: readonly Received[]
  /** Why files of a wrong kind were left out: `unsupported-format`, or `bad-request` for an empty one. */
  readonly skipped: readonly Refused[]
  readonly fields: ReadonlyMap<string, string>
}

export interface FormSender {
  readonly owner: string
  /** True when the owner is not stored yet. */
  readonly isNewOwner: boolean
  /** Whom the bytes count for within a day. */
  readonly counted: Party
}

/** Files of one form that may be on their way into the bucket at the same time. */
const storedAtOnce = 8

/**
 * Streams a form's files into the bucket and hands them to `use`, which records them. A file of a wrong kind is
 * left out where others are good. Whatever else fails on the way, in the form or in `use`, leaves nothing behind: a file that
 * is too large, or more than there is room for, refuses all. Throws TooBusy when too many come in at once and none of their places is
 * owed to this sender.
 */
export async function withUploadForm<T>(
  ports: Ports,
  places: FairPlaces,
  req: Request,
  sender: FormSender,
  use: (form: UploadedForm) => Promise<T>,
): Promise<T> {
  if (!req.is('multipart/form-data'))
    throw new Refused('bad-request', 'Send the files as multipart/form-data.')
  return inPlace(places, senderParty(req, sender.isNewOwner ? null : sender.owner), (signal) =>
    receiveForm(ports, req, sender, signal, use),
  )
}

async function receiveForm<T>(
  ports: Ports,
  req: Request,
  { owner, isNewOwner, counted }: FormSender,
  signal: AbortSignal,
  use: (form: UploadedForm) => Promise<T>,
): Promise<T> {
  // The whole form is a little more than its files: enough to refuse early, settled exactly at the end.
  const length = Number(req.get('content-length'))
  const storing: Promise<Received | Refused>[] = []
  const upload = await beginUpload(ports, owner, Number.isSafeInteger(length) ? length : null, counted)
  try {
    const fields = await readMultipart(req, {
      maxFiles: ports.limits.maxAlbumItems,
      signal,
      onFile: async ({ filename, body }) => {
        // The next file comes in while this one is still on its way to the disk; a few of them at most.
        if (storing.length >= storedAtOnce) await storing[storing.length - storedAtOnce]
        await new Promise<void>((resolve, reject) => {
          const incoming = { ...namesOf(filename), body, onReceived: resolve }
          const stored = storeFile(ports, upload, incoming).catch((error: unknown) => {
            if (isOfWrongKind(error)) return error
            throw error
          })
          storing.push(stored)
          stored.then(() => resolve(), reject)
        })
      },
    })
    const outcomes = await Promise.all(storing)
    const skipped = outcomes.filter((outcome) => outcome instanceof Refused)
    const received = outcomes.filter((outcome): outcome is Received => !(outcome instanceof Refused))
    if (received.length === 0)
      throw (
        skipped.find(({ reason }) => reason === 'unsupported-format') ??
        skipped[0] ??
        new Refused('bad-request', 'There is no file in the field “files”.')
      )
    return await use({ upload, received, skipped, fields })
  } catch (error) {
    // What has begun must have ended before its bytes are deleted.
    await Promise.allSettled(storing)
    await abandonUpload(ports, upload)
    if (isNewOwner) await forgetUnsavedOwner(ports, owner)
    throw error
  }
}

/** Deepest folder that is kept of a folder upload. */
const maxDepth = 16

/** Splits what a client calls a file into a safe name and the folder that it came from. */
export function namesOf(filename: string): { name: string; folder: string | null } {
  const parts = endOfPath(filename)
    .split(/[/\\]+/)
    .filter((part) => part !== '' && part !== '.' && part !== '..')
  const folder = parts.slice(0, -1).slice(0, maxDepth).map(safeName).join('/')
  return { name: safeName(parts.at(-1) ?? ''), folder: folder || null }
}
