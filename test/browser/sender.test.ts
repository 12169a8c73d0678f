import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { jpeg } from '../support/pictures.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser } from './browser.ts'

let web: TestWeb
let browser: Browser
let folder: string
let pictures: string[]
let text: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-sender-'))
  pictures = ['one.jpg', 'two.jpg', 'film.mp4'].map((name) => join(folder, name))
  for (const path of pictures) await writeFile(path, await jpeg())
  text = join(folder, 'notes.jpg')
  await writeFile(text, '<!doctype html><p>No picture at all')
  web = await startWeb()
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await web?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.each([
  { name: 'a phone', screen: 'phone', scheme: 'light' },
  { name: 'a desktop in the dark', screen: 'desktop', scheme: 'dark' },
] as const)('on $name', (screen) => {
  it('says what people will see, and follows every option', async () => {
    const { page, context, complaints } = await newVisitor(browser, web.url, screen)
    await page.goto(web.url)
    await page.setInputFiles('.drop [data-files]', pictures)
    const panel = page.locator('.seen')
    const shows = (words: string) => panel.getByText(words).waitFor()
    await shows('2 photos and 1 video')
    await shows('Shared with you')
    await shows('30 days left · until ')
    await shows('but not where it was taken.')
    await shows('No password: whoever has the link can look.')
    await expect.poll(() => panel.locator('.seen-pictures span').count()).toBe(3)
    await panel.locator('.seen-pictures canvas').nth(1).waitFor()

    await page.getByLabel('Title').fill('Lisbon <b>in</b> May')
    await page.getByLabel('Your name').fill('Ana $& {}')
    await page.getByLabel('The link ends in').selectOption('7')
    await page.getByLabel('Password').fill('open sesame')
    await page.getByLabel('Everything, with location').check()
    await shows('Lisbon <b>in</b> May')
    await shows('2 photos and 1 video from Ana $& {}')
    await shows('7 days left · until ')
    await shows('They are asked for the password first.')
    await shows('exactly where each was taken, also on a map.')
    await expect(panel.getByText('No password:').isVisible()).resolves.toBe(false)
    await expect(panel.getByText('but not where').isVisible()).resolves.toBe(false)
    await page.getByLabel('Nothing personal').check()
    await shows('Only the pictures: no date, no camera, no place.')

    await page.getByRole('button', { name: 'Remove film.mp4' }).click()
    await shows('2 photos from Ana $& {}')
    await expectAccessible(page)
    await expectNoOverflow(page)
    await page.getByText('Share from an iPhone').click()
    await page.getByText(`${web.url}/api/v1/shares`).waitFor()
    await expectAccessible(page)
    await expectNoOverflow(page)
    expect(complaints).toEqual([])
    await context.close()
  })

  it('sends without JavaScript, shows the link, and says what was wrong', async () => {
    const { page, context, complaints } = await newVisitor(browser, web.url, { ...screen, javaScript: false })
    await page.goto(web.url)
    await page.getByText('One page with your title and name').waitFor()
    await page.setInputFiles('.drop [data-files]', pictures.slice(0, 2))
    await page.getByLabel('Title').fill('By hand')
    await page.getByRole('button', { name: 'Create the link' }).click()
    await page.getByText('Your link is ready').waitFor()
    const made = page.locator('.link-card.new')
    await made.getByRole('heading', { name: 'By hand' }).waitFor()
    const address = await made.getByLabel('Your link').inputValue()
    await expectNoOverflow(page)
    // axe needs scripts: the same page once more, with them.
    const withScripts = await newVisitor(browser, web.url, screen)
    await withScripts.context.addCookies(await context.cookies())
    await withScripts.page.goto(page.url())
    await withScripts.page.getByText('Your link is ready').waitFor()
    await expectAccessible(withScripts.page)
    await withScripts.context.close()
    await page.goto(address)
    await page.getByRole('heading', { name: 'By hand' }).waitFor()

    await page.goto(web.url)
    await page.setInputFiles('.drop [data-files]', text)
    await page.getByRole('button', { name: 'Create the link' }).click()
    await page.getByRole('heading', { name: 'That did not work' }).waitFor()
    await page.getByText('Not a photo or video that can be shared here.').waitFor()
    await page.getByRole('link', { name: 'To the start page' }).click()
    await page.getByRole('heading', { name: 'Share photos and videos' }).waitFor()
    await expectNoOverflow(page)
    expect(complaints).toEqual([])
    await context.close()
  })
})

it('takes forms over plain http too, where browsers say no more than an origin', async () => {
  // Sec-Fetch-Site is for https and loopback alone; and with no referrer at all a form's origin would be “null”.
  const lan = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP mayfly.test 127.0.0.1'],
  })
  const known = await startWeb({ settings: { publicUrl: 'http://mayfly.test' } })
  const page = await lan.newPage({ javaScriptEnabled: false })
  await page.goto(known.url.replace('127.0.0.1', 'mayfly.test'))
  await page.setInputFiles('.drop [data-files]', pictures.slice(0, 1))
  await page.locator('[data-create]').click()
  await page.locator('.link-card.new').waitFor()
  await lan.close()
  await known.close()
})
