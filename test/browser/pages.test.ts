import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, pathOf, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let open: ShareAnswer
let locked: ShareAnswer
let ended: ShareAnswer

beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
  const pictures = await journey(14)
  open = await postShare(service.url, pictures, {
    title: 'A title that is rather long for a phone',
    sender: 'Ana',
  })
  const owner = bearer(open.ownerKey)
  const [first] = Object.entries(pictures)
  const one = Object.fromEntries(first ? [first] : [])
  locked = await postShare(service.url, one, { password: 'open sesame', title: 'Secret title' }, owner)
  ended = await postShare(service.url, one, { title: 'Secret title' }, owner)
  await fetch(`${service.url}/api/v1/links/${ended.link.id}`, { method: 'DELETE', headers: owner })
  await untilReady(service.url, open)
  await untilReady(service.url, { ...locked, ownerKey: open.ownerKey })
})

afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const item = (index = 2): string => `${pathOf(open)}/items/${open.items[index]?.id ?? ''}`
const pages = (): Record<string, string> => ({
  start: '/',
  shares: '/shares',
  share: pathOf(open),
  item: item(),
  locked: pathOf(locked),
  ended: pathOf(ended),
  unknown: '/s/aaaaaaaaaaaaaaaaaaaaaaaaaa',
})

describe.each([
  { name: 'a small phone', width: 320, screen: 'phone', scheme: 'light', locale: 'en-GB' },
  { name: 'a phone at 200 %', width: 195, screen: 'phone', scheme: 'light', locale: 'en-GB' },
  { name: 'a desktop in the dark', width: 1440, screen: 'desktop', scheme: 'dark', locale: 'en-GB' },
  { name: 'a tablet in Arabic', width: 820, screen: 'phone', scheme: 'light', locale: 'ar' },
  { name: 'a small phone in German', width: 320, screen: 'phone', scheme: 'dark', locale: 'de-DE' },
] as const)('on $name', (screen) => {
  it('every page is accessible, fits, and keeps to its own site', async () => {
    const { page, context, complaints } = await newVisitor(browser, service.url, screen)
    for (const path of Object.values(pages())) {
      await page.goto(service.url + path)
      await expectAccessible(page)
      await expectNoOverflow(page)
    }
    expect(complaints).toEqual([])
    await context.close()
  })
})

it('works without JavaScript: look, tick, download, unlock, leave', async () => {
  const { page, context } = await newVisitor(browser, service.url, { javaScript: false })
  await page.goto(service.url + pathOf(open))
  await page.locator('.tick input').nth(0).check()
  await page.locator('.tick input').nth(4).check()
  const zip = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download what is ticked' }).click()
  expect((await zip).suggestedFilename()).toMatch(/\.zip$/)

  await page.locator('.tile a').nth(1).click()
  await page.getByText('2 of 14').waitFor()
  await page.getByText('Fujifilm X100VI').waitFor()
  await page.getByRole('link', { name: 'Next' }).click()
  await page.getByText('3 of 14').waitFor()
  await page.getByRole('link', { name: 'All photos and videos' }).click()
  await page.getByText('14 photos from Ana').waitFor()

  await page.goto(service.url + pathOf(locked))
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByText('That is not the password.').waitFor()
  await page.getByLabel('Password').fill('open sesame')
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByRole('heading', { name: 'Secret title' }).waitFor()
  await page.getByRole('button', { name: 'Lock again on this device' }).click()
  await page.getByRole('heading', { name: 'This share has a password' }).waitFor()
  await context.close()
})

it('goes by keyboard alone, and the focus is seen', async () => {
  const { page, context } = await newVisitor(browser, service.url)
  await page.goto(service.url + pathOf(open))
  const focused = (): Promise<unknown> =>
    page.evaluate(`(() => {
      const style = getComputedStyle(document.activeElement)
      return [document.activeElement.textContent.trim(), style.outlineStyle, parseInt(style.outlineWidth)]
    })()`)
  await page.keyboard.press('Tab')
  expect(await focused()).toEqual(['To the content', 'solid', 3])
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  expect(await focused()).toEqual(['Select', 'solid', 3])
  await page.keyboard.press('Enter')
  await page.locator('.tick input').first().focus()
  await page.keyboard.press('Space')
  await page.getByText(/^1 selected, /).waitFor()
  await page.keyboard.press('Escape')
  await page.goto(service.url + item(2))
  await page.keyboard.press('ArrowRight')
  await page.waitForURL(/items/)
  await page.getByText('4 of 14').waitFor()
  await context.close()
})

it('shows pictures as they become ready, without a reload by hand', async () => {
  const { page, context, complaints } = await newVisitor(browser, service.url)
  const ownerKey = open.ownerKey
  const share = await postShare(service.url, await journey(1), { title: 'Filling up' }, bearer(ownerKey))
  await page.goto(service.url + pathOf(share))
  const data = new FormData()
  for (const [name, bytes] of Object.entries(await journey(3)))
    data.append('files', new Blob([new Uint8Array(bytes)]), name)
  await fetch(`${service.url}/api/v1/albums/${share.album.id}/items`, {
    method: 'POST',
    body: data,
    headers: bearer(ownerKey),
  })
  await page.reload()
  await page.locator('.tile').nth(2).waitFor()
  await page.getByRole('link', { name: /^Download all/ }).waitFor()
  expect(complaints).toEqual([])
  await context.close()
})

it('tells no dates by headings or descriptions where a link tells nothing personal', async () => {
  const share = await postShare(service.url, await journey(2), { metadata: 'none' })
  await untilReady(service.url, share)
  const page = await (await fetch(service.url + pathOf(share))).text()
  expect(page).toContain('alt="Photo"')
  expect(page).not.toContain('alt="Photo, ')
  expect(page).not.toMatch(/<h2/)
})
