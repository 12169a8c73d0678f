import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let share: ShareAnswer

beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
  share = await postShare(service.url, await journey(4), { title: 'Four', sender: 'Ana' })
  await untilReady(service.url, share)
})

afterAll(async () => {
  await browser?.close()
  await service?.close()
})

it.each([
  { name: 'a small phone', screen: 'phone', width: 320, scheme: 'dark', locale: 'de-DE', share: 'Teilen' },
  { name: 'a phone in Arabic', screen: 'phone', width: 390, scheme: 'light', locale: 'ar', share: 'مشاركة' },
  { name: 'a desktop', screen: 'desktop', width: 1440, scheme: 'light', locale: 'en', share: 'Share' },
] as const)('passes the page on from $name: address, copy, QR code', async (screen) => {
  const { page, context, complaints } = await newVisitor(browser, service.url, screen)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: service.url })
  await page.goto(service.url + pathOf(share))
  const menu = page.locator('.share-menu')
  await page.getByText(screen.share, { exact: true }).first().focus()
  await page.keyboard.press('Enter')
  const code = menu.locator('img')
  await expect
    .poll(() => page.evaluate(`document.querySelector('.share-menu img').naturalWidth`))
    .toBeGreaterThan(0)
  await expect.poll(() => menu.locator('input').inputValue()).toBe(service.url + pathOf(share))
  await expectAccessible(page)
  await expectNoOverflow(page)
  await menu.locator('[data-copy]').click()
  await menu.locator('.copied').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(service.url + pathOf(share))
  await page.keyboard.press('Escape')
  await expect.poll(() => code.isVisible()).toBe(false)
  expect(complaints).toEqual([])
  await context.close()
})

it('hands the address to the device’s own share sheet where there is one', async () => {
  const { page, context } = await newVisitor(browser, service.url, { screen: 'phone' })
  await page.addInitScript('navigator.share = (what) => { window.shared = what; return Promise.resolve() }')
  await page.goto(service.url + pathOf(share))
  await page.getByText('Share', { exact: true }).first().click()
  await page.getByRole('button', { name: 'Other apps' }).click()
  expect(await page.evaluate('shared')).toEqual({ title: 'Four', url: service.url + pathOf(share) })
  await context.close()
})

it('shows address and QR code without scripts, and no QR code behind a shut door', async () => {
  const { page, context } = await newVisitor(browser, service.url, { javaScript: false })
  await page.goto(service.url + pathOf(share))
  await page.getByText('Share', { exact: true }).first().click()
  await page.getByLabel('Address of this page').waitFor()
  await page.getByRole('img', { name: 'QR code' }).waitFor()
  await expect.poll(() => page.getByRole('button', { name: 'Copy link' }).count()).toBe(0)
  await context.close()

  const address = `${share.link.url}/qr.svg`
  const open = await fetch(address)
  expect([open.status, open.headers.get('content-type')]).toEqual([200, 'image/svg+xml; charset=utf-8'])
  await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
    method: 'DELETE',
    headers: bearer(share.ownerKey),
  })
  expect((await fetch(address)).status).toBe(410)
})
