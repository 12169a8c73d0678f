import { Router, type Request, type Response } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import { createResumable, receiveBytes, resume, terminate } from '../../domain/uploads/resumable.ts'
import type { Resumable } from '../../domain/records/resumable-record.ts'
import type { FairPlaces } from '../../fair/places.ts'
import type { Party, Sharer } from '../../ports.ts'
import type { WebContext } from '../context.ts'
import { answerOf } from '../errors.ts'
import { inPlace, senderParty } from '../delivery/fair-places.ts'
import { idSchema, parseAddress, requireOwner } from '../input/caller.ts'
import { bodyOf } from '../input/bodies/request-body.ts'
import { countedSender, requireSender } from '../input/sender-session.ts'
import { bytesHeader, fileOf } from './tus-headers.ts'

const version = '1.0.0'
const extensions = 'creation,creation-with-upload,expiration,termination'
const bytesType = 'application/offset+octet-stream'
/** Answers of the protocol whose status none of our reasons has. */
class ProtocolError extends Error {
  override readonly name = 'ProtocolError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Resumable uploads: tus 1.0 (https://tus.io/protocols/resumable-upload) with some of its extensions. */
export function tus(context: WebContext, places: FairPlaces): Router {
  const { ports } = context
  const router = Router()
  const bodies = new Bodies(places)

  router.use((req, res, next) => {
    res.set({ 'Tus-Resumable': version, 'Cache-Control': 'no-store' })
    if (req.method === 'OPTIONS' || req.get('tus-resumable') === version) return next()
    res.set('Tus-Version', version)
    next(new ProtocolError(412, 'Another version of tus'))
  })

  router.options('/{:id}', (_req, res) => {
    res.set({
      'Tus-Version': version,
      'Tus-Extension': extensions,
      'Tus-Max-Size': String(ports.limits.maxFileBytes),
    })
    res.status(204).end()
  })

  router.post('/', async (req, res) => {
    await requireSender(context, req)
    const owner = await requireOwner(context, req)
    if (req.get('upload-length') === undefined)
      throw new Refused('bad-request', 'Upload-Length must be known from the beginning.')
    const size = bytesHeader(req, 'Upload-Length')
    const created = await createResumable(ports, { owner: owner.id, size, ...fileOf(req) })
    const upload = hasBytes(req) ? await receiveFirst(req, created) : created
    setUploadHeaders(res, upload)
    res.set('Location', `${req.baseUrl}/${created.id}`).status(201).end()
  })

  router.head('/:id', async (req, res) => {
    const upload = await inPatience(async () => {
      const name = await nameOf(req)
      // A client that asks for the offset no longer sends on another connection, even if this end has not noticed.
      await bodies.breakOff(name.id)
      return resume(ports, name)
    })
    setUploadHeaders(res, upload)
    res.set('Upload-Length', String(upload.size)).status(200).end()
  })

  router.patch('/:id', async (req, res) => {
    const name = await nameOf(req)
    if (!hasBytes(req)) throw new ProtocolError(415, 'Another content type')
    setUploadHeaders(res, await receive(req, name, bytesHeader(req, 'Upload-Offset')))
    res.status(204).end()
  })

  router.delete('/:id', async (req, res) => {
    const name = await nameOf(req)
    await bodies.breakOff(name.id)
    await terminate(ports, name)
    res.status(204).end()
  })

  async function nameOf(req: Request): Promise<{ owner: string; id: string }> {
    const owner = await requireOwner(context, req)
    return { owner: owner.id, id: parseAddress(idSchema, req.params['id']) }
  }

  /** The bytes that came with a creation. */
  async function receiveFirst(req: Request, created: Resumable): Promise<Resumable> {
    try {
      return await receive(req, created, 0)
    } catch (error) {
      // The client never heard of the upload's address: nobody can go on with it.
      await terminate(ports, created).catch((cause: unknown) => {
        // Refused: it has ended by itself, as for a file of another kind.
        if (!(cause instanceof Refused))
          ports.log.warn({ err: cause }, 'upload not ended; the sweep will end it')
      })
      throw error
    }
  }

  /** Turns temporary failures into 423: on any other failure of HEAD clients send the whole file again. */
  async function inPatience<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      const { status } = answerOf(error)
      if (status < 500 && status !== 409) throw error
      ports.log.warn({ err: error }, 'an upload cannot be resumed right now')
      throw new ProtocolError(423, 'Not now')
    }
  }

  const receive = (req: Request, { owner, id }: { owner: string; id: string }, offset: number) =>
    bodies.take(id, senderParty(req, owner), (signal, by) =>
      receiveBytes(ports, {
        ...{ owner, id, offset, body: bodyOf(req, signal), by },
        sender: countedSender(context, req),
      }),
    )

  return router
}

const hasBytes = (req: Request): boolean => req.get('content-type') === bytesType

function setUploadHeaders(res: Response, upload: Resumable): void {
  res.set('Upload-Offset', String(upload.offset))
  if (upload.isComplete) res.set('Mayfly-Item', upload.item)
  else res.set('Upload-Expires', new Date(upload.expiresAt).toUTCString())
}

/** The bodies that this process takes at this moment. */
class Bodies {
  private readonly running = new Map<string, { stop: AbortController; done: Promise<unknown> }>()

  constructor(private readonly places: FairPlaces) {}

  /**
   * Throws Refused('conflict') when a body of this upload runs, and TooBusy when there is no place, also when that is owed
   * to somebody else later: what came until then is kept, and the client goes on from there.
   */
  async take<T>(id: string, party: Party, work: (signal: AbortSignal, by: Sharer) => Promise<T>): Promise<T> {
    if (this.running.has(id)) throw new Refused('conflict', 'Another connection is writing to this upload.')
    const stop = new AbortController()
    const by: Sharer = { party, yieldPlace: (reason) => stop.abort(reason) }
    const done = inPlace(this.places, party, (yielding) => work(AbortSignal.any([stop.signal, yielding]), by))
    this.running.set(id, { stop, done: done.catch(() => {}) })
    try {
      return await done
    } finally {
      this.running.delete(id)
    }
  }

  /** Ends the body of an upload, if there is one, and waits until what came of it is kept. */
  async breakOff(id: string): Promise<void> {
    const body = this.running.get(id)
    body?.stop.abort(new Refused('conflict', 'Another connection is continuing this upload.'))
    await body?.done
  }
}
