import { Readable } from 'node:stream'
import type { Request, Response } from 'express'
import { networksOf, ownerParty } from '../../domain/records/limits/network.ts'
import { FairPlaces } from '../../fair/places.ts'
import type { Party } from '../../ports.ts'
import { openFilesLimit } from '../input/connections.ts'
import { addressOf } from '../input/caller.ts'
import type { Sendable } from './send-object.ts'

/**
 * What one process takes at once. With the bytes that wait in each body the first bounds its memory; an open download
 * holds a file or a socket of the bucket for as long as its visitor takes. For tests: fewer.
 */
export const mostPlaces = {
  uploads: Math.min(128, Math.ceil(openFilesLimit() / 16)),
  eventStreams: Math.min(2000, Math.ceil(openFilesLimit() / 4)),
  downloads: Math.min(1500, Math.ceil(openFilesLimit() / 4)),
}

/** The pools of one process that callers hold for long. */
export type Places = { readonly [K in keyof typeof mostPlaces]: FairPlaces }

export const openPlaces = (): Places => ({
  uploads: new FairPlaces(mostPlaces.uploads),
  eventStreams: new FairPlaces(mostPlaces.eventStreams),
  downloads: new FairPlaces(mostPlaces.downloads),
})

/** Senders without an owner yet, who cannot be told apart behind one address, count as this many. */
const unknownSenders: Party = [{ name: 'owner none', persons: 64 }]

/** Whom a sender's request counts for. */
export const senderParty = (req: Request, owner: string | null): Party => [
  ...networksOf(addressOf(req)),
  ...(owner === null ? unknownSenders : ownerParty(owner)),
]

/** Runs `work` while holding one of `places`. Its signal aborts when another party is owed the place. Throws TooBusy. */
export async function inPlace<T>(
  places: FairPlaces,
  party: Party,
  work: (yielding: AbortSignal) => Promise<T>,
): Promise<T> {
  const yielding = new AbortController()
  const place = places.take(party, (reason) => yielding.abort(reason))
  try {
    return await work(yielding.signal)
  } finally {
    place.leave()
  }
}

/**
 * `object`, whose bytes hold a place for as long as the bucket's are open; an answer whose place is owed to somebody else is
 * broken off, and goes on by a range. Bytes that nobody asks for hold none. Throws TooBusy when it is opened.
 */
export const whileInPlace = (
  places: FairPlaces,
  party: Party,
  res: Response,
  object: Sendable,
): Sendable => ({
  ...object,
  async open(range) {
    const place = places.take(party, () => res.destroy())
    try {
      const body = await object.open(range)
      if (body instanceof Readable) body.once('close', () => place.leave())
      else place.leave()
      return body
    } catch (error) {
      place.leave()
      throw error
    }
  },
})
