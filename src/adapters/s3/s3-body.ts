import { Readable } from 'node:stream'
import { BucketUnavailable } from '../../ports.ts'

/**
 * The body of an answer, made safe: it errors when it breaks, ends short of `length` or stalls for `stallMs` while it is wanted, and
 * never becomes an uncaughtException. Destroying it closes the socket.
 */
export function safeBody(source: Readable, length: number, stallMs: number): Readable {
  let size = 0
  let timer: NodeJS.Timeout | undefined
  const disarm = () => clearTimeout(timer)
  const fail = (cause?: Error) => {
    body.destroy(new BucketUnavailable('The object broke off', { cause }))
  }

  const body = new Readable({
    read() {
      disarm()
      // Only while somebody wants it: a visitor who pauses is no fault of the bucket.
      timer = setTimeout(() => fail(new Error(`nothing came for ${stallMs} ms`)), stallMs)
      source.resume()
    },
    destroy(error, done) {
      disarm()
      source.destroy()
      done(error)
    },
  })
  source.pause()
  source.on('data', (chunk: Buffer) => {
    size += chunk.length
    disarm()
    if (!body.push(chunk)) source.pause()
  })
  source.on('end', () => {
    disarm()
    if (size === length) body.push(null)
    else fail(new Error(`${size} bytes came of ${length}`))
  })
  source.on('error', fail)
  source.on('close', () => {
    if (!source.readableEnded) fail()
  })
  // Between two listeners of whoever reads it, as when it waits its turn in a ZIP.
  body.on('error', () => undefined)
  return body
}
