import { errorOf } from '../api.ts'

/** What keeps a file from arriving, and what can be done about it. */
export interface Trouble {
  /** A code of the API, or one of ours. */
  readonly code: string
  /** `wait`: it passes, we try again by ourselves. `tries`: as that, but not for long. `stop`: trying again alone is no use. */
  readonly cure: 'wait' | 'tries' | 'stop'
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs: number
}

/** An answer, as far as it tells what went wrong. */
export interface Answer {
  getStatus(): number
  /** XMLHttpRequest answers null for a header that is not there, whatever the types of tus-js-client say. */
  getHeader(name: string): string | null | undefined
  getBody(): string
}

/** Statuses that pass by themselves when Mayfly or a proxy before it answers them. */
const passing = new Set([408, 409, 423, 425, 429, 502, 503, 504])

/** Mayfly says on every answer of an upload which version of tus it speaks; a proxy that answers in its place does not. */
export const isFromMayfly = (answer: Answer): boolean => Boolean(answer.getHeader('Tus-Resumable'))

/** A proxy that refuses the size of one request, which says nothing of the file's. */
export const isPartTooLarge = (answer: Answer): boolean => answer.getStatus() === 413 && !isFromMayfly(answer)

export function troubleOfAnswer(answer: Answer): Trouble {
  const status = answer.getStatus()
  const seconds = Number(answer.getHeader('Retry-After') ?? 0)
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : 0
  const { code } = errorOf(status, answer.getBody())
  // The owner's quota is a 429 too.
  if (code === 'owner-quota' || code === 'instance-full') return { code, cure: 'stop', retryAfterMs }
  if (passing.has(status))
    return { code: code === 'internal' ? 'conflict' : code, cure: 'wait', retryAfterMs }
  // Some proxies answer so while they know no living server behind them.
  if (status === 404 && !isFromMayfly(answer)) return { code: 'unavailable', cure: 'wait', retryAfterMs }
  const isKnown = status >= 400 && status < 500 && status !== 400
  return { code, cure: isKnown ? 'stop' : 'tries', retryAfterMs }
}

/** Why there was no answer at all. The browser tells a page that a request failed, never why. */
export async function troubleWithoutAnswer(file: File): Promise<Trouble> {
  const code = (await faultOf(file)) ?? (navigator.onLine ? 'network' : 'offline')
  return { code, cure: code.startsWith('file-') ? 'stop' : 'wait', retryAfterMs: 0 }
}

/** Reads a byte of the file again: a browser refuses that once the file is not the one that was chosen. */
async function faultOf(file: File): Promise<'file-gone' | 'file-changed' | null> {
  try {
    await file.slice(0, 1).arrayBuffer()
    return null
  } catch (error) {
    return error instanceof DOMException && error.name === 'NotFoundError' ? 'file-gone' : 'file-changed'
  }
}
