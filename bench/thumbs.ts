/**
 * One thumb over and over on 50 connections, behind the gate, against a bare Node server that streams the same file.
 *
 *     npx tsx bench/thumbs.ts [seconds]
 */
import { join } from 'node:path'
import { objects } from '../src/domain/records/keys.ts'
import { addLink, fillAlbum, makeOwner, putBytes } from './support/fill.ts'
import { compareLoad } from './support/compare.ts'
import { isPart, startBare } from './support/parts.ts'
import { startService } from './support/service.ts'

if (!(await isPart())) {
  const service = await startService()
  const owner = await makeOwner(service.store)
  const { album, items } = await fillAlbum(service.store, owner, 200)
  const [item] = items
  if (!item) throw new Error('no item')
  await putBytes(service.bucket, item)
  const { secret } = await addLink(service.store, owner, album)
  const file = join(service.directory, 'bucket', objects.rendition(item.id, 'thumb'))
  const bare = await startBare({ files: [file] })
  try {
    await compareLoad('thumb of 20 kB, 50 connections', service, bare, {
      ours: `${service.url}/s/${secret}/items/${item.id}/thumb`,
      theirs: `${bare.url}/file`,
      least: 0.5,
    })
  } finally {
    bare.stop()
    await service.stop()
  }
}
