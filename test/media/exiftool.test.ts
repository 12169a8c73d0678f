import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openExiftool } from '../../src/media/tools/exiftool.ts'
import { MediaError } from '../../src/media/types.ts'
import { childrenOf } from '../support/children.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-exiftool-'))
  await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } }).toFile(
    join(folder, 'a.jpg'),
  )
})
afterAll(() => rm(folder, { recursive: true }))

it('says nothing against a file whose process was killed, at whatever moment', async () => {
  const exiftool = openExiftool({ maxProcs: 1 })
  const failures: unknown[] = []
  try {
    // However fast the machine is: reads are killed until enough of them have failed.
    for (let round = 0; failures.length < 5 && round < 200; round += 1) {
      const reading = exiftool.read(join(folder, 'a.jpg'), ['-n', '-GPSLatitude', '-ImageWidth'])
      const settled = reading.then(
        () => undefined,
        (error: unknown) => failures.push(error),
      )
      await sleep((round % 20) * 10)
      for (const pid of childrenOf(/perl/)) process.kill(pid, 'SIGKILL')
      await settled
    }
  } finally {
    await exiftool.end()
  }
  expect(failures.length).toBe(5)
  expect(failures.filter((error) => error instanceof MediaError)).toEqual([])
})
