import { Readable } from 'node:stream'
import { newOwner, type KnownOwner } from '../../src/domain/owner/owner.ts'
import { makeShare, type Share } from '../../src/domain/links/share.ts'
import { storeFile } from '../../src/domain/uploads/store-file.ts'
import { type Received } from '../../src/domain/items/item.ts'
import { beginUpload, type Upload } from '../../src/domain/records/limits/reservation.ts'
import { jpeg } from '../support/pictures.ts'
import type { TestPorts } from '../support/ports.ts'

/** Uploads JPEGs named `1.jpg`, `2.jpg`, … into the bucket; nothing is recorded yet. */
export async function upload(
  ports: TestPorts,
  owner: string,
  count: number,
): Promise<{ upload: Upload; received: Received[] }> {
  const begun = await beginUpload(ports, owner, null)
  const received: Received[] = []
  for (let n = 1; n <= count; n++) {
    const body = Readable.from([await jpeg(`rgb(${n % 255}, 90, 30)`)])
    received.push(await storeFile(ports, begun, { name: `${n}.jpg`, folder: null, body }))
  }
  return { upload: begun, received }
}

/** A share of `count` JPEGs by a new owner, or by `owner`. */
export async function share(
  ports: TestPorts,
  count = 1,
  owner?: KnownOwner,
): Promise<Share & { owner: KnownOwner }> {
  const sharer = owner ?? newOwner()
  const made = await makeShare(ports, {
    owner: sharer,
    isNewOwner: owner === undefined,
    album: { title: 'Holiday', sender: 'Ada', description: '' },
    link: { label: '', until: { expiresInDays: 30 }, password: null, metadata: 'no-location' },
    ...(await upload(ports, sharer.id, count)),
  })
  return { ...made, owner: sharer }
}
