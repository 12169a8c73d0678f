import { once } from 'node:events'
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { listen, type RunningServer } from '../../src/http/server.ts'

/** What a stop may wait for answers under way; it must not wait so long for what is over, or never will be. */
const graceMs = 20_000

let server: RunningServer
const agents: Agent[] = []
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy()
  await server.stop(0)
})

/** Starts a server whose answers take `ms`; `/events` never ends by itself. */
async function start(ms: number): Promise<void> {
  server = await listen(
    (req, res) => {
      if (req.url === '/events') return void res.setHeader('Content-Type', 'text/event-stream').write(':\n\n')
      res.writeHead(200).write('first')
      setTimeout(() => res.end('last'), ms)
    },
    { host: '127.0.0.1', port: 0 },
  )
}

const begin = (path: string, agent?: Agent): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request({ port: server.port, path, ...(agent ? { agent } : {}) }, resolve)
      .on('error', reject)
      .end()
  })

async function rest(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return text
}

const get = async (path: string, agent?: Agent): Promise<string> => rest(await begin(path, agent))

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true })
  agents.push(agent)
  return agent
}

it('protection 49: begins only a few of the requests that one connection sends ahead', async () => {
  let begun = 0
  server = await listen(
    (_req, res) => {
      begun += 1
      setTimeout(() => res.end('done'), 50)
    },
    { host: '127.0.0.1', port: 0 },
  )
  const flood = connect(server.port, '127.0.0.1').on('error', () => {})
  flood.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2000))
  await once(flood, 'close')
  expect(begun).toBeLessThanOrEqual(8)
  // One after the other on one connection is what browsers do.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agents.push(agent)
  for (let n = 0; n < 12; n += 1) expect(await get('/', agent)).toBe('done')
})

describe('a server with room for few connections', () => {
  const answer = (_req: unknown, res: ServerResponse): void => void res.end('done')
  const address = { host: '127.0.0.1', port: 0 }
  /** Opens `count` connections from `localAddress` that say nothing; answers how many of them are still open. */
  async function openSilent(count: number, localAddress: string): Promise<() => number> {
    const sockets = Array.from({ length: count }, () =>
      connect({ port: server.port, host: '127.0.0.1', localAddress }).on('error', () => {}),
    )
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    silent.push(...sockets)
    return () => sockets.filter(({ closed }) => !closed).length
  }
  const silent: Socket[] = []
  afterEach(() => silent.splice(0).forEach((socket) => socket.destroy()))

  it('protection 50: gives one address its share, and others the rest', async () => {
    let refused = 0
    server = await listen(answer, address, { most: 40, mostOfOneAddress: 10 }, () => (refused += 1))
    const isOpen = await openSilent(60, '127.0.0.7')
    await expect.poll(isOpen).toBe(10)
    expect(refused).toBe(50)
    expect(await get('/')).toBe('done')
    silent.splice(0).forEach((socket) => socket.destroy())
    const again = async (): Promise<number> => (await openSilent(1, '127.0.0.7'))()
    await expect.poll(again).toBe(1)
  })

  it('protection 50: closes those that wait for nothing when all are taken', async () => {
    server = await listen(answer, address, { most: 10, mostOfOneAddress: Infinity })
    const agent = keepAlive()
    await Promise.all(Array.from({ length: 10 }, () => get('/', agent)))
    await expect.poll(() => get('/').catch(() => 'refused')).toBe('done')
  })
})

describe('a server that is stopped', () => {
  it('ends the answers under way, refuses new ones, and waits for no idle connection', async () => {
    await start(1000)
    await get('/', keepAlive())
    const running = rest(await begin('/'))
    const began = Date.now()
    const stopped = server.stop(graceMs)
    await expect(get('/')).rejects.toThrow(/ECONNREFUSED/)
    expect(await running).toBe('firstlast')
    await stopped
    expect(Date.now() - began).toBeLessThan(graceMs)
  })

  it('ends streams of events at once', async () => {
    await start(0)
    const events = rest(await begin('/events'))
    const began = Date.now()
    await server.stop(graceMs)
    expect(await events).toBe(':\n\n')
    expect(Date.now() - began).toBeLessThan(graceMs)
  })

  it('breaks what does not end in time', async () => {
    await start(60_000)
    const running = rest(await begin('/'))
    const outcome = running.then(
      () => 'ended',
      () => 'broken',
    )
    await server.stop(300)
    expect(await outcome).toBe('broken')
  })
})
