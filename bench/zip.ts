/**
 * A ZIP of 200 photos (711 MB) from Mayfly, against a bare Node server that sends the same files; how soon the first byte of
 * one with 10,000 entries comes.
 *
 *     npm run build && npx tsx bench/zip.ts
 */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { objects } from '../src/domain/records/keys.ts'
import { addLink, fillAlbum, makeOwner, putBytes, touchAlbum } from './support/fill.ts'
import { median, printMachine, printTable, rounds } from './support/measure.ts'
import { isPart, runPart, startBare, type Bare } from './support/parts.ts'
import { makePhotos, photos } from './support/photos.ts'
import { startService } from './support/service.ts'

if (!(await isPart())) {
  const service = await startService()
  const [photo = ''] = await makePhotos(service.directory, 1)
  const owner = await makeOwner(service.store)
  const { album, items } = await fillAlbum(service.store, owner, photos, photo)
  const files: string[] = []
  for (const item of items) {
    await putBytes(service.bucket, item)
    const file = join(service.directory, 'bucket', objects.copy(item.id, 'no-location'))
    await copyFile(photo, file)
    files.push(file)
  }
  const { secret } = await addLink(service.store, owner, album)
  const many = await fillAlbum(service.store, owner, 10_000)
  for (const item of many.items.slice(0, 20)) await putBytes(service.bucket, item)
  const manyLink = await addLink(service.store, owner, many.album)
  const bare = await startBare({ files })
  try {
    printMachine()
    const runs: { bare: Taken[]; mayfly: Taken[] } = { bare: [], mayfly: [] }
    for (let round = 0; round < rounds; round += 1) {
      runs.bare.push(await taken(bare, `${bare.url}/files`))
      runs.mayfly.push(await taken(service, `${service.url}/s/${secret}/zip`))
    }
    const row = async (title: string, of: Taken[], server: Pick<Bare, 'usage'>) => [
      title,
      median(of.map(({ rate }) => rate)).toFixed(0),
      median(of.map(({ firstByteMs }) => firstByteMs)).toFixed(1),
      median(of.map(({ cpu }) => cpu)).toFixed(2),
      (await server.usage()).peakMegabytes.toFixed(0),
    ]
    printTable(
      [`ZIP of ${photos} photos`, 'MB/s', 'first byte ms', 'CPU s', 'peak MB'],
      [await row('bare Node, the same files', runs.bare, bare), await row('Mayfly', runs.mayfly, service)],
    )
    const ratio = median(runs.mayfly.map(({ rate }, at) => rate / (runs.bare[at]?.rate ?? NaN)))
    console.log(`\nratio ${ratio.toFixed(2)} (to reach: 0.85)`)
    const take = async (): Promise<number> => {
      const { firstByteMs = NaN } = await runPart({ part: 'take', url: `${service.url}/s/${manyLink.secret}/zip`, headers: { Range: 'bytes=0-1000' } }) // prettier-ignore
      return firstByteMs
    }
    const first = await take()
    const changed: number[] = []
    const again: number[] = []
    for (let round = 0; round < 2 * rounds; round += 1) {
      again.push(await take())
      await touchAlbum(service.store, many.album)
      changed.push(await take())
    }
    console.log(
      `first byte of a ZIP with 10,000 entries: ${first.toFixed(0)} ms the first time in this process, ` +
        `${median(changed).toFixed(0)} ms after each change of the album (to reach: 50; best ${Math.min(...changed).toFixed(0)}), ` +
        `${median(again).toFixed(0)} ms again`,
    )
    console.log(`web process at most ${(await service.usage()).peakMegabytes.toFixed(0)} MB (limit 250)`)
  } finally {
    bare.stop()
    await service.stop()
  }
}

interface Taken {
  readonly rate: number
  readonly firstByteMs: number
  readonly cpu: number
}

async function taken(server: Pick<Bare, 'usage'>, url: string): Promise<Taken> {
  const before = await server.usage()
  const {
    bytes = 0,
    seconds = 1,
    firstByteMs = NaN,
    status,
  } = await runPart({ part: 'take', url, headers: {} })
  if (status !== 200) throw new Error(`answered ${status}`)
  const { cpuSeconds } = await server.usage()
  return { rate: bytes / seconds / 1e6, firstByteMs, cpu: cpuSeconds - before.cpuSeconds }
}
