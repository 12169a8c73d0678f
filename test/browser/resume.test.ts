import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { keys } from '../../src/domain/records/keys.ts'
import { readRecord } from '../../src/domain/records/read-records.ts'
import { itemSchema } from '../../src/domain/records/records.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { jpeg } from '../support/pictures.ts'
import { slowNetwork, type SlowNetwork } from '../support/slow-network.ts'
import { newVisitor, openBrowser } from './browser.ts'

const MiB = 1024 ** 2

let web: TestWeb
let network: SlowNetwork
let browser: Browser
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-resume-'))
  web = await startWeb({ limits: { maxFileBytes: 100 * MiB } })
  network = await slowNetwork(web.url, 3 * MiB)
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await network?.stop()
  await web?.close()
  await rm(folder, { recursive: true, force: true })
})

it('goes on after a cut network, a pause and a reload, and sends no file twice', async () => {
  const bytes = randomBytes(40 * MiB)
  ;(await jpeg()).copy(bytes)
  await writeFile(join(folder, 'large.jpg'), bytes)
  const { page } = await newVisitor(browser, network.url)
  const creations: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/uploads')) creations.push(request.url())
  })
  const progress = page.locator('.file progress')
  const sent = async (): Promise<number> => Number(await progress.getAttribute('value', { timeout: 1000 }))
  const reaches = (share: number) =>
    expect.poll(() => sent().catch(() => 0), { timeout: 120_000, interval: 100 }).toBeGreaterThan(share)
  const pause = page.locator('[data-action=pause]')

  await page.goto(network.url)
  await page.setInputFiles('.drop [data-files]', join(folder, 'large.jpg'))
  await page.getByRole('button', { name: 'Create the link' }).click()
  await page.getByRole('heading', { name: 'Your link is ready' }).waitFor()

  await reaches(0.2)
  network.cut()
  await page.waitForTimeout(1500)
  network.mend()
  await reaches(0.4)

  await pause.click()
  await page.getByText('Paused').waitFor()
  await pause.click()
  await reaches(0.6)

  await page.reload()
  await page.getByRole('heading', { name: 'Your link is ready' }).waitFor()
  await page.locator('.file[data-state=preparing]').waitFor()

  expect(creations).toHaveLength(1)
  const queued = web.ports.queued.filter((job) => job.kind === 'prepare')
  expect(queued).toHaveLength(1)
  const [job] = queued
  expect(
    await readRecord(web.ports.store, itemSchema, keys.item(job?.owner ?? '', job?.item ?? '')),
  ).toMatchObject({
    name: 'large.jpg',
    original: { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
  })
}, 400_000)
