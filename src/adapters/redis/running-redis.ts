import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { z } from 'zod'

/**
 * The address of the embedded Redis that a running service has in `directory`, for a command beside it; null where none
 * answers.
 */
export async function findRunningRedis(directory: string): Promise<string | null> {
  const lock = await readFile(join(directory, 'mayfly.lock'), 'utf8').catch(() => null)
  if (lock === null) return null
  const { socket } = z.looseObject({ socket: z.string().optional() }).parse(JSON.parse(lock))
  if (socket === undefined) return null
  const client = new Redis({ path: socket, lazyConnect: true, retryStrategy: () => null, protocol: 2 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
    return `redis+unix://${encodeURI(socket)}`
  } catch {
    return null
  } finally {
    client.disconnect()
  }
}
