import type { Request } from 'express'
import { Refused } from '../../../domain/records/errors.ts'
import { guardSlowBody } from './slow-body.ts'

/** What a body may hold in memory while nobody takes it, besides the socket's own. */
const mostWaiting = 512 * 1024

/**
 * The bytes of a request as they come in, no faster than they are taken. Throws Refused when the client goes away
 * (`bad-request`) or sends next to nothing (`too-slow`), and the reason of `signal`. It never ends the request itself,
 * so that it can still be answered. Its `return` also ends whoever waits for the next bytes at that moment.
 */
export function bodyOf(req: Request, signal?: AbortSignal): AsyncIterableIterator<Buffer> {
  const left = new AbortController()
  const bytes = bytesOf(req, signal ? AbortSignal.any([signal, left.signal]) : left.signal)
  // A generator that threw has ended; a later caller must not take a broken body for a short one.
  let failure: { reason: unknown } | null = null
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (failure) throwReason(failure)
      try {
        return await bytes.next()
      } catch (reason) {
        failure = { reason }
        throw reason
      }
    },
    return() {
      left.abort(new Refused('bad-request', 'Nobody reads the body any more.'))
      failure ??= { reason: left.signal.reason }
      return bytes.return(undefined)
    },
  }
}

async function* bytesOf(req: Request, signal: AbortSignal): AsyncGenerator<Buffer, undefined> {
  const waiting: Buffer[] = []
  let bytes = 0
  let failure: { reason: unknown } | null = null
  let wake = (): void => {}
  const fail = (reason: unknown): void => {
    failure ??= { reason }
    wake()
  }
  const onData = (chunk: Buffer): void => {
    waiting.push(chunk)
    bytes += chunk.length
    if (bytes >= mostWaiting) req.pause()
    wake()
  }
  const onEnd = (): void => wake()
  const onClose = (): void => {
    if (!req.complete) fail(new Refused('bad-request', 'The upload was interrupted.'))
  }
  const onAbort = (): void => fail(signal.reason)
  const guard = guardSlowBody(req)
  guard.failed.catch(fail)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  if (req.destroyed) onClose()
  req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  try {
    for (;;) {
      const next = waiting.shift()
      if (next) {
        bytes -= next.length
        if (req.isPaused() && bytes < mostWaiting / 2) req.resume()
        yield next
      } else if (failure) throwReason(failure)
      else if (req.readableEnded) return undefined
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    guard.stop()
    signal.removeEventListener('abort', onAbort)
    req.off('data', onData).off('end', onEnd).off('close', onClose)
    req.pause()
  }
}

function throwReason({ reason }: { reason: unknown }): never {
  throw reason
}
