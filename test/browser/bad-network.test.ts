import { createHash, randomBytes } from 'node:crypto'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { keys } from '../../src/domain/records/keys.ts'
import { itemSchema, parseRecord } from '../../src/domain/records/records.ts'
import { value } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { jpeg } from '../support/pictures.ts'
import { startProxy, type Proxy } from '../support/proxies.ts'
import { slowNetwork, type SlowNetwork } from '../support/slow-network.ts'
import { newVisitor, openBrowser } from './browser.ts'

const MiB = 1024 ** 2

let browser: Browser
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-bad-network-'))
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

/** The sender's network, an nginx as Debian brings it, the server's network, the service. */
let web: TestWeb
let behind: SlowNetwork
let nginx: Proxy
let before: SlowNetwork
beforeEach(async () => {
  web = await startWeb({ limits: { maxFileBytes: 100 * MiB } })
  behind = await slowNetwork(web.url, 100 * MiB)
  nginx = await startProxy('nginx', behind.url)
  before = await slowNetwork(nginx.url, 3 * MiB)
})
afterEach(async () => {
  await before.stop()
  await nginx.stop()
  await behind.stop()
  await web.close()
})

interface Sending {
  readonly page: Page
  readonly bytes: Buffer
  readonly file: string
  close(): Promise<void>
}

async function send(size: number, url: string, script = ''): Promise<Sending> {
  const bytes = randomBytes(size)
  ;(await jpeg()).copy(bytes)
  const file = join(folder, `${bytes.toString('hex', 2000, 2008)}.jpg`)
  await writeFile(file, bytes)
  const { page, context } = await newVisitor(browser, url)
  if (script) await page.addInitScript(script)
  await page.goto(url)
  await page.setInputFiles('.drop [data-files]', file)
  await page.getByRole('button', { name: 'Create the link' }).click()
  await page.getByRole('heading', { name: 'Your link is ready' }).waitFor()
  return { page, bytes, file, close: () => context.close() }
}

const arrives = (page: Page) => page.locator('.file[data-state=preparing]').waitFor({ timeout: 200_000 })

async function expectWhole(bytes: Buffer): Promise<void> {
  const queued = web.ports.queued.filter((job) => job.kind === 'prepare')
  expect(queued).toHaveLength(1)
  const key = keys.item(queued[0]?.owner ?? '', queued[0]?.item ?? '')
  const [raw] = await web.ports.store.read([value(key)])
  expect(parseRecord(itemSchema, key, raw)?.original).toMatchObject({
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  })
}

const reaches = (page: Page, share: number) =>
  expect
    .poll(
      async () =>
        Number(
          await page
            .locator('.file progress')
            .getAttribute('value', { timeout: 1000 })
            .catch(() => 0),
        ),
      { timeout: 120_000, interval: 50 },
    )
    .toBeGreaterThan(share)

it('sends 40 MB through nginx while the connection is cut every 4 s, and remembers what nginx takes', async () => {
  const sending = await send(40 * MiB, before.url)
  const cutting = setInterval(() => {
    before.cut()
    before.mend()
  }, 4000)
  await arrives(sending.page)
  clearInterval(cutting)
  await expectWhole(sending.bytes)
  const kept = await sending.page.evaluate('localStorage.getItem("mayfly-part-bytes")')
  expect(kept).toMatch(new RegExp(`^\\[${MiB},\\d+\\]$`))
  await sending.close()
}, 300_000)

it('tells a server that is away, and goes on when it is back', async () => {
  const { page, bytes, close } = await send(20 * MiB, before.url)
  await reaches(page, 0.2)
  behind.cut()
  await page.getByText('The server is busy or starts again.').waitFor()
  await expect.poll(() => page.getByRole('button', { name: /^Try .* again$/ }).isVisible()).toBe(true)
  behind.mend()
  await arrives(page)
  await expectWhole(bytes)
  await close()
}, 300_000)

it('tells that nobody answers, and goes on when somebody does', async () => {
  const { page, bytes, close } = await send(20 * MiB, before.url)
  await reaches(page, 0.2)
  before.cut()
  await page.getByText('The server does not answer.').waitFor()
  before.mend()
  await page.getByRole('button', { name: /^Try .* again$/ }).click()
  await arrives(page)
  await expectWhole(bytes)
  await close()
}, 300_000)

it('tells being offline, and goes on by itself within two seconds of being back', async () => {
  const { page, bytes, close } = await send(20 * MiB, before.url)
  await reaches(page, 0.2)
  await page.context().setOffline(true)
  await page.getByText('You are offline. The upload goes on by itself.').waitFor()
  // By now it waits seconds between two tries.
  await page.waitForTimeout(6000)
  const goesOn = page.waitForRequest((request) => request.method() === 'HEAD', { timeout: 10_000 })
  await page.context().setOffline(false)
  const back = Date.now()
  await goesOn
  expect(Date.now() - back).toBeLessThan(2000)
  await arrives(page)
  await expectWhole(bytes)
  await close()
}, 300_000)

it.each([
  {
    what: 'changed',
    spoil: (file: string) => appendFile(file, 'more'),
    says: 'This file was changed after you chose it. Choose it again.',
  },
  {
    what: 'removed',
    spoil: (file: string) => rm(file),
    says: 'This file is not there any more. Choose it again.',
  },
])(
  'tells at once that the file was $what on the way, and offers no other try',
  async ({ spoil, says }) => {
    const { page, file, close } = await send(40 * MiB, before.url)
    await reaches(page, 0.1)
    await spoil(file)
    const spoiled = Date.now()
    await page.getByText(says).waitFor()
    expect(Date.now() - spoiled).toBeLessThan(20_000)
    expect(await page.getByRole('button', { name: /^Try .* again$/ }).isVisible()).toBe(false)
    await close()
  },
  120_000,
)

it('says what is true when a proxy takes not even small parts', async () => {
  const proxy = await startProxy('nginx', web.url, '; client_max_body_size 100k')
  try {
    const { page, close } = await send(3 * MiB, proxy.url)
    await page.getByText('refuses uploads, even in small parts').waitFor()
    expect(await page.getByText('Larger than this server takes.').isVisible()).toBe(false)
    expect(await page.getByRole('button', { name: /^Try .* again$/ }).isVisible()).toBe(false)
    await close()
  } finally {
    await proxy.stop()
  }
}, 120_000)

it('keeps the screen on while files are on their way, and no longer', async () => {
  const script = `
    window.locks = []
    const ask = navigator.wakeLock.request.bind(navigator.wakeLock)
    navigator.wakeLock.request = async (type) => {
      const lock = await ask(type)
      locks.push(lock)
      return lock
    }`
  const { page, close } = await send(20 * MiB, before.url, script)
  const held = () => page.evaluate('locks.filter(({ released }) => !released).length')
  await reaches(page, 0.1)
  expect(await held()).toBe(1)
  await page.locator('[data-action=pause]').click()
  await expect.poll(held).toBe(0)
  await page.locator('[data-action=pause]').click()
  await expect.poll(held).toBe(1)
  // As a browser does when the page is hidden, and then seen again.
  await page.evaluate('Promise.all(locks.map((lock) => lock.release()))')
  await page.evaluate('document.dispatchEvent(new Event("visibilitychange"))')
  await expect.poll(held).toBe(1)
  await arrives(page)
  await expect.poll(held).toBe(0)
  await close()
}, 120_000)
