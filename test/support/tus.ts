import { request, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** A request of the tus protocol. */
export function tusFetch(
  url: string,
  init: {
    method: string
    headers?: Record<string, string>
    body?: Uint8Array<ArrayBuffer>
    ownerKey: string | undefined
  },
): Promise<Response> {
  const { method, headers, body, ownerKey } = init
  return fetch(url, {
    method,
    headers: { 'Tus-Resumable': '1.0.0', Authorization: `Bearer ${ownerKey ?? ''}`, ...headers },
    ...(body ? { body } : {}),
  })
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const metadata = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${base64(value)}`)
    .join(',')

export const bytesType = { 'Content-Type': 'application/offset+octet-stream' }

/** Begins an upload; answers its address. Throws for any answer but 201. */
export async function createUpload(
  url: string,
  input: { ownerKey: string | undefined; album: string; filename?: string; folder?: string; size: number },
): Promise<string> {
  const { ownerKey, album, filename = 'a.jpg', folder, size } = input
  const res = await tusFetch(`${url}/api/v1/uploads`, {
    method: 'POST',
    ownerKey,
    headers: {
      'Upload-Length': String(size),
      'Upload-Metadata': metadata({ album, filename, ...(folder === undefined ? {} : { folder }) }),
    },
  })
  if (res.status !== 201) throw new Error(`${res.status}: ${await res.text()}`)
  return url + (res.headers.get('location') ?? '')
}

export const patch = (
  upload: string,
  ownerKey: string | undefined,
  offset: number,
  body: Uint8Array<ArrayBuffer>,
) =>
  tusFetch(upload, {
    method: 'PATCH',
    ownerKey,
    body,
    headers: { ...bytesType, 'Upload-Offset': String(offset) },
  })

export async function offsetOf(upload: string, ownerKey: string | undefined): Promise<number> {
  const res = await tusFetch(upload, { method: 'HEAD', ownerKey })
  if (res.status !== 200) throw new Error(String(res.status))
  return Number(res.headers.get('upload-offset'))
}

/**
 * Announces all of `bytes`, sends the first `count` of them and breaks the connection, when the server has had time to
 * take them: what it had not read by then it may lose.
 */
export async function cutPatch(
  upload: string,
  ownerKey: string | undefined,
  input: { offset: number; bytes: Buffer; count: number },
): Promise<void> {
  const { offset, bytes, count } = input
  const req = request(upload, {
    method: 'PATCH',
    headers: {
      'Tus-Resumable': '1.0.0',
      Authorization: `Bearer ${ownerKey ?? ''}`,
      ...bytesType,
      'Upload-Offset': String(offset),
      'Content-Length': String(bytes.length),
    },
  })
  req.on('error', () => {})
  for await (const piece of Readable.from(piecesOf(bytes.subarray(0, count))))
    if (!req.write(piece)) await new Promise((resolve) => req.once('drain', resolve))
  await new Promise((resolve) => setTimeout(resolve, 500))
  req.destroy()
}

function* piecesOf(bytes: Buffer, length = 64 * 1024): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** A PATCH that stays open: what is written to `send` goes out at once. */
export function openPatch(upload: string, ownerKey: string | undefined, offset: number, length: number) {
  const req = request(upload, {
    method: 'PATCH',
    headers: {
      'Tus-Resumable': '1.0.0',
      Authorization: `Bearer ${ownerKey ?? ''}`,
      ...bytesType,
      'Upload-Offset': String(offset),
      'Content-Length': String(length),
    },
  })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    req.once('response', resolve)
    req.once('error', reject)
  })
  answer.catch(() => {})
  return { send: (bytes: Buffer) => void req.write(bytes), answer, destroy: () => void req.destroy() }
}
