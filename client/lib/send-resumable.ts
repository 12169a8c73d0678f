import { DetailedError, Upload } from 'tus-js-client'
import { ApiError, errorOf } from './api.ts'
import type { SendFile } from './send-file.ts'

/** Waits before the tries that follow a broken connection, in milliseconds; each byte that gets through begins them anew. */
const retryDelays = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000, 30_000, 30_000]

/** Up to that a file goes with its creation, in bytes. */
const smallBytes = 1024 * 1024

/** The same file in another share is another upload. */
const fingerprint = (album: string, { name, size, lastModified }: File): string =>
  ['mayfly', album, name, size, lastModified].join('/')

/**
 * By tus 1.0. After a broken connection, a reload or a restart of the server it goes
 * on with the byte after the last one that arrived.
 */
export const sendResumably: SendFile = (album, file, { onProgress, signal }) =>
  new Promise((resolve, reject) => {
    let item = ''
    const folder = file.webkitRelativePath.split('/').slice(0, -1).join('/')
    const upload = new Upload(file, {
      endpoint: '/api/v1/uploads',
      metadata: { album, filename: file.name, ...(folder ? { folder } : {}) },
      fingerprint: () => Promise.resolve(fingerprint(album, file)),
      retryDelays,
      // One request for a small file. A creation that breaks off leaves no address to go on with: a large file has its own.
      uploadDataDuringCreation: file.size <= smallBytes,
      removeFingerprintOnSuccess: true,
      onProgress: (sent) => onProgress(sent),
      onAfterResponse: (request, response) => {
        // Else a moment's trouble of a proxy would count as the end of the upload, and all of it be sent anew.
        if (request.getMethod() === 'HEAD' && response.getStatus() >= 500) throw new Error('not now')
        item = response.getHeader('Mayfly-Item') ?? item
      },
      onShouldRetry: (error) => mayRetry(error.originalResponse?.getStatus() ?? 0),
      onSuccess: () => resolve({ id: item, state: 'uploaded' }),
      onError: (error) => reject(reasonOf(error)),
    })
    const abort = (): void => {
      void upload.abort(signal.reason === 'remove').catch(() => undefined)
      reject(new DOMException('aborted', 'AbortError'))
    }
    signal.addEventListener('abort', abort, { once: true })
    upload
      .findPreviousUploads()
      .then(([previous]) => {
        if (previous) upload.resumeFromPreviousUpload(previous)
        if (!signal.aborted) upload.start()
      })
      .catch(reject)
  })

/** No answer, a server that is busy or starts anew, or one that has not yet noticed that the last connection broke. */
const mayRetry = (status: number): boolean =>
  status === 0 || status === 409 || status === 423 || (status >= 500 && status !== 507)

function reasonOf(error: Error): Error {
  if (!(error instanceof DetailedError)) return new ApiError('internal', '')
  const response = error.originalResponse
  return response ? errorOf(response.getStatus(), response.getBody()) : new ApiError('network', '')
}
