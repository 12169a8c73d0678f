import type { Ports } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { readOn, recordedUnder, withholdWrong } from './integrity.ts'
import { keys, objects } from '../../records/keys.ts'

export interface Finding {
  /** `extra`: an object that no record tells of. `unread`: it could not be read. `right`: it is as it was stored. */
  readonly kind: 'right' | 'wrong' | 'missing' | 'extra' | 'unread'
  readonly key: string
  readonly size: number
}

const recordKey = /^\{[^}]+\}:(item|album):([^:]+)$/

/**
 * Compares every object of the bucket with the records, reading all of it. What is wrong is withheld on the way. An object
 * of an upload under way is not extra: its owner is noted before its bytes come.
 */
export async function* verifyObjects(
  ports: Pick<Ports, 'store' | 'bucket' | 'events' | 'queue' | 'log' | 'clock'>,
): AsyncGenerator<Finding> {
  const { store, bucket } = ports
  for await (const { key } of store.entries()) {
    const [, kind, id] = recordKey.exec(key) ?? []
    if (kind === undefined || id === undefined) continue
    const found = await recordedUnder(ports, kind === 'item' ? objects.ofItem(id) : objects.ofAlbum(id))
    for (const object of found?.objects ?? []) {
      const verdict = await readOn(bucket, object).catch((error: unknown) => {
        ports.log.warn({ err: error, key: object.key }, 'an object could not be read')
        return 'unread' as const
      })
      if (typeof verdict !== 'string') continue
      // Made anew while it was read: right after all.
      const isGiven = verdict === 'wrong' && !(await withholdWrong(ports, found?.owner ?? '', object))
      yield { kind: isGiven ? 'right' : verdict, key: object.key, size: object.stored.size }
      if (verdict === 'missing') await withholdWrong(ports, found?.owner ?? '', object)
    }
  }
  let last = ''
  let isKnown = false
  for (const root of objects.recordedRoots)
    for await (const { key, size } of bucket.list(root)) {
      const prefix = key.split('/', 2).join('/')
      if (prefix !== last) {
        const [owner] = await store.read([value(keys.prefixOwner(prefix))])
        isKnown = owner !== null
        last = prefix
      }
      if (!isKnown) yield { kind: 'extra', key, size }
    }
}
