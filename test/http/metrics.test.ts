import express from 'express'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BadSetting, readConfig } from '../../src/config.ts'
import { createMetrics } from '../../src/http/operators/metrics.ts'
import { serveMetrics } from '../../src/http/operators/metrics-server.ts'
import type { Log } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { quietLog } from '../support/ports.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

/** What was said at `warn`. */
function keepingLog(): { log: Log; said: { fields: Record<string, unknown>; text: string }[] } {
  const said: { fields: Record<string, unknown>; text: string }[] = []
  return {
    said,
    log: { ...quietLog, warn: (fields, text) => void said.push({ fields: { ...fields }, text }) },
  }
}

function holdLoop(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('the numbers', () => {
  it('are not on the visitors’ port', async () => {
    expect((await fetch(`${web.url}/metrics`)).status).toBe(404)
  })

  it('are at an address of their own, and nothing else is', async () => {
    const server = await serveMetrics(web.metrics, { host: '127.0.0.1', port: 0 }, quietLog)
    const url = `http://127.0.0.1:${server?.port}`
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('mayfly_event_loop_delay_seconds_bucket')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
    server?.close()
    await expect(fetch(`${url}/metrics`)).rejects.toThrow()
  })

  it('are missed, and the log says so, where another process has the address', async () => {
    const first = await serveMetrics(web.metrics, { host: '127.0.0.1', port: 0 }, quietLog)
    const { log, said } = keepingLog()
    const second = await serveMetrics(web.metrics, { host: '127.0.0.1', port: first?.port ?? 0 }, log)
    expect(second).toBeNull()
    expect(said).toMatchObject([
      { text: expect.stringContaining('METRICS_ADDRESS'), fields: { port: first?.port } },
    ])
    first?.close()
  })

  it.each([
    [undefined, { host: '127.0.0.1', port: 9464 }],
    ['', { host: '127.0.0.1', port: 9464 }],
    ['off', null],
    ['0.0.0.0:9100', { host: '0.0.0.0', port: 9100 }],
    ['[::1]:9100', { host: '::1', port: 9100 }],
  ])('METRICS_ADDRESS=%s', (text, expected) => {
    expect(readConfig({ METRICS_ADDRESS: text }).METRICS_ADDRESS).toEqual(expected)
  })

  it.each(['9464', '127.0.0.1', '127.0.0.1:70000', 'http://127.0.0.1:9464'])(
    'METRICS_ADDRESS=%s is refused',
    (text) => {
      expect(() => readConfig({ METRICS_ADDRESS: text })).toThrow(BadSetting)
    },
  )
})

describe('a held event loop', () => {
  it('is counted, and logged with the route’s pattern, never with the address', async () => {
    const { log, said } = keepingLog()
    const metrics = createMetrics({ ...web.ports, log })
    const app = express().use(metrics.measure)
    app.post('/s/:secret/slow', express.json(), (_req, res) => {
      holdLoop(400)
      res.end()
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await fetch(`http://127.0.0.1:${port}/s/very-secret/slow`, { method: 'POST', body: '{}' })
    await expect.poll(() => said.length).toBeGreaterThan(0)
    expect(said[0]).toMatchObject({
      text: 'event loop held',
      fields: { routes: ['POST /s/:secret/slow'], delayMs: expect.any(Number) },
    })
    expect(JSON.stringify(said)).not.toContain('very-secret')
    const { text } = await metrics.read()
    const late = (bound: string): number =>
      Number(new RegExp(`event_loop_delay_seconds_bucket{le="${bound}"} (\\d+)`).exec(text)?.[1])
    expect(late('5')).toBeGreaterThan(late('0.2'))
    metrics.stop()
    server.close()
  })
})
