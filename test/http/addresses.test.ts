import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countedAddress } from '../../src/http/input/caller-address.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { json } from '../support/browser-jar.ts'

describe('what an address counts as', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    // As some proxies write it: each connection has another port.
    ['192.0.2.1:50123', '192.0.2.1'],
    ['[2001:db8:1:2::3]:50123', '2001:db8:1:2'],
    ['[2001:db8:1:2::3]', '2001:db8:1:2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:0DB8:0001:0002:0000:0000:0000:0003', '2001:db8:1:2'],
    ['2001:db8:1:2:ffff::', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['1::2:3:4:5:192.0.2.1', '1:0:2:3'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['2001:db8::1%:a:b:c:d:e:f:1:2:3', '2001:db8:0:0'],
    [' 192.0.2.1 ', '192.0.2.1'],
  ])('%s counts as %s', (text, address) => expect(countedAddress(text)).toBe(address))

  it.each([
    '',
    'unknown',
    '_hidden',
    '999.1.1.1',
    '192.0.2.1:',
    '192.0.2.1:999999',
    '[::1',
    '1:2:3',
    '1::2::3',
    '::1]@192.0.2.1',
    '%',
    ':'.repeat(90),
    '1'.repeat(10_000),
    '::'.repeat(5000),
  ])('%s is none', (text) => expect(countedAddress(text)).toBeNull())
})

describe('limits by network behind a proxy', () => {
  let web: TestWeb
  const limit = 4
  beforeAll(async () => {
    web = await startWeb({ settings: { trustProxy: 1 }, limits: { addressSharesPerHour: limit } })
  })
  afterAll(() => web.close())

  const statusFrom = async (address: string): Promise<number> => {
    const init = json('POST', { title: 'x' }, { 'X-Forwarded-For': address })
    const res = await fetch(`${web.url}/api/v1/shares`, init)
    await res.arrayBuffer()
    return res.status
  }
  async function statusesFrom(addresses: readonly string[]): Promise<number[]> {
    const statuses: number[] = []
    for (const address of addresses) statuses.push(await statusFrom(address))
    return statuses
  }
  const served = (count: number) => [...Array.from({ length: count }, () => 201), 429]

  it('count one caller once, however the proxy writes the address', async () => {
    const ways = ['192.0.2.1', '192.0.2.1:1024', '::ffff:192.0.2.1', '[::FFFF:c000:201]:1025', '192.0.2.1:99']
    expect(await statusesFrom(ways)).toEqual(served(limit))
  })

  it('count what a caller put before the proxy’s own entry for nothing', async () => {
    const forged = ['a', 'unknown', '10.0.0.1, 10.0.0.2', ','.repeat(8000), '\t;,"', '::1', '1.2.3.4:5']
    const chain = forged.map((text) => `${text}, 192.0.2.2`)
    expect(new Set((await statusesFrom(chain)).slice(limit))).toEqual(new Set([429]))
  })

  it('count a network of 64 bits as one caller, and one of 48 bits as a few', async () => {
    const host = (n: number) => `2001:db8:7:1::${n.toString(16)}`
    expect(await statusesFrom([1, 2, 3, 4, 5].map(host))).toEqual(served(limit))
    const network = (n: number) => `2001:db8:8:${n.toString(16)}::1`
    const numbers = Array.from({ length: 4 * limit + 1 }, (_, n) => n)
    expect(await statusesFrom(numbers.map(network))).toEqual(served(4 * limit))
    expect(await statusFrom('2001:db8:9::1')).toBe(201)
  })

  it('count all that names no address as the proxy', async () => {
    const junk = ['unknown', '_a', '_b', 'x'.repeat(200), '"[', '1.2.3']
    expect(new Set((await statusesFrom(junk)).slice(limit))).toEqual(new Set([429]))
  })

  it('take no time for an endless header', async () => {
    const before = process.cpuUsage()
    for (const text of [', '.repeat(7000), '1.1.1.1,'.repeat(1700), '::'.repeat(7000), '['.repeat(14_000)]) {
      const headers = { 'X-Forwarded-For': `${text}, 192.0.2.9` }
      const res = await fetch(`${web.url}/s/not-there-at-all`, { headers })
      expect(res.status).toBe(404)
      await res.arrayBuffer()
    }
    const { user } = process.cpuUsage(before)
    expect(user / 4000).toBeLessThan(50)
  })
})
