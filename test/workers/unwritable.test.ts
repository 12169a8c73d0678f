import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import sharp from 'sharp'
import { prepare } from '../../workers/prepare.ts'
import { itemOf, openBench, shareFiles, type Bench } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

describe('a healthy file that exiftool does not write', { timeout: 120_000 }, () => {
  it.each(['no-location', 'none'] as const)(
    'BigTIFF under %s is decided in two tries, and does not wait',
    async (metadata) => {
      const exif = { IFD0: { Artist: 'Canary Person' } }
      const drawn = sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
      const bytes = await drawn.withExif(exif).tiff({ bigtiff: true }).toBuffer()
      expect(bytes.subarray(0, 4).toString('latin1')).toBe('II+\0')
      const { items } = await shareFiles(bench.ports, [{ name: 'large.tif', bytes }], { metadata })
      const { owner, id } = items[0]!
      const job = { kind: 'prepare', owner, item: id } as const
      // The first try may only suspect the file.
      await prepare(bench, job, { lastTry: false }).catch(() => undefined)
      await prepare(bench, job, { lastTry: true })
      const item = await itemOf(bench.ports, { owner, id })
      expect(item?.state).toBe('ready')
      expect(item?.copies[metadata]).toBeDefined()
    },
  )
})
