import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, form, untilReady, type ShareAnswer } from '../support/client.ts'
import { expectAccessible, expectNoOverflow, newVisitor, openBrowser } from './browser.ts'

let service: TestService
let browser: Browser
let share: ShareAnswer
const shots = process.env['SCREENSHOTS']

/** Degrees, minutes and seconds, as Exif keeps them. */
const exifDegrees = (degrees: number): string => {
  const minutes = (degrees % 1) * 60
  return `${Math.floor(degrees)}/1 ${Math.floor(minutes)}/1 ${Math.round((minutes % 1) * 6000)}/100`
}

async function photo(
  color: string,
  takenAt: string,
  [latitude, longitude]: readonly [number, number],
): Promise<Buffer> {
  return sharp({ create: { width: 640, height: 480, channels: 3, background: color } })
    .withExif({
      IFD2: { DateTimeOriginal: takenAt, OffsetTimeOriginal: '+01:00' },
      IFD3: {
        GPSLatitudeRef: latitude < 0 ? 'S' : 'N',
        GPSLatitude: exifDegrees(Math.abs(latitude)),
        GPSLongitudeRef: longitude < 0 ? 'W' : 'E',
        GPSLongitude: exifDegrees(Math.abs(longitude)),
      },
    })
    .jpeg()
    .toBuffer()
}

const lisbon = [38.7139, -9.1334] as const
const berlin = [52.52, 13.405] as const

beforeAll(async () => {
  service = await startService()
  browser = await openBrowser()
  const files: Record<string, Buffer> = {}
  const colors = ['#7a3b2e', '#2e5c7a', '#4f7a2e', '#7a6a2e', '#5c2e7a', '#2e7a6a']
  for (const [index, color] of colors.entries()) {
    const isFirst = index < 4
    const place = isFirst ? lisbon : berlin
    const day = isFirst ? `2026:05:0${2 + (index % 2)} 1${index}:00:00` : `2026:06:20 1${index}:00:00`
    files[`${isFirst ? 'Lisbon trip' : 'Berlin'}/${index}.jpg`] = await photo(color, day, [
      place[0] + index * 0.004,
      place[1] + index * 0.003,
    ])
  }
  const res = await fetch(`${service.url}/api/v1/shares`, {
    method: 'POST',
    body: form(files, { title: 'Both towns', sender: 'Ada' }),
  })
  share = JSON.parse(await res.text())
  await untilReady(service.url, share)
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

async function shoot(page: Page, name: string): Promise<void> {
  if (shots === undefined) return
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 })
    await page.screenshot({ path: join(shots, `${name}-${width}.png`), fullPage: true })
  }
}

/** Looks at a page in both widths: nothing outside, nothing that axe finds. */
async function look(page: Page, name: string): Promise<void> {
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 })
    await expectNoOverflow(page)
  }
  await expectAccessible(page)
  await shoot(page, name)
}

const asOwner = async (javaScript: boolean) => {
  const visitor = await newVisitor(browser, service.url, { javaScript })
  await visitor.context.addCookies([{ name: 'mayfly-owner', value: share.ownerKey ?? '', url: service.url }])
  return visitor
}

/** Clicks what leads to another page, and waits until all of that is there. */
async function follow(way: Locator): Promise<void> {
  const loaded = way.page().waitForEvent('load')
  await way.click()
  await loaded
}

const inputOf = (page: Page): Promise<string> => page.locator('.copy-row .link').inputValue()

describe('the owner’s pages', () => {
  it(
    'do all of it without scripts: library, a month shared, links, albums, private items, a map, a visit',
    { timeout: 400_000 },
    async () => {
      const { page } = await asOwner(false)
      await page.goto(`${service.url}/library`)
      await page.locator('.group').first().waitFor()
      await expect
        .poll(() => page.locator('.group h2').allTextContents())
        .toEqual(expect.arrayContaining(['Weekend in Lisbon, May 2026']))
      for (const [tab, titles] of [
        ['Months', ['May 2026', 'June 2026']],
        ['Places', ['Portugal', 'Germany', 'Lisbon', 'Berlin']],
        ['Folders', ['Lisbon trip', 'Berlin']],
      ] as const) {
        await follow(page.getByRole('link', { name: tab, exact: true }))
        await expect
          .poll(() => page.locator('.group h2').allTextContents())
          .toEqual(expect.arrayContaining([...titles]))
      }
      // Two clicks: a month with a link.
      await page.goto(`${service.url}/library?by=month`)
      await follow(page.getByRole('link', { name: 'Share May 2026' }))
      await follow(page.getByRole('button', { name: 'Create the link' }))
      await expect.poll(() => page.locator('.notice').textContent()).toContain('Saved')
      const month = await inputOf(page)

      // A second link with its own address, a password and three days, that tells places.
      await page.goto(`${service.url}/albums`)
      await follow(page.getByRole('link', { name: /May 2026/ }))
      await follow(page.getByRole('link', { name: 'New link' }))
      await page.getByLabel('Label').fill('For grandma')
      await page.getByLabel('Address').fill('summer-photos')
      await page.getByLabel('Password').fill('pastel')
      await page.getByLabel('Ends in').selectOption('3')
      await page.getByLabel('Everything, places too').check()
      await follow(page.getByRole('button', { name: 'Create the link' }))
      await expect.poll(() => page.locator('.problem').textContent()).toContain('too easy to guess')
      await page.getByLabel('Address').fill('lisbon-with-grandma')
      await page.getByLabel('Password').fill('pastel')
      await follow(page.getByRole('button', { name: 'Create the link' }))
      const chosen = await inputOf(page)
      expect(chosen).toBe(`${service.url}/s/lisbon-with-grandma`)
      // Two albums under one secret.
      await page.getByLabel('Both towns').check()
      await follow(page.getByRole('button', { name: 'Save' }))

      const guest = (await newVisitor(browser, service.url, { javaScript: false })).page
      await guest.goto(chosen)
      expect(await guest.content()).not.toMatch(/Both towns|Portugal|May 2026|\d photos/)
      await guest.getByLabel('Password').fill('pastel')
      await follow(guest.getByRole('button', { name: 'Open' }))
      await expect
        .poll(() => guest.locator('.album-list strong').allTextContents())
        .toEqual(['May 2026', 'Both towns'])
      await follow(guest.getByRole('link', { name: /May 2026/ }))
      await expect.poll(() => guest.locator('.tile').count()).toBe(4)
      await follow(guest.getByRole('link', { name: 'Map' }))
      await expect.poll(() => guest.locator('.map-wide .marker').count()).toBeGreaterThan(0)
      await follow(guest.locator('.place-list a').first())
      await follow(guest.getByRole('link', { name: /Lisbon/ }))
      await expect.poll(() => guest.url()).toContain('/map?item=')

      // One of them private: gone from page, count, map.
      await page.goto(`${service.url}/albums`)
      await follow(page.getByRole('link', { name: /May 2026/ }))
      await page.locator('.pick label').first().click()
      await follow(page.getByRole('button', { name: 'Mark private' }))
      await guest.goto(chosen)
      await follow(guest.getByRole('link', { name: /May 2026/ }))
      await expect.poll(() => guest.locator('.tile').count()).toBe(3)
      await expect.poll(() => guest.locator('.facts').first().textContent()).toContain('3 photos')
      await follow(guest.getByRole('link', { name: 'Map' }))
      await expect.poll(() => guest.locator('.place-list li').count()).toBe(3)

      // Leave, decline, undo.
      await guest.goto(chosen)
      await follow(guest.getByRole('button', { name: 'Lock again on this device' }))
      await guest.getByLabel('Password').waitFor()
      await guest.goto(month)
      expect(await guest.content()).not.toMatch(/Lisbon|Portugal/)
      await follow(guest.getByRole('button', { name: 'I do not want this' }))
      await expect.poll(() => guest.locator('h1').textContent()).toBe('You declined this link')
      await guest.goto(month)
      await follow(guest.getByRole('button', { name: 'Undo' }))
      await expect.poll(() => guest.locator('.tile').count()).toBe(3)

      // One link stops, the other lives on.
      const links: { links: { id: string; url: string }[] } = JSON.parse(
        await (await fetch(`${service.url}/api/v1/links`, { headers: bearer(share.ownerKey) })).text(),
      )
      const gone = links.links.find(({ url }) => url === month)
      await fetch(`${service.url}/shares/${gone?.id}/stop`, {
        method: 'POST',
        headers: { Cookie: `mayfly-owner=${share.ownerKey}` },
      })
      expect((await guest.goto(month))?.status()).toBe(410)
      expect((await guest.goto(chosen))?.status()).toBe(200)
    },
  )

  it('fit phones and desktops, and axe finds nothing', { timeout: 400_000 }, async () => {
    const { page, complaints } = await asOwner(true)
    for (const [name, path] of [
      ['library', '/library'],
      ['places', '/library?by=region'],
      ['albums', '/albums'],
      ['album', `/albums/${share.album.id}`],
      ['link-new', `/shares/new?album=${share.album.id}`],
      ['link', `/shares/${share.link.id}`],
      ['shares', '/shares'],
      ['key', '/key'],
      ['shared', '/shared'],
    ] as const) {
      await page.goto(service.url + path)
      await look(page, name)
    }
    const res = await fetch(`${service.url}/api/v1/links`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...bearer(share.ownerKey) },
      body: JSON.stringify({ albums: [share.album.id], metadata: 'everything' }),
    })
    const { url }: { url: string } = JSON.parse(await res.text())
    for (const [name, path] of [
      ['visit', ''],
      ['map', '/map'],
    ] as const) {
      await page.goto(url + path)
      await look(page, name)
    }
    expect(complaints).toEqual([])
  })

  it('count a visit once it was looked at, and keep the list of what was shared with one', async () => {
    const { page } = await newVisitor(browser, service.url)
    await page.goto(share.link.url)
    const visits = async (): Promise<number> => {
      const res = await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
        headers: bearer(share.ownerKey),
      })
      const link: { visits: number } = JSON.parse(await res.text())
      return link.visits
    }
    await expect.poll(visits).toBeGreaterThan(0)
    const before = await visits()
    await page.reload()
    await page.waitForTimeout(2000)
    expect(await visits()).toBe(before)
    await page.goto(`${service.url}/shared`)
    await expect.poll(() => page.locator('.line strong').allTextContents()).toEqual(['Both towns'])
    await page.getByRole('button', { name: 'Forget' }).click()
    await expect.poll(() => page.locator('.line').count()).toBe(0)
  })

  it('carry the key to another device by the address of its code', async () => {
    const { page } = await newVisitor(browser, service.url)
    await page.goto(`${service.url}/key#${share.ownerKey}`)
    await expect.poll(() => page.getByLabel('Owner key').inputValue()).toBe(share.ownerKey)
    await expect.poll(() => page.url()).toBe(`${service.url}/key`)
    await page.getByRole('button', { name: 'Use this key' }).click()
    await expect.poll(() => page.locator('.link-card').count()).toBeGreaterThan(0)
  })
})
