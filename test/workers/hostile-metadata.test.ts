import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepare } from '../../workers/prepare.ts'
import { exiftool, picture } from '../media/fixtures.ts'
import { hostileTexts } from '../support/hostile-text.ts'
import { itemOf, openBench, shareFiles, type Bench } from './bench.ts'

/** A worker's thread takes about 20 ms for a small photo; what is not linear takes seconds. */
const mostMs = 250

/** The texts of a photo that stay under `no-location`, or are looked through for a place; characters that each may hold. */
const tags: readonly (readonly [tag: string, length: number])[] = [
  ['EXIF:ImageDescription', 10_000],
  ['EXIF:Artist', 5_000],
  ['EXIF:UserComment', 10_000],
  ['EXIF:Model', 1_000],
  ['IPTC:Caption-Abstract', 2_000],
  ['IPTC:Keywords', 64],
  ['XMP-dc:Description', 10_000],
  ['XMP-dc:Subject', 5_000],
]

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

const processorMs = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000

describe('protection 49: hostile texts in a photo cost its worker little, and the photo nothing', () => {
  it.each(hostileTexts(10_000))('%s', async (family) => {
    const file = join(bench.folder, 'hostile.jpg')
    const given = join(bench.folder, 'hostile.args')
    await picture().jpeg().toFile(file)
    const texts = tags.map(([tag, length]) => {
      const text = hostileTexts(length).find(([name]) => name === family)?.[1] ?? ''
      // One argument is one line, and no argument holds a NUL.
      return `-${tag}=${text.replace(/[\0\r\n]+/g, ' ')}`
    })
    await writeFile(given, ['-overwrite_original', '-codedcharacterset=utf8', ...texts, file, ''].join('\n'))
    await exiftool('-@', given)
    const { items } = await shareFiles(bench.ports, [{ name: 'a.jpg', bytes: await readFile(file) }])
    const item = items[0]!
    const begun = process.cpuUsage()
    await prepare(bench, { kind: 'prepare', owner: item.owner, item: item.id }, { lastTry: false })
    expect(processorMs(process.cpuUsage(begun))).toBeLessThan(mostMs)
    const prepared = await itemOf(bench.ports, item)
    expect(prepared?.state).toBe('ready')
    expect(prepared?.copies['no-location']?.state).toBe('clean')
  })
})
