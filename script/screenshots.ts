/*
 * Photographs the pages for docs/: node --import tsx script/screenshots.ts <address of a running Mayfly>
 * It shares made-up landscapes there, visits them with Debian's Chromium, and stops sharing them.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { journey } from '../test/browser/demo-pictures.ts'

const [address = 'http://localhost:3000'] = process.argv.slice(2)
const target = join(dirname(fileURLToPath(import.meta.url)), '../docs/pictures')
const folder = await mkdtemp(join(tmpdir(), 'mayfly-pictures-'))
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })

async function open(width: number, height: number, scheme: 'light' | 'dark'): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    locale: 'en-GB',
    deviceScaleFactor: width < 500 ? 2 : 1,
    isMobile: width < 500,
    hasTouch: width < 500,
    reducedMotion: 'reduce',
  })
  return context.newPage()
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(500)
  await page.screenshot({ path: join(target, `${name}.jpg`), type: 'jpeg', quality: 82 })
}

try {
  await mkdir(target, { recursive: true })
  const files = await Promise.all(
    Object.entries(await journey(24)).map(async ([name, bytes]) => {
      await writeFile(join(folder, name), bytes)
      return join(folder, name)
    }),
  )
  const sender = await open(1440, 900, 'light')
  await sender.goto(address)
  await shoot(sender, 'start')
  await sender.setInputFiles('.drop [data-files]', files)
  await sender.getByLabel('Title').fill('Autumn in the hills')
  await sender.getByLabel('Your name').fill('Ana')
  await sender.getByRole('button', { name: 'Create the link' }).click()
  await sender.getByText('Everything is ready.').waitFor({ timeout: 120_000 })
  await shoot(sender, 'sent')
  const link = await sender.locator('[data-link]').inputValue()

  const desktop = await open(1440, 900, 'light')
  await desktop.goto(link)
  await shoot(desktop, 'share')
  const phone = await open(390, 844, 'dark')
  await phone.goto(link)
  await shoot(phone, 'share-phone')
  await phone.locator('.tile a').nth(2).click()
  await phone.getByRole('button', { name: 'Details' }).click()
  await shoot(phone, 'viewer-phone')

  await sender.goto(`${address}/shares`)
  await shoot(sender, 'shares')
  await sender.getByRole('button', { name: 'Stop sharing' }).click()
  await sender.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click()
  await sender.getByText('The link has ended.').waitFor()
} finally {
  await browser.close()
  await rm(folder, { recursive: true, force: true })
}
