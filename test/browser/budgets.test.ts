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

/** A slow phone takes so many times longer than the machine on which this budget was set. */
const slowPhone = 4

/**
 * How many times longer than that machine this one takes now, with all that runs beside us: 55 ms it took for this
 * loop. The middle of some tries, the first of which is compiled on the way.
 */
async function slowness(page: Page): Promise<number> {
  const loop = `(() => {
    const begun = performance.now()
    let sum = 1
    for (let n = 0; n < 50_000_000; n++) sum = (sum * 31 + n) | 0
    return performance.now() - begun + (sum === 0.5 ? 1 : 0)
  })()`
  const taken: number[] = []
  for (let tries = 0; tries < 6; tries++) taken.push(z.number().parse(await page.evaluate(loop)))
  const middle = taken.slice(1).sort((a, b) => a - b)[2] ?? 0
  return Math.max(1, middle / 55)
}

/** Loads the page of 200 items as a slow phone does; answers when its largest picture stood and how far it shifted. */
async function loadOnSlowPhone(): Promise<{ paint: number; shift: number }> {
  const { page, context } = await newVisitor(browser, web.url, { screen: 'phone' })
  const slow = await slowness(page)
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 150,
    downloadThroughput: (1.6 * 1024 * 1024) / 8,
    uploadThroughput: (0.75 * 1024 * 1024) / 8,
  })
  await session.send('Emulation.setCPUThrottlingRate', { rate: Math.max(1, slowPhone / slow) })
  await page.addInitScript(`
    window.seen = { paint: 0, shift: 0 }
    new PerformanceObserver((list) => { for (const { startTime } of list.getEntries()) seen.paint = startTime })
      .observe({ type: 'largest-contentful-paint', buffered: true })
    new PerformanceObserver((list) => { for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) seen.shift += value })
      .observe({ type: 'layout-shift', buffered: true })`)
  await page.goto(web.url + path)
  await page.waitForTimeout(4000)
  const look = async () =>
    z.object({ paint: z.number(), shift: z.number() }).parse(await page.evaluate('seen'))
  await expect.poll(async () => (await look()).paint).toBeGreaterThan(0)
  const { paint, shift } = await look()
  await context.close()
  // A machine that is slower than a slow phone by itself cannot be made as quick as one.
  return { paint: paint / Math.max(1, slow / slowPhone), shift }
}

it('shows its largest picture in 2 s on a slow phone, and shifts nothing', async () => {
  // The best of some: what else this machine does comes and goes.
  let best = Infinity
  for (let tries = 0; tries < 6 && best > 2000; tries++) {
    const { paint, shift } = await loadOnSlowPhone()
    expect(shift).toBeLessThanOrEqual(0.01)
    best = Math.min(best, paint)
  }
  expect(best).toBeLessThanOrEqual(2000)
}, 240_000)

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
