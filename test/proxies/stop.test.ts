import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer } from '../support/client.ts'
import { download, type Download } from '../support/downloads.ts'
import { shareHuge } from '../support/huge.ts'
import { proxyNames, startProxy, type Proxy, type ProxyName } from '../support/proxies.ts'

/** The first promise of the README. */
const promisedMs = 5000

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await sleep(20)
}

/**
 * A proxy hands out what its sockets hold already, whatever the service does: on loopback, where a segment has 64 kB,
 * 4 MB for the visitor and up to 8 MB from the service. `listen … sndbuf=` bounds both (see docs/operating.md).
 */
describe.each<{ name: ProxyName; listen?: string; bytesPerSecond: number }>([
  ...proxyNames.map((name) => ({ name, bytesPerSecond: 4e6 })),
  { name: 'nginx', listen: 'sndbuf=128k', bytesPerSecond: 1e6 },
])('protection 48: through $name $listen, a stop', ({ name, listen, bytesPerSecond }) => {
  const slow = { bytesPerSecond }
  let proxy: Proxy
  beforeAll(async () => {
    proxy = await startProxy(name, web.url, listen)
  })
  afterAll(() => proxy.stop())

  it('breaks what runs within 5 seconds, for slow readers and for quick ones', async () => {
    const { link, items, ownerKey } = await shareHuge(web)
    const item = items[0]?.id ?? ''
    const page = proxy.url + new URL(link.url).pathname
    const running: Record<string, Download> = {
      download: await download(`${page}/items/${item}/download`, slow),
      zip: await download(`${page}/zip`, slow),
      video: await download(`${page}/items/${item}/video`, slow),
      range: await download(`${page}/items/${item}/download`, { ...slow, headers: { Range: 'bytes=1000-' } }),
    }
    // As long as in the report: by now all that stands between is full.
    await until(() => Object.values(running).every(({ bytes }) => bytes() > 3 * bytesPerSecond))
    running['quick download'] = await download(`${page}/items/${item}/download`)
    running['quick zip'] = await download(`${page}/zip`)
    await until(() => Object.values(running).every(({ bytes }) => bytes() > 3e6))
    const stopped = await fetch(`${proxy.url}/api/v1/links/${link.id}`, {
      method: 'DELETE',
      headers: bearer(ownerKey),
    })
    const stoppedAt = Date.now()
    expect(stopped.status).toBe(204)
    expect((await fetch(page)).status).toBe(410)
    const ends = await Promise.all(
      Object.entries(running).map(async ([what, { ended }]) => {
        const { at, isWhole } = await ended
        return { what, isWhole, ms: at - stoppedAt }
      }),
    )
    expect(ends.filter(({ isWhole, ms }) => isWhole || ms > promisedMs)).toEqual([])
  })
})
