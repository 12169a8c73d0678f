import { Readable } from 'node:stream'
import { unknownFacts } from '../../src/domain/items/item.ts'
import { objects } from '../../src/domain/records/keys.ts'
import { recordPrepared } from '../../src/domain/preparing/prepare.ts'
import type { Copy, Item, StoredObject } from '../../src/domain/records/records.ts'
import type { Facts } from '../../src/media/types.ts'
import type { Ports } from '../../src/ports.ts'

const noFacts: Facts = { ...unknownFacts, width: 64, height: 48 }

/** What a worker would have made of an item, without a worker: its picture stands for its renditions and copies. */
export async function makeReady(
  ports: Pick<Ports, 'store' | 'bucket' | 'events' | 'log'>,
  { owner, id }: Pick<Item, 'owner' | 'id'>,
  change: (item: Item) => Partial<Item> = () => ({}),
  facts: Partial<Facts> = {},
): Promise<void> {
  const original = await ports.bucket.open(objects.original(id))
  if (!original) throw new Error('no bytes')
  const bytes = Buffer.concat(await original.body.toArray())
  for (const key of [
    objects.rendition(id, 'thumb'),
    objects.rendition(id, 'preview'),
    objects.copy(id, 'no-location'),
    objects.copy(id, 'none'),
  ])
    await ports.bucket.put(key, Readable.from([bytes]), { mime: 'image/jpeg', size: bytes.length })
  await recordPrepared(ports, owner, id, (item) => {
    const stored: StoredObject = item.original
    const rendition = { ...stored, mime: 'image/jpeg', width: 64, height: 48 }
    const copy: Copy = { ...stored, state: 'clean', lost: [] }
    const ready: Item = {
      ...item,
      state: 'ready',
      facts: { ...noFacts, ...facts },
      renditions: { thumb: rendition, preview: rendition },
      copies: { 'no-location': copy, none: copy },
    }
    return { ...ready, ...change(ready) }
  })
}
