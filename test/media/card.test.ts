import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openProcessPool, type ProcessPool } from '../../src/media/tools/process-pool.ts'

let folder = ''
let pool: ProcessPool
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-card-'))
  const entry = new URL('../../src/media/rendering/decoder.ts', import.meta.url)
  pool = openProcessPool({ entry, processes: 1, maxBytes: 400_000_000, recycleBytes: 400_000_000 })
})
afterAll(async () => {
  await pool.close()
  await rm(folder, { recursive: true, force: true })
})

// Enlarged to the width of its tile, all of a sliver would be more than a million pixels high.
it.each([
  ['jpg', 1, 2048],
  ['jpg', 2048, 1],
  ['webp', 2, 2048],
  ['webp', 2048, 3],
] as const)('a card of slivers takes little memory: %s of %i × %i', async (format, width, height) => {
  const background = { r: 30, g: 60, b: 90, alpha: 0.5 }
  const file = join(folder, `${width}x${height}.${format}`)
  await sharp({ create: { width, height, channels: format === 'jpg' ? 3 : 4, background } }).toFile(file)
  for (let count = 1; count <= 5; count += 1) {
    const output = join(folder, `card-${count}.jpg`)
    await pool.run(
      { kind: 'card', pictures: Array.from({ length: count }, () => file), output },
      { deadlineMs: 20_000 },
    )
    expect(await sharp(output).metadata()).toMatchObject({ format: 'jpeg', width: 1200, height: 630 })
  }
})
