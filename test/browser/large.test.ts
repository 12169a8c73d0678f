import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { newVisitor, openBrowser } from './browser.ts'
import { shareOfMany } from './many-items.ts'

const count = 5000

let web: TestWeb
let browser: Browser
let path: string

beforeAll(async () => {
  web = await startWeb({ limits: { maxAlbumItems: count } })
  browser = await openBrowser()
  path = await shareOfMany(web.ports, count, 60)
}, 600_000)

afterAll(async () => {
  await browser?.close()
  await web?.close()
})

it('shows 5,000 items, page by page on the way, and each in the viewer', async () => {
  const { page, context, complaints } = await newVisitor(browser, web.url)
  await page.goto(web.url + path)
  await expect.poll(() => page.locator('.tile').count()).toBe(300)
  for (let tiles = 300; tiles < count; tiles = await page.locator('.tile').count()) {
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)')
    await page.locator('.tile').nth(tiles).waitFor({ state: 'attached' })
  }
  await page.locator('.tile a').nth(4990).click()
  await page.getByText('4991 / 5000').waitFor()
  // Most of the pictures do not exist here, which is no complaint of this test.
  expect(complaints.filter((complaint) => !complaint.includes('404'))).toEqual([])
  await context.close()
}, 400_000)
