import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { objects } from '../../src/domain/records/keys.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { postShare, type ShareAnswer } from './client.ts'
import type { TestWeb } from './app.ts'
import { jpeg } from './pictures.ts'
import { makeReady } from './ready.ts'

/** More than anything on the way can hold, and than the quickest reader gets before a test ends. */
const hugeBytes = 64 * 1024 ** 3

/**
 * A share of `names`, each with a huge file and a huge video made of it: holes on the disk, zeros on the wire. Its
 * policy is `everything` unless `fields` say otherwise, so the files are the originals.
 */
export async function shareHuge(
  web: TestWeb,
  names: readonly string[] = ['a.jpg'],
  fields: Record<string, string> = {},
): Promise<ShareAnswer> {
  const files: Record<string, Buffer> = {}
  for (const [at, name] of names.entries()) files[name] = await jpeg(`rgb(${at}, 90, 30)`)
  const share = await postShare(web.url, files, { metadata: 'everything', ...fields })
  const owner = await findOwner(web.ports.store, share.ownerKey ?? '')
  for (const { id } of share.items) {
    await makeReady(web.ports, { owner: owner?.id ?? '', id }, ({ original, renditions }) => {
      const huge = { ...original, size: hugeBytes }
      const playable = { ...huge, mime: 'video/mp4', width: 64, height: 48 }
      return { original: huge, renditions: { ...renditions, playable } }
    })
    const opened = await web.ports.bucket.open(objects.rendition(id, 'preview'))
    if (!opened) throw new Error('no preview')
    const { body, size } = opened
    await web.ports.bucket.put(objects.rendition(id, 'playable'), body, { mime: 'video/mp4', size })
    for (const key of [objects.original(id), objects.rendition(id, 'playable')])
      await truncate(join(web.ports.directory, key), hugeBytes)
  }
  return share
}
