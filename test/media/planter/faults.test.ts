import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ExifTool } from 'exiftool-vendored'
import { afterAll, describe, expect, test } from 'vitest'
import { createCleaner } from '../../../src/media/metadata/index.ts'
import { typeOf } from '../../../src/media/metadata/inspect.ts'
import { openExiftool } from '../../../src/media/tools/exiftool.ts'
import { openFolder } from '../metadata/support.ts'
import { unpacked } from './leaves.ts'

/** Small files beside the project that once were served with the place that stands in them: 48.8584 N, 2.2945 E. */
const faults = fileURLToPath(new URL('../../../../shared/faults/', import.meta.url))
const files = existsSync(faults) ? readdirSync(faults).filter((name) => !name.endsWith('.md')) : []

const folder = await openFolder()
const pool = openExiftool({ maxProcs: 2 })
const cleaner = createCleaner({ exiftool: pool })
const reader = new ExifTool({ maxProcs: 1, taskTimeoutMillis: 60_000, useMWG: false })
afterAll(async () => {
  await Promise.all([pool.end(), reader.end()])
  await folder.remove()
})

const traces = [
  '48.858',
  '2.2945',
  '48°51',
  '48 51 30',
  '2 17 40',
  '4851.50',
  '00217.6',
  '48,51.5',
  '2,17.6',
].flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(text, 'latin1')])

/** Those of which a kind of file is known that no copy can be made of. */
const withheldUnderNone = /\.dng$|bigtiff/

describe.skipIf(files.length === 0).each(['no-location', 'none'] as const)('%s', (policy) => {
  test.each(files)('%s', async (name) => {
    const file = path.join(faults, name)
    const output = folder.at(`${policy}-${name}`)
    const cleaned = await cleaner.clean(file, await typeOf(file), policy, output)
    if (policy === 'none' && withheldUnderNone.test(name)) return expect(cleaned.state).toBe('withheld')
    expect([cleaned.state, 'reason' in cleaned ? cleaned.reason : '']).toEqual(['clean', ''])
    const said = unpacked(await readFile(output))
    expect(traces.filter((trace) => said.some((part) => part.includes(trace))).map(String)).toEqual([])
    const tags = {
      ...(await reader.readRaw(output, { readArgs: ['-n', '-a', '-u', '-ee3', '-G1'], useMWG: false })),
    }
    const places = Object.entries(tags).filter(
      ([tag, value]) => /G\w*:GPS(Lat|Long)itude$/.test(tag) || /48\.85|2\.2945/.test(String(value)),
    )
    expect(places).toEqual([])
  })
})
