import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { z } from 'zod'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: 90_000,
  })

export type Screen = 'phone' | 'desktop'

export interface Visitor {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page complained about: errors of scripts, violations of the CSP, requests to elsewhere. */
  readonly complaints: string[]
}

/** A fresh browser profile. `url` is the only place that it may ask anything of. */
export async function newVisitor(
  browser: Browser,
  url: string,
  options: {
    screen?: Screen
    javaScript?: boolean
    locale?: string
    scheme?: 'light' | 'dark'
    width?: number
  } = {},
): Promise<Visitor> {
  const isPhone = (options.screen ?? 'desktop') === 'phone'
  const width = options.width ?? (isPhone ? 390 : 1440)
  const context = await browser.newContext({
    viewport: { width, height: isPhone ? 844 : 900 },
    deviceScaleFactor: isPhone ? 3 : 1,
    isMobile: isPhone,
    hasTouch: isPhone,
    javaScriptEnabled: options.javaScript ?? true,
    locale: options.locale ?? 'en-GB',
    colorScheme: options.scheme ?? 'light',
    reducedMotion: 'reduce',
  })
  // What is not there in time fails; a machine that is busy gets more of it.
  context.setDefaultTimeout(90_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // Chromium itself notes answers like 410, which some tests are about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    const address = request.url()
    if (!address.startsWith(url) && !/^(blob|data):/.test(address)) complaints.push(`request to ${address}`)
  })
  return { page, context, complaints }
}

const axeResult = z.object({
  violations: z.array(
    z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string(), failureSummary: z.string() })) }),
  ),
})

/** Expects that axe finds nothing wrong on the page as it stands (WCAG 2.2 A and AA, and its best practices). */
export async function expectAccessible(page: Page): Promise<void> {
  // By the debugger, not by a script element: the page's CSP stays as it is.
  await page.evaluate(axe)
  const result = axeResult.parse(await page.evaluate('axe.run(document, { resultTypes: ["violations"] })'))
  expect(
    result.violations.map(({ id, nodes }) => [
      id,
      nodes.map(({ html, failureSummary }) => [html, failureSummary]),
    ]),
  ).toEqual([])
}

/**
 * Expects that nothing stands outside the device's width. Neither `scrollWidth` nor `innerWidth` tells that on phones:
 * both grow with what is too wide. A failure names the fonts that were used: what fits in one may not in another.
 */
export async function expectNoOverflow(page: Page): Promise<void> {
  const width = page.viewportSize()?.width ?? 0
  const outside = z.array(z.string()).parse(
    await page.evaluate(`[...document.querySelectorAll('body *')].filter((element) => {
    const { left, right, width, height } = element.getBoundingClientRect()
    const isHidden = width <= 1 || height <= 1 || element.closest('.visually-hidden, .skip, svg, details:not([open]) > :not(summary)') !== null
    return !isHidden && (left + scrollX < -1 || right + scrollX > ${width} + 1)
  }).map((element) => Math.round(element.getBoundingClientRect().right) + ' px: ' + element.outerHTML.slice(0, 120))`),
  )
  if (outside.length > 0)
    expect.fail(`Wider than ${width} px, with ${await fontsOf(page)}:\n${outside.join('\n')}`)
}

/** The fonts that the page's text is drawn with, as the browser found them on this machine. */
async function fontsOf(page: Page): Promise<string> {
  const debug = await page.context().newCDPSession(page)
  await debug.send('DOM.enable')
  await debug.send('CSS.enable')
  const { root } = await debug.send('DOM.getDocument', { depth: 0 })
  const { nodeIds } = await debug.send('DOM.querySelectorAll', {
    nodeId: root.nodeId,
    selector: 'body, body *',
  })
  const fonts = await Promise.all(
    nodeIds.map(async (nodeId) => (await debug.send('CSS.getPlatformFontsForNode', { nodeId })).fonts),
  )
  await debug.detach()
  return [...new Set(fonts.flat().map(({ familyName }) => familyName))].join(', ')
}
