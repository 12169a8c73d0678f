/**
 * The page of 200 items over and over on 50 connections, against a bare Node server that sends the same HTML from memory;
 * then its first rendering, with nothing kept.
 *
 *     npx tsx bench/page.ts [seconds]
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compareLoad } from './support/compare.ts'
import { addLink, fillAlbum, makeOwner } from './support/fill.ts'
import { median, rounds } from './support/measure.ts'
import { isPart, startBare } from './support/parts.ts'
import { startService } from './support/service.ts'

if (!(await isPart())) {
  const service = await startService()
  const owner = await makeOwner(service.store)
  const { album } = await fillAlbum(service.store, owner, 200)
  const { secret } = await addLink(service.store, owner, album)
  const page = `${service.url}/s/${secret}`
  const headers = { Accept: 'text/html', 'Accept-Encoding': 'identity' }
  const html = await (await fetch(page, { headers })).text()
  const file = join(service.directory, 'page.html')
  await writeFile(file, html)
  const bare = await startBare({ html: file })
  try {
    await compareLoad(`page of 200 items, ${html.length} bytes, 50 connections`, service, bare, {
      ours: page,
      theirs: `${bare.url}/html`,
      least: 0.35,
      headers,
    })
    const times: number[] = []
    for (let round = 0; round < rounds * 3; round += 1) {
      const begun = performance.now()
      // Another address makes another page, for the address stands in it.
      await (await fetch(`${page}?round=${round}`, { headers })).text()
      times.push(performance.now() - begun)
    }
    console.log(`\nfirst rendering of a page, nothing kept of it: ${median(times).toFixed(1)} ms`)
  } finally {
    bare.stop()
    await service.stop()
  }
}
