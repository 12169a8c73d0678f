import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { expectAccessible, newVisitor, openBrowser, type Screen } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let share: ShareAnswer

beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
  share = await postShare(service.url, await journey(6), { title: 'Six' })
  await untilReady(service.url, share)
})

afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const viewer = (page: Page) => page.getByRole('dialog', { name: 'Photo viewer' })

describe.each<Screen>(['phone', 'desktop'])('the viewer on a %s', (screen) => {
  it('opens by a tap, follows by keyboard, tells details, and Back closes it', async () => {
    const { page, context, complaints } = await newVisitor(browser, service.url, { screen })
    await page.goto(service.url + pathOf(share))
    await page.locator('.tile a').nth(1).click()
    await viewer(page).waitFor()
    await page.getByText('2 / 6').waitFor()
    await expect.poll(() => page.url()).toContain('/items/')
    const second = page.url()
    await expectAccessible(page)

    await page.keyboard.press('ArrowRight')
    await page.getByText('3 / 6').waitFor()
    await expect.poll(() => page.url()).not.toBe(second)
    await page.getByRole('button', { name: 'Details' }).click()
    await viewer(page).getByText('Fujifilm X100VI').waitFor()
    await expectAccessible(page)
    const download = page.waitForEvent('download')
    await viewer(page).getByRole('link', { name: 'Download' }).click()
    expect((await download).suggestedFilename()).toMatch(/^DSCF\d+\.jpg$/)

    // The address is one of a page that stands by itself.
    const other = await context.newPage()
    await other.goto(page.url())
    await other.getByText('3 of 6').waitFor()
    await other.close()

    await page.goBack()
    await viewer(page).waitFor({ state: 'detached' })
    await expect.poll(() => page.url()).toBe(service.url + pathOf(share))
    expect(await page.evaluate('document.activeElement.closest(".tile") !== null')).toBe(true)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('closes by Escape, and leaves the history as it was', async () => {
    const { page, context } = await newVisitor(browser, service.url, { screen })
    await page.goto(service.url)
    await page.goto(service.url + pathOf(share))
    await page.locator('.tile a').first().click()
    await viewer(page).waitFor()
    await page.keyboard.press('Escape')
    await viewer(page).waitFor({ state: 'detached' })
    await page.waitForURL(service.url + pathOf(share))
    await page.goBack()
    await page.waitForURL(`${service.url}/`)
    await context.close()
  })
})

it('shows one picture after the other in a slideshow, until a key is pressed', async () => {
  const { page, context } = await newVisitor(browser, service.url)
  await page.goto(service.url + pathOf(share))
  await page.locator('.tile a').first().click()
  await page.getByRole('button', { name: 'Slideshow' }).click()
  await page.getByText('2 / 6').waitFor()
  await page.getByRole('button', { name: 'Pause' }).waitFor()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('button', { name: 'Slideshow' }).waitFor()
  await context.close()
})
