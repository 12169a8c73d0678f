/**
 * 200 photos (711 MB) in one form and in four at once, and one large file by tus, against a bare Node server that writes the
 * same bytes to the same disk, hashes nothing and syncs nothing.
 *
 *     npm run build && npx tsx bench/upload.ts [gigabytes of the large file]
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { createUpload } from '../test/support/tus.ts'
import { makeOwner } from './support/fill.ts'
import { median, printMachine, printTable, rounds } from './support/measure.ts'
import { isPart, runPart, startBare, type Bare, type Part } from './support/parts.ts'
import { makePhotos, photoBytes, photos } from './support/photos.ts'
import { startService } from './support/service.ts'

/** The large file is made of the same photo again and again. */
const repeats = Math.round((Number(process.argv[2] ?? 3) * 1024 ** 3) / photoBytes)
const large = repeats * photoBytes

if (!(await isPart())) {
  const service = await startService()
  const folder = join(service.directory, 'sink')
  await mkdir(folder)
  const distinct = await makePhotos(service.directory, 8)
  const files = Array.from({ length: photos }, (_, n) => distinct[n % distinct.length] ?? '')
  const total = photoBytes * photos
  const bare = await startBare({ folder })
  const clean = async (): Promise<void> => {
    for (const name of await readdir(folder)) await rm(join(folder, name))
    await rm(join(service.directory, 'bucket', 'items'), { recursive: true, force: true })
  }
  try {
    printMachine()
    const rows: string[][] = []
    for (const [name, groups] of [
      ['200 photos, one form', [files]],
      ['200 photos, 4 forms at once', [0, 1, 2, 3].map((n) => files.filter((_, at) => at % 4 === n))],
    ] as const)
      await compare(name, total, groups, () => Promise.resolve({ url: `${service.url}/api/v1/shares`, isForm: true, method: 'POST', headers: { 'X-Bench': '1' } })) // prettier-ignore

    const owner = await makeOwner(service.store)
    const { id: album } = z.looseObject({ id: z.string() }).parse(
      await (
        await fetch(`${service.url}/api/v1/albums`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${owner.key}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({ title: 'Large' }),
        })
      ).json(),
    )
    await compare(
      `one file of ${(large / 1024 ** 3).toFixed(1)} GiB by tus`,
      large,
      [Array.from({ length: repeats }, () => files[0] ?? '')],
      async () => ({
        url: await createUpload(service.url, { ownerKey: owner.key, album, size: large }),
        isForm: false,
        method: 'PATCH',
        headers: {
          Authorization: `Bearer ${owner.key}`,
          'Tus-Resumable': '1.0.0',
          'Upload-Offset': '0',
          'Content-Type': 'application/offset+octet-stream',
        },
      }),
    )
    printTable(['upload', 'bare sink MB/s', 'Mayfly MB/s', 'ratio', 'CPU s of sink', 'CPU s of Mayfly'], rows)
    const { peakMegabytes } = await service.usage()
    console.log(`\nto reach: 0.6 each; web process at most ${peakMegabytes.toFixed(0)} MB (limit 250)`)

    async function compare(
      name: string,
      bytes: number,
      groups: readonly (readonly string[])[],
      target: () => Promise<Pick<Extract<Part, { part: 'give' }>, 'url' | 'isForm' | 'method' | 'headers'>>,
    ): Promise<void> {
      const part = { part: 'give', groups: groups.map((group) => [...group]) } as const
      const sink = { url: `${bare.url}/sink`, isForm: false, method: 'PUT', headers: {} }
      const runs: { rate: number; cpu: number }[][] = [[], []]
      for (let round = 0; round < rounds; round += 1) {
        runs[0]?.push(await given(bare, bytes, { ...part, ...sink }))
        runs[1]?.push(await given(service, bytes, { ...part, ...(await target()) }))
        await clean()
      }
      const [theirs = [], ours = []] = runs
      const ratio = median(ours.map(({ rate }, at) => rate / (theirs[at]?.rate ?? NaN)))
      const rate = (of: typeof ours) => median(of.map((one) => one.rate)).toFixed(0)
      const cpu = (of: typeof ours) => median(of.map((one) => one.cpu)).toFixed(2)
      const figures = [name, rate(theirs), rate(ours), ratio.toFixed(2), cpu(theirs), cpu(ours)]
      rows.push(figures)
      console.error(figures.join('  '))
    }
  } finally {
    bare.stop()
    await service.stop()
  }
}

async function given(server: Pick<Bare, 'usage'>, bytes: number, part: Part) {
  const before = await server.usage()
  const { seconds = 1 } = await runPart(part)
  const after = await server.usage()
  return { rate: bytes / seconds / 1e6, cpu: after.cpuSeconds - before.cpuSeconds }
}
