import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { startWeb, type TestWeb } from '../support/app.ts'
import { newVisitor, openBrowser } from './browser.ts'
import { shareOfMany } from './many-items.ts'

let web: TestWeb
let browser: Browser
let path: string
let longPath: string

beforeAll(async () => {
  web = await startWeb()
  browser = await openBrowser()
  path = await shareOfMany(web.ports, 200)
  longPath = await shareOfMany(web.ports, 640)
}, 600_000)

afterAll(async () => {
  await browser?.close()
  await web?.close()
})

const kilobyte = 1000

/** Bytes of everything that a page asked for, gzipped where it is text, by kind. */
async function weigh(page: Page, address: string): Promise<Record<string, number>> {
  const bytes: Record<string, number> = {}
  const pending: Promise<void>[] = []
  page.on('response', (response) => {
    pending.push(
      response
        .body()
        .then((body) => {
          const kind = response.request().resourceType()
          const size = kind === 'image' ? body.length : gzipSync(body).length
          bytes[kind] = (bytes[kind] ?? 0) + size
        })
        .catch(() => undefined),
    )
  })
  await page.goto(address, { waitUntil: 'load' })
  await page.waitForTimeout(500)
  await Promise.all(pending)
  return bytes
}

it('keeps the visitor’s page of 200 items small', async () => {
  const { page, context, complaints } = await newVisitor(browser, web.url, { screen: 'phone' })
  const bytes = await weigh(page, web.url + path)
  await expect.poll(() => page.locator('.tile').count()).toBe(200)
  expect(bytes['document']).toBeLessThanOrEqual(20 * kilobyte)
  expect(bytes['stylesheet']).toBeLessThanOrEqual(6 * kilobyte)
  expect(bytes['script']).toBeLessThanOrEqual(8 * kilobyte)
  // All that the browser fetches by itself: what is in sight, and the rows below as far as it looks ahead.
  const fetched = async () =>
    z.array(z.string()).parse(
      await page.evaluate(`performance.getEntriesByType('resource')
    .filter(({ initiatorType }) => initiatorType === 'img').map(({ name }) => name.split('/').pop())`),
    )
  await expect.poll(async () => (await fetched()).length).toBeGreaterThan(20)
  const pictures = await fetched()
  expect(new Set(pictures)).toEqual(new Set(['small']))
  expect(bytes['image']).toBeLessThanOrEqual(400 * kilobyte)

  const before = bytes['script'] ?? 0
  await page.locator('.tile a').first().click()
  await page.getByRole('dialog').waitFor()
  await page.waitForTimeout(300)
  expect((bytes['script'] ?? 0) - before).toBeLessThanOrEqual(22 * kilobyte)
  expect(complaints).toEqual([])
  await context.close()
})

it('keeps the sender’s page small', async () => {
  const { page, context, complaints } = await newVisitor(browser, web.url, { screen: 'phone' })
  const bytes = await weigh(page, web.url)
  expect(bytes['script']).toBeLessThanOrEqual(30 * kilobyte)
  expect(bytes['document']).toBeLessThanOrEqual(20 * kilobyte)
  expect(complaints).toEqual([])
  await context.close()
})

it('shows its largest picture in 2 s on a slow phone, and shifts nothing', async () => {
  const { page, context } = await newVisitor(browser, web.url, { screen: 'phone' })
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 150,
    downloadThroughput: (1.6 * 1024 * 1024) / 8,
    uploadThroughput: (0.75 * 1024 * 1024) / 8,
  })
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.addInitScript(`
    window.seen = { paint: 0, shift: 0 }
    new PerformanceObserver((list) => { for (const { startTime } of list.getEntries()) seen.paint = startTime })
      .observe({ type: 'largest-contentful-paint', buffered: true })
    new PerformanceObserver((list) => { for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) seen.shift += value })
      .observe({ type: 'layout-shift', buffered: true })`)
  await page.goto(web.url + path)
  await page.waitForTimeout(4000)
  const seen = z.object({ paint: z.number(), shift: z.number() }).parse(await page.evaluate('seen'))
  expect(seen.paint).toBeGreaterThan(0)
  expect(seen.paint).toBeLessThanOrEqual(2000)
  expect(seen.shift).toBeLessThanOrEqual(0.01)
  await context.close()
}, 60_000)

it('puts the pages of a large share together on the way down', async () => {
  const { page, context, complaints } = await newVisitor(browser, web.url)
  await page.goto(web.url + longPath)
  await expect.poll(() => page.locator('.tile').count()).toBe(300)
  await page.keyboard.press('End')
  await page.locator('.tile').nth(599).waitFor()
  await page.keyboard.press('End')
  await page.locator('.tile').nth(639).waitFor()
  await expect.poll(() => page.locator('.pages').count()).toBe(0)
  const ids = z
    .array(z.string())
    .parse(await page.evaluate('[...document.querySelectorAll("[id]")].map(({ id }) => id)'))
  expect(new Set(ids).size).toBe(ids.length)
  expect(complaints).toEqual([])
  await context.close()
})
