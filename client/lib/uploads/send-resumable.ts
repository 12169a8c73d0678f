import { DetailedError, Upload, type HttpRequest, type HttpResponse } from 'tus-js-client'
import { ApiError } from '../api.ts'
import { growAfterArrival, lowerAfterRefusal, partBytes, shrinkAfterBreak } from './part-size.ts'
import type { SendFile, SentItem } from './send-file.ts'
import {
  isFromMayfly,
  isPartTooLarge,
  troubleOfAnswer,
  troubleWithoutAnswer,
  type Trouble,
} from './upload-trouble.ts'

/** Waits before the tries that follow trouble, in milliseconds; the last one again and again. Each byte that is safe begins them anew. */
const delays = [0, 500, 1000, 2000, 3000, 5000, 10_000]
/** Tries without a byte that is safe, where the server answers at all. */
const mostTries = 10
/** A request that moves nothing for this long is broken off, in milliseconds. */
const stallMs = 45_000

/** Up to that a file goes with its creation, in bytes. */
const smallBytes = 1024 * 1024

/** The same file in another share is another upload. */
const fingerprint = (album: string, { name, size, lastModified }: File): string =>
  ['mayfly', album, name, size, lastModified].join('/')

/**
 * By tus 1.0, in parts: a proxy may take no larger ones, or pass nothing of a broken one on. After a broken connection, a
 * reload or a restart of the server it goes on with the byte after the last one that is safe, for as long as it takes.
 */
export const sendResumably: SendFile = async (album, file, { onProgress, onHold, signal }) => {
  const sender = new Sender(album, file, onProgress, () => onHold(null), signal)
  let tries = 0
  for (;;) {
    const safeBefore = sender.safe
    const outcome = await sender.attempt()
    if ('id' in outcome) return outcome
    if (sender.safe > safeBefore) tries = 0
    const { code, cure, retryAfterMs } = outcome
    tries += 1
    // A server that is away may stay away for long; one that answers, and yet takes nothing, will not.
    const isHopeless = cure === 'tries' || (sender.wasAnswered && (code === 'network' || code === 'conflict'))
    if (cure === 'stop' || (isHopeless && tries >= mostTries)) throw new ApiError(code, '')
    const wait = Math.max(retryAfterMs, delays[Math.min(tries, delays.length) - 1] ?? 0)
    // Another connection of ours that has not ended yet: nothing to tell.
    if (wait > 0 && code !== 'conflict') onHold(code)
    if (await untilOnlineOr(wait, signal)) tries = 0
  }
}

/** Sends one file, as often as it is asked to. */
class Sender {
  /** Bytes that the server said are safe. */
  safe = 0
  /** Whether the server answered in the last attempt. */
  wasAnswered = false
  private url: string | null = null
  private item = ''
  /** Bytes of the part under way. */
  private part = 0
  private hasBroken = false

  constructor(
    private readonly album: string,
    private readonly file: File,
    private readonly onProgress: (bytes: number) => void,
    private readonly onMoving: () => void,
    private readonly signal: AbortSignal,
  ) {}

  /** Throws AbortError once the signal says so. */
  async attempt(): Promise<SentItem | Trouble> {
    this.signal.throwIfAborted()
    this.wasAnswered = false
    const ended = new AbortController()
    const upload = new Upload(this.file, this.options())
    try {
      return await new Promise<SentItem | Trouble>((resolve, reject) => {
        let stalled: ReturnType<typeof setTimeout> | undefined
        const giveUp = (): void => {
          void upload.abort()
          troubleWithoutAnswer(this.file).then(resolve, reject)
        }
        const isAlive = (): void => {
          clearTimeout(stalled)
          stalled = setTimeout(giveUp, stallMs)
        }
        ended.signal.addEventListener('abort', () => clearTimeout(stalled))
        // Of a request that was under way then, a browser may hear nothing more.
        window.addEventListener('offline', giveUp, { signal: ended.signal })
        const onAbort = (): void => {
          upload.abort(this.signal.reason === 'remove').catch(() => undefined)
          reject(new DOMException('aborted', 'AbortError'))
        }
        this.signal.addEventListener('abort', onAbort, { signal: ended.signal })
        Object.assign(upload.options, {
          onBeforeRequest: isAlive,
          onProgress: (bytes: number) => {
            isAlive()
            this.onProgress(bytes)
          },
          onChunkComplete: () => {
            growAfterArrival()
            this.part = upload.options.chunkSize = partBytes()
          },
          onAfterResponse: (request: HttpRequest, response: HttpResponse) => {
            this.read(request, response)
            upload.options.chunkSize = this.part
          },
          onSuccess: () => resolve({ id: this.item, state: 'uploaded' }),
          onError: (error: Error) => {
            this.troubleOf(error).then(resolve, reject)
          },
        })
        isAlive()
        this.begin(upload).catch(reject)
      })
    } finally {
      ended.abort()
      this.url = upload.url
    }
  }

  private async begin(upload: Upload): Promise<void> {
    const [previous] = await upload.findPreviousUploads()
    if (previous) upload.resumeFromPreviousUpload(previous)
    else upload.url = this.url
    if (!this.signal.aborted) upload.start()
  }

  private options() {
    const { album, file } = this
    const folder = file.webkitRelativePath.split('/').slice(0, -1).join('/')
    this.part = partBytes()
    return {
      endpoint: '/api/v1/uploads',
      metadata: { album, filename: file.name, ...(folder ? { folder } : {}) },
      fingerprint: () => Promise.resolve(fingerprint(album, file)),
      retryDelays: null,
      chunkSize: this.part,
      // One request for a small file. A creation that breaks off leaves no address to go on with: a large file has its own.
      uploadDataDuringCreation: file.size <= Math.min(smallBytes, this.part),
      removeFingerprintOnSuccess: true,
    }
  }

  private read(request: HttpRequest, response: HttpResponse): void {
    if (response.getStatus() < 300) {
      this.wasAnswered = true
      this.item = response.getHeader('Mayfly-Item') ?? this.item
      const safe = Number(response.getHeader('Upload-Offset') ?? 0)
      if (this.hasBroken && safe <= this.safe) {
        shrinkAfterBreak(this.part)
        this.part = partBytes()
      }
      this.hasBroken = false
      this.safe = safe
      this.onMoving()
    } else if (request.getMethod() === 'HEAD') {
      // Else a moment's trouble of a proxy would count as the end of the upload, and all of it be sent anew.
      const hasEnded = [404, 410].includes(response.getStatus()) && isFromMayfly(response)
      if (!hasEnded) throw new NotNow(troubleOfAnswer(response))
    }
  }

  private async troubleOf(error: Error): Promise<Trouble> {
    if (!(error instanceof DetailedError)) throw error
    if (error.causingError instanceof NotNow) return error.causingError.trouble
    const answer = error.originalResponse
    if (!answer) {
      this.hasBroken = error.originalRequest.getMethod() === 'PATCH'
      return troubleWithoutAnswer(this.file)
    }
    if (!isPartTooLarge(answer)) return troubleOfAnswer(answer)
    const canBeSmaller = lowerAfterRefusal(Math.min(this.part, this.file.size - this.safe))
    return { code: 'part-too-large', cure: canBeSmaller ? 'wait' : 'stop', retryAfterMs: 0 }
  }
}

/** A HEAD that told nothing of the upload. */
class NotNow extends Error {
  constructor(readonly trouble: Trouble) {
    super('not now')
  }
}

/** Waits, but no longer than until the browser is back on the net: then it answers true. Throws AbortError. */
function untilOnlineOr(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController()
    const end = (isOnline: boolean): void => {
      clearTimeout(timer)
      ended.abort()
      resolve(isOnline)
    }
    const timer = setTimeout(() => end(false), ms)
    window.addEventListener('online', () => end(true), { signal: ended.signal })
    const abort = (): void => {
      clearTimeout(timer)
      ended.abort()
      reject(new DOMException('aborted', 'AbortError'))
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { signal: ended.signal })
  })
}
