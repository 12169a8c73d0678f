import { ApiError, errorOf, fieldOf, textOf } from './api.ts'

export interface SentItem {
  readonly id: string
  readonly state: string
}

export interface Sending {
  /** Bytes sent so far. */
  onProgress(bytes: number): void
  readonly signal: AbortSignal
}

/** Sends one file into an album. Throws ApiError (`network` when the connection breaks), or AbortError. */
export type SendFile = (album: string, file: File, sending: Sending) => Promise<SentItem>

/** As one multipart request: XMLHttpRequest, since fetch does not tell how far an upload is. */
export const sendByForm: SendFile = (album, file, { onProgress, signal }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const abort = (): void => request.abort()
    request.open('POST', `/api/v1/albums/${album}/items`)
    request.setRequestHeader('Accept', 'application/json')
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(Math.min(loaded, file.size)))
    request.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
    request.addEventListener('error', () => reject(new ApiError('network', '')))
    request.addEventListener('load', () => {
      if (request.status !== 201) return reject(errorOf(request.status, request.responseText))
      const items = fieldOf(JSON.parse(request.responseText), 'items')
      const [item]: unknown[] = Array.isArray(items) ? items : []
      resolve({ id: textOf(item, 'id'), state: textOf(item, 'state') })
    })
    request.addEventListener('loadend', () => signal.removeEventListener('abort', abort))
    signal.addEventListener('abort', abort)
    const form = new FormData()
    form.append('files', file, file.name)
    request.send(form)
  })
