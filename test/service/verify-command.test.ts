import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { errorOf, postShare, untilReady } from '../support/client.ts'
import { runMayfly, startMayfly } from '../support/mayfly-process.ts'
import { jpeg } from '../support/pictures.ts'

it('mayfly verify tells and withholds what is wrong, beside the running service and without it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-verify-'))
  const environment = { DATA_DIR: directory }
  const service = await startMayfly(environment)
  try {
    const share = await postShare(service.url, { 'a.jpg': await jpeg() }, { metadata: 'everything' })
    await untilReady(service.url, share)
    expect(await runMayfly(['verify'], environment)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/\d+ objects are right, 0 wrong, 0 missing, 0 extra, 0 unread/) as string,
    })
    const key = `items/${share.items[0]?.id}/original`
    const file = join(directory, 'bucket', key)
    const bytes = await readFile(file)
    bytes[99] = (bytes[99] ?? 0) ^ 1
    await writeFile(file, bytes)
    const found = await runMayfly(['verify'], environment)
    expect(found.code).toBe(1)
    expect(found.output).toContain(`${key}: wrong`)
    const path = new URL(share.link.url).pathname
    expect(
      await errorOf(await fetch(`${service.url}${path}/items/${share.items[0]?.id}/download`)),
    ).toMatchObject({
      status: 403,
      code: 'changed-in-storage',
    })
  } finally {
    await service.stop()
  }
  // What is withheld is known, and not told again.
  expect((await runMayfly(['verify'], environment)).code).toBe(0)
  await rm(directory, { recursive: true, force: true })
}, 240_000)
