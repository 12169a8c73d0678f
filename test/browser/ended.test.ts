import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { json } from '../support/browser-jar.ts'
import { bearer, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { newVisitor, openBrowser } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

async function shareSix(fields: Record<string, string> = {}): Promise<ShareAnswer> {
  const share = await postShare(service.url, await journey(6), { title: 'Six', ...fields })
  await untilReady(service.url, share)
  return share
}

async function stop({ link, ownerKey }: ShareAnswer): Promise<void> {
  const res = await fetch(`${service.url}/api/v1/links/${link.id}`, {
    method: 'DELETE',
    headers: bearer(ownerKey),
  })
  expect(res.status).toBe(204)
}

const endedPage = (page: Page) => page.getByRole('heading', { name: 'This link has ended' })
const remembered = (page: Page) => page.evaluate('localStorage.getItem("mayfly-shared-with-you") ?? ""')

describe('a link that is stopped while somebody looks', () => {
  it('ends in the page that says so with the first picture of the viewer that is refused', async () => {
    const share = await shareSix()
    const { page, context } = await newVisitor(browser, service.url)
    await page.goto(service.url + pathOf(share))
    await page.locator('.tile a').first().click()
    await page.getByText('1 / 6').waitFor()
    await stop(share)
    for (let n = 0; n < 5 && !(await endedPage(page).isVisible()); n++)
      await page.keyboard.press('ArrowRight')
    await endedPage(page).waitFor({ timeout: 20_000 })
    expect(await page.locator('.tile, .pswp').count()).toBe(0)
    await context.close()
  })

  it.each([true, false])('shows none of its pictures after Back (scripts: %s)', async (javaScript) => {
    const share = await shareSix()
    const { page, context } = await newVisitor(browser, service.url, { javaScript })
    await page.goto(service.url + pathOf(share))
    await page.locator('.tile img').first().waitFor()
    await page.goto(`${service.url}/shared`)
    await stop(share)
    await page.goBack()
    await endedPage(page).waitFor({ timeout: 20_000 })
    expect(await page.locator('.tile, .pswp').count()).toBe(0)
    await context.close()
  })
})

it('forgets a link with a password once it was left', async () => {
  const share = await shareSix({ password: 'open sesame' })
  const { page, context } = await newVisitor(browser, service.url)
  await page.goto(service.url + pathOf(share))
  await page.locator('input[type=password]').fill('open sesame')
  await page.keyboard.press('Enter')
  await expect.poll(() => remembered(page)).toContain(pathOf(share))
  await page.locator('form[action$="/leave"] button').click()
  await page.locator('input[type=password]').waitFor()
  expect(await remembered(page)).not.toContain(pathOf(share))
  await context.close()
})

it('forgets a link with a password that was changed, or that was stopped before the next visit', async () => {
  const { page, context } = await newVisitor(browser, service.url)
  const ends: Record<string, (share: ShareAnswer) => Promise<unknown>> = {
    changed: ({ link, ownerKey }) =>
      fetch(
        `${service.url}/api/v1/links/${link.id}`,
        json('PATCH', { password: 'another' }, bearer(ownerKey)),
      ),
    stopped: stop,
  }
  for (const [how, end] of Object.entries(ends)) {
    const share = await shareSix({ password: 'open sesame' })
    await page.goto(service.url + pathOf(share))
    await page.locator('input[type=password]').fill('open sesame')
    await page.keyboard.press('Enter')
    await expect.poll(() => remembered(page), { message: how, timeout: 10_000 }).toContain(pathOf(share))
    await page.goto(`${service.url}/shared`)
    await end(share)
    await page.goto(service.url + pathOf(share))
    await expect.poll(() => remembered(page), { message: how, timeout: 10_000 }).not.toContain(pathOf(share))
  }
  await context.close()
})
