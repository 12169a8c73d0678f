import type { Request, Response } from 'express'
import type { Download } from '../../domain/items/recipient-copies.ts'
import { Refused, notFound } from '../../domain/records/errors.ts'
import { objects } from '../../domain/records/keys.ts'
import { authorizeForItem, type Access } from '../../domain/gate/authorize.ts'
import { linkParty, networksOf } from '../../domain/records/limits/network.ts'
import type { Item, RenditionName } from '../../domain/records/records.ts'
import { askForRendition, type Question } from '../../domain/gate/still-allowed.ts'
import type { FairPlaces } from '../../fair/places.ts'
import type { WebContext } from '../context.ts'
import { createBytesCache } from './bytes-cache.ts'
import type { LinkWatch } from './link-watch.ts'
import { whileInPlace } from './fair-places.ts'
import { idSchema, credentialsOf, parseAddress } from '../input/caller.ts'
import { openRight } from './checked-object.ts'
import { sendObject, type Sendable } from './send-object.ts'

/** Sends visitors what the bucket holds. Past the gate only; what runs is broken once the gate would refuse it. */
export interface VisitorBytes {
  stored(key: string, facts: Pick<Download, 'size' | 'crc32' | 'sha256'>, mime: string): Sendable
  /** `question` is asked again and again while it runs. */
  send(req: Request, res: Response, object: Sendable, question: Question): Promise<void>
  /** Throws Refused: `unknown` if there will be no such rendition, `not-ready` if it is still to come. */
  sendRendition(req: Request, res: Response, item: Item, name: RenditionName): Promise<void>
}

export function visitorBytes(context: WebContext, watchers: LinkWatch, places: FairPlaces): VisitorBytes {
  const watch = (req: Request, res: Response, question: Question): void =>
    watchers.add(credentialsOf(context, req), res, question)

  const stored: VisitorBytes['stored'] = (key, facts, mime) => ({
    size: facts.size,
    etag: facts.sha256,
    sha256: facts.sha256,
    mime,
    open: (range) => openRight(context.ports, { key, stored: facts }, range),
  })

  /** A small picture comes from memory where it was sent lately. */
  const keptBytes = createBytesCache()
  const kept = (object: Sendable, key: string): Sendable => ({
    ...object,
    open: async (range) => {
      const { etag: sha256, size } = object
      const bytes = await keptBytes.take({ key, sha256, size }, () =>
        object.open({ start: 0, end: size - 1 }),
      )
      return bytes?.subarray(range.start, range.end + 1) ?? object.open(range)
    },
  })

  async function send(req: Request, res: Response, object: Sendable, question: Question): Promise<void> {
    watch(req, res, question)
    const { secret, address = '' } = credentialsOf(context, req)
    await sendObject(
      req,
      res,
      whileInPlace(places, [...networksOf(address), ...linkParty(secret)], res, object),
    )
  }

  /** A small picture is sent at once: it holds no place. */
  async function sendSmall(req: Request, res: Response, object: Sendable, question: Question): Promise<void> {
    watch(req, res, question)
    await sendObject(req, res, object)
  }

  return {
    stored,
    send,
    async sendRendition(req, res, item, name) {
      const rendition = item.renditions[name]
      if (!rendition)
        throw item.state === 'ready' || item.state === 'failed' ? notFound('picture') : notReady()
      const key = objects.rendition(item.id, name)
      const object = stored(key, rendition, rendition.mime)
      const question = askForRendition(item, name)
      if (name === 'thumb' || name === 'small') await sendSmall(req, res, kept(object, key), question)
      else await send(req, res, object, question)
    },
  }
}

const notReady = () =>
  new Refused('not-ready', 'This is still being prepared. Try again in a moment.', { retryAfterSeconds: 5 })

/** Passes the gate for the item of the address. */
export const authorizeItem = (context: WebContext, req: Request): Promise<{ access: Access; item: Item }> =>
  authorizeForItem(context.ports, credentialsOf(context, req), parseAddress(idSchema, req.params['id']))
