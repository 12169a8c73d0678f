import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'
import { Refused } from '../../domain/records/errors.ts'
import { suspect, type Recorded } from '../../domain/backup/integrity/integrity.ts'
import type { ByteRange, Ports } from '../../ports.ts'

/** Whole objects up to this many bytes are compared before any of them is sent: previews, cards, small photos. */
const checkedBytes = 1024 ** 2

/**
 * Opens a range of an object and sees to it that what can be told to be wrong is not sent: one of another size, and a small
 * one with other bytes. That is refused, and the scrub withholds it. Larger ones are left to the scrub: comparing
 * them while they are sent costs a sixth to a quarter more of the processor, on whatever thread (docs/speed.md, “Checking
 * while sending”). Null when there is no object. Throws Refused.
 */
export async function openRight(
  ports: Pick<Ports, 'store' | 'bucket' | 'log'>,
  { key, stored }: Pick<Recorded, 'key'> & { readonly stored: Omit<Recorded['stored'], 'sha256'> },
  range: ByteRange,
): Promise<Readable | Buffer | null> {
  const { size } = stored
  const isWhole = range.start === 0 && range.end === size - 1
  const opened = await ports.bucket.open(key, range).catch(async (error: unknown) => {
    // It is shorter than the range that was asked for.
    if (error instanceof RangeError) await refuse(ports, key, error)
    throw error
  })
  if (opened === null) {
    await suspect(ports, key, new Error('it is gone'))
    return null
  }
  const { body } = opened
  if (opened.size !== size) {
    body.destroy()
    await refuse(ports, key, new Error(`it has ${opened.size} bytes, not ${size}`))
  }
  if (!isWhole || size > checkedBytes) return body
  const bytes = await buffer(body)
  if (bytes.length === size && crc32(bytes) !== stored.crc32)
    await refuse(ports, key, new Error('its CRC-32 is another'))
  return bytes
}

async function refuse(ports: Pick<Ports, 'store' | 'log'>, key: string, error: Error): Promise<never> {
  await suspect(ports, key, error)
  throw new Refused('changed-in-storage', 'This file was changed in storage, so it is withheld.')
}
