import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser, type Screen } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let folder: string
let files: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-journey-'))
  const pictures = { ...(await journey(5)), 'notes.txt': Buffer.from('not a picture') }
  files = await Promise.all(
    Object.entries(pictures).map(async ([name, bytes]) => {
      await writeFile(join(folder, name), bytes)
      return join(folder, name)
    }),
  )
  service = await startService()
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await service?.close()
  await rm(folder, { recursive: true, force: true })
})

async function send(page: Page): Promise<string> {
  await page.goto(service.url)
  await expectAccessible(page)
  await page.setInputFiles('.drop [data-files]', files)
  await page.getByText('6 files').waitFor()
  await page.getByLabel('Title').fill('Autumn <b>in</b> the hills')
  await page.getByLabel('Your name').fill('Ana')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Create the link' }).click()
  await page.getByRole('heading', { name: 'Your link is ready' }).waitFor()
  return page.locator('[data-link]').inputValue()
}

describe.each<Screen>(['phone', 'desktop'])('on a %s', (screen) => {
  it('sends, visits, selects, downloads and stops', async () => {
    const sender = await newVisitor(browser, service.url, { screen })
    const url = await send(sender.page)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/s\/[a-z2-7]{26}$/)

    // Where each file stands is told live, the one that cannot be shared with the reason.
    await sender.page.locator('.file[data-state=ready]').nth(4).waitFor()
    await sender.page.getByText('Not a photo or video that can be shared here.').waitFor()
    await sender.page.getByText('Everything is ready. One file could not be shared.').waitFor()
    await expectAccessible(sender.page)
    await expectNoOverflow(sender.page)

    const visitor = await newVisitor(browser, service.url, { screen })
    await visitor.page.goto(url)
    await visitor.page.getByRole('heading', { name: 'Autumn <b>in</b> the hills' }).waitFor()
    await visitor.page.getByText('5 photos from Ana').waitFor()
    await visitor.page.getByText('30 days left').waitFor()
    await expect.poll(() => visitor.page.locator('.tile img').count()).toBe(5)
    await expectAccessible(visitor.page)

    // Everything.
    const all = visitor.page.waitForEvent('download')
    await visitor.page.getByRole('link', { name: /^Download all/ }).click()
    const zip = await (await all).path()
    await promisify(execFile)('unzip', ['-tq', zip])
    const { stdout } = await promisify(execFile)('unzip', ['-Z1', zip])
    expect(stdout.trim().split('\n')).toHaveLength(5)

    // One: the file itself. Three, by a range: a ZIP.
    await visitor.page.getByRole('button', { name: 'Select', exact: true }).first().click()
    const ticks = visitor.page.locator('.tick input')
    await ticks.nth(1).check()
    await visitor.page.getByText(/^1 selected, /).waitFor()
    const one = visitor.page.waitForEvent('download')
    await visitor.page.getByRole('button', { name: 'Download', exact: true }).click()
    expect((await one).suggestedFilename()).toMatch(/^DSCF\d+\.jpg$/)
    await ticks.nth(3).click({ modifiers: ['Shift'] })
    await visitor.page.getByText(/^3 selected, /).waitFor()
    await expectAccessible(visitor.page)
    const some = visitor.page.waitForEvent('download')
    await visitor.page.getByRole('button', { name: 'Download', exact: true }).click()
    const listed = await promisify(execFile)('unzip', ['-Z1', await (await some).path()])
    expect(listed.stdout.trim().split('\n')).toHaveLength(3)
    await visitor.page.keyboard.press('Escape')
    await expect.poll(() => ticks.first().isVisible()).toBe(false)

    // Stopping asks once and tells what it does.
    await sender.page.getByRole('button', { name: 'Stop sharing' }).click()
    await sender.page.getByText('will be deleted from this server').waitFor()
    await expectAccessible(sender.page)
    await sender.page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click()
    await sender.page.getByText('The link has ended.').waitFor()
    expect((await visitor.page.goto(url))?.status()).toBe(410)
    await visitor.page.getByRole('heading', { name: 'This link has ended' }).waitFor()
    await expectAccessible(visitor.page)

    expect([...sender.complaints, ...visitor.complaints]).toEqual([])
    await sender.context.close()
    await visitor.context.close()
  })
})

it('lists shares, copies a link again, and stops one from there', async () => {
  const { page, context, complaints } = await newVisitor(browser, service.url, { screen: 'phone' })
  await page.goto(`${service.url}/shares`)
  await page.getByText('Nothing shared yet').waitFor()
  await expectAccessible(page)
  const url = await send(page)
  await page.goto(`${service.url}/shares`)
  await expect.poll(() => page.locator('.link').inputValue()).toBe(url)
  await expectAccessible(page)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy link' }).click()
  await page.getByText('Copied').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(url)
  await page.getByRole('button', { name: 'Stop sharing' }).click()
  await page.getByText(/^\d items? will be deleted from this server\./).waitFor()
  await expectAccessible(page)
  await expectNoOverflow(page)
  await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click()
  await page.getByText('The link has ended.').waitFor()
  await expect.poll(() => page.locator('.ended .link-card').count()).toBe(1)
  await expectAccessible(page)
  expect((await fetch(url)).status).toBe(410)
  expect(complaints).toEqual([])
  await context.close()
})
