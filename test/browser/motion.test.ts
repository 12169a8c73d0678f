import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser } from './browser.ts'
import { landscape } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let share: ShareAnswer

/** A motion photo as Google's phones write it, the video behind the picture; then a photo that stands still. */
beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
  const folder = await mkdtemp(join(tmpdir(), 'mayfly-motion-'))
  const file = join(folder, 'motion.mp4')
  await promisify(execFile)('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=d=8:r=10:s=320x240', '-pix_fmt', 'yuv420p', file],
  ])
  const moving = Buffer.concat([await landscape(1, new Date('2026-10-03T10:00:00Z')), await readFile(file)])
  await rm(folder, { recursive: true })
  const still = await landscape(2, new Date('2026-10-03T11:00:00Z'))
  share = await postShare(service.url, { 'PXL_1.MP.jpg': moving, 'PXL_2.jpg': still }, { title: 'Moving' })
  await untilReady(service.url, share)
  await vi.waitFor(async () => expect((await fetch(video())).headers.get('content-type')).toBe('video/mp4'), {
    timeout: 120_000,
    interval: 200,
  })
}, 400_000)

afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const item = (index: number): string => `${service.url}${pathOf(share)}/items/${share.items[index]?.id ?? ''}`
const video = (): string => `${item(0)}/video`
const isPlaying = (page: Page) => page.locator('video.motion.playing').waitFor()
const isStill = (page: Page) => page.locator('video.motion').waitFor({ state: 'detached' })

/** Presses the middle of the picture until `meanwhile` is done. */
async function hold(page: Page, selector: string, meanwhile: () => Promise<void>): Promise<void> {
  const box = await page.locator(selector).first().boundingBox()
  if (!box) throw new Error('no picture')
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await meanwhile()
  await page.mouse.up()
}

describe.each([
  { name: 'a small phone', screen: 'phone', width: 320, scheme: 'light' },
  { name: 'a desktop in the dark', screen: 'desktop', width: 1440, scheme: 'dark' },
] as const)('a motion photo on $name', (screen) => {
  it('plays in the viewer by its button, by keyboard, and while it is pressed', async () => {
    const { page, context, complaints } = await newVisitor(browser, service.url, screen)
    await page.goto(service.url + pathOf(share))
    await expect.poll(() => page.locator('.tile .badge').allTextContents()).toEqual(['LIVE'])
    await page.locator('.tile a').first().click()
    const viewer = page.getByRole('dialog', { name: 'Photo viewer' })
    const button = viewer.getByRole('button', { name: 'Play motion' })
    await button.click()
    await isPlaying(page)
    await expect.poll(() => button.getAttribute('aria-pressed')).toBe('true')
    await expectAccessible(page)
    // The slides at the sides stand outside by design; nothing that is pressed does.
    for (const one of await viewer.getByRole('button').all()) {
      const box = await one.boundingBox()
      if (box) expect([box.x >= 0, box.x + box.width <= screen.width]).toEqual([true, true])
    }
    await button.focus()
    await page.keyboard.press('Enter')
    await isStill(page)

    await hold(page, '.pswp__item[aria-hidden=false] img.pswp__img:not(.pswp__img--placeholder)', () =>
      isPlaying(page),
    )
    await isStill(page)
    // The press was neither a tap nor a click: nothing was zoomed or hidden.
    await expect.poll(() => button.isVisible()).toBe(true)
    await button.click()
    await isPlaying(page)
    await page.keyboard.press('ArrowRight')
    await isStill(page)
    await expect.poll(() => button.isVisible()).toBe(false)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('plays on its own page', async () => {
    const { page, context, complaints } = await newVisitor(browser, service.url, screen)
    await page.goto(item(0))
    const button = page.getByRole('button', { name: 'Play motion' })
    await button.click()
    await isPlaying(page)
    await expectAccessible(page)
    await expectNoOverflow(page)
    await button.click()
    await isStill(page)
    await hold(page, '.whole img', () => isPlaying(page))
    await isStill(page)
    await expect.poll(() => page.url()).toBe(item(0))
    await page.goto(item(1))
    await expect.poll(() => page.locator('.play-motion').count()).toBe(0)
    expect(complaints).toEqual([])
    await context.close()
  })
})

it('leads to the video where scripts do not run', async () => {
  const { page, context } = await newVisitor(browser, service.url, { javaScript: false })
  await page.goto(item(0))
  await expect
    .poll(() => page.getByRole('link', { name: 'Play motion' }).getAttribute('href'))
    .toBe(new URL(video()).pathname)
  await context.close()
})
