import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { pathOf, postShare, untilReady } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { expectAccessible, newVisitor, openBrowser } from './browser.ts'
import { journey } from './demo-pictures.ts'

let service: TestService
let browser: Browser
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-phone-'))
  service = await startService()
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await service?.close()
  await rm(folder, { recursive: true, force: true })
})

it('saves to Photos by the share sheet: fetched by one tap, handed over by the next', async () => {
  const share = await postShare(service.url, await journey(4), { title: 'Four' })
  await untilReady(service.url, share)
  const { page, context, complaints } = await newVisitor(browser, service.url, { screen: 'phone' })
  // Chromium on Linux has no share sheet; this one notes what it is handed.
  await page.addInitScript(`
    window.handed = []
    navigator.canShare = ({ files }) => files.length <= 25
    navigator.share = async ({ files }) => { handed.push(...files.map(({ name, type, size }) => [name, type, size > 1000])) }`)
  await page.goto(service.url + pathOf(share))
  await page.getByRole('button', { name: 'Select', exact: true }).first().click()
  await page.getByRole('button', { name: 'Select all', exact: true }).click()
  await page.getByRole('button', { name: 'Save to Photos' }).click()
  await page.getByRole('button', { name: 'Save 4 now' }).click()
  await page.getByRole('button', { name: 'Save to Photos' }).waitFor()
  const handed = await page.evaluate('handed')
  expect(handed).toHaveLength(4)
  expect(handed).toContainEqual(['DSCF4210.jpg', 'image/jpeg', true])
  await expectAccessible(page)
  expect(complaints).toEqual([])
  await context.close()
})

it('says what could not be taken over from another app: nothing at all, or what the browser has no room for', async () => {
  const { page, context, complaints } = await newVisitor(browser, service.url, { screen: 'phone' })
  const share = async (...files: string[]) => {
    await page.evaluate(`(() => {
      const form = Object.assign(document.createElement('form'), { id: 'as-another-app', method: 'post', enctype: 'multipart/form-data', action: '/share-target' })
      const input = Object.assign(document.createElement('input'), { type: 'file', name: 'files', multiple: true })
      form.append(input)
      document.body.append(form)
    })()`)
    if (files.length > 0) await page.setInputFiles('#as-another-app input', files)
    await page.evaluate('document.querySelector("#as-another-app").submit()')
  }
  // Before there is a worker, as in a browser that has lost it.
  await page.goto(service.url)
  await page.evaluate(
    'navigator.serviceWorker.getRegistrations().then((all) => Promise.all(all.map((one) => one.unregister())))',
  )
  const small = join(folder, 'small.jpg')
  await writeFile(small, await jpeg())
  await share(small)
  await page.getByText('Nothing arrived from the other app.').waitFor()

  await page.evaluate('navigator.serviceWorker.ready.then(() => true)')
  await page.reload()
  await share()
  await page.getByText('Nothing arrived from the other app.').waitFor()

  const large = join(folder, 'large.jpg')
  await writeFile(large, Buffer.concat([await jpeg(), Buffer.alloc(6_000_000)]))
  const devtools = await context.newCDPSession(page)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: service.url, quotaSize: 2_000_000 })
  await share(large, small)
  await page.getByText('One file could not be taken over from the other app. Choose it here.').waitFor()
  await page.getByText('small.jpg').waitFor()
  await expectAccessible(page)
  expect(complaints).toEqual([])
  await context.close()
})

it('takes what other apps share into it, and says so when there is no network', async () => {
  const { page, context, complaints } = await newVisitor(browser, service.url, { screen: 'phone' })
  await page.goto(service.url)
  const manifest = await (await page.request.get(`${service.url}/manifest.webmanifest`)).json()
  expect(manifest).toMatchObject({
    start_url: '/',
    share_target: { action: '/share-target', method: 'POST' },
  })
  await page.evaluate('navigator.serviceWorker.ready.then(() => true)')
  await page.reload()
  // As the system does when another app shares: a form is posted to the target, and its answer is gone to.
  await writeFile(join(folder, 'shared.jpg'), await jpeg())
  await page.evaluate(`(() => {
    const form = document.createElement('form')
    form.id = 'as-another-app'
    form.method = 'post'
    form.enctype = 'multipart/form-data'
    form.action = '/share-target'
    const input = document.createElement('input')
    input.type = 'file'
    input.name = 'files'
    form.append(input)
    document.body.append(form)
  })()`)
  await page.setInputFiles('#as-another-app input', join(folder, 'shared.jpg'))
  await page.evaluate('document.querySelector("#as-another-app").submit()')
  await page.getByText('shared.jpg').waitFor()
  await page.getByText('1 file, ').waitFor()

  await context.setOffline(true)
  await page.goto(`${service.url}/shares`)
  await page.getByRole('heading', { name: 'You are offline' }).waitFor()
  await expectAccessible(page)
  expect(complaints).toEqual([])
  await context.close()
})
