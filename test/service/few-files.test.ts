import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postShare } from '../support/client.ts'
import { startMayfly, type MayflyProcess } from '../support/mayfly-process.ts'
import { jpeg } from '../support/pictures.ts'

let directory: string
let mayfly: MayflyProcess
const sockets: Socket[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-few-files-'))
  mayfly = await startMayfly({ DATA_DIR: directory, METRICS_ADDRESS: '' }, [], ['prlimit', '--nofile=600'])
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await mayfly.stop()
  await rm(directory, { recursive: true, force: true })
})

it('protection 50: one address with more connections than there are files takes none from others', async () => {
  await expect.poll(async () => (await fetch(`${mayfly.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  const { port } = new URL(mayfly.url)
  const share = await postShare(mayfly.url, { 'a.jpg': await jpeg() })
  const path = new URL(share.link.url).pathname
  for (let n = 0; n < 900; n += 1) {
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.7' })
    sockets.push(socket.on('error', () => {}))
    await once(socket, 'connect')
    // Half of them wait with a request behind them, half before one.
    if (n % 2 === 0) socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  }
  expect((await fetch(`${mayfly.url}/readyz`)).status).toBe(200)
  expect((await fetch(mayfly.url + path)).status).toBe(200)
  expect((await postShare(mayfly.url, { 'b.jpg': await jpeg() })).items).toHaveLength(1)
  expect(mayfly.log()).toContain('connections are refused')
})
