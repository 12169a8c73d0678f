import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { freePort } from '../support/servers.ts'

/** `url`: its `REDIS_URL`. */
interface RedisCluster {
  readonly url: string
  /** All of it is gone at once (SIGKILL), until `bringBack`. */
  takeAway(): Promise<void>
  bringBack(): Promise<void>
  stop(): Promise<void>
}

/** A real Redis Cluster of two primaries on loopback, each with half of the slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-cluster-'))
  const found = new Set<number>()
  while (found.size < 4) found.add(await freePort())
  const [portOfOne = 0, busOfOne = 0, portOfTwo = 0, busOfTwo = 0] = found
  const ports = [portOfOne, portOfTwo]
  const start = () => [startNode(directory, portOfOne, busOfOne), startNode(directory, portOfTwo, busOfTwo)]
  let servers = start()
  const clients = ports.map(
    (port) => new Redis({ port, maxRetriesPerRequest: null, enableReadyCheck: false }),
  )
  const [one, two] = clients
  if (one === undefined || two === undefined) throw new Error('two servers')
  for (const client of clients) client.on('error', () => undefined)
  await one.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
  await two.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
  await one.call('CLUSTER', 'MEET', '127.0.0.1', String(portOfTwo), String(busOfTwo))
  await untilOk(clients)
  return {
    url: ports.map((port) => `redis://127.0.0.1:${port}`).join(','),
    async takeAway() {
      for (const server of servers) await end(server)
    },
    async bringBack() {
      servers = start()
      await untilOk(ports.map((port) => new Redis({ port, maxRetriesPerRequest: null })))
    },
    async stop() {
      for (const server of servers) server.kill('SIGKILL')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function startNode(directory: string, port: number, busPort: number): ChildProcess {
  const config = join(directory, `${port}.conf`)
  const durability = ['--save', '', '--appendonly', 'yes', '--appenddirname', `${port}`, '--dir', directory]
  const settings = ['--cluster-enabled', 'yes', '--cluster-config-file', config, ...durability]
  const bus = ['--cluster-port', String(busPort)]
  return spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), ...settings, ...bus], {
    stdio: 'ignore',
  })
}

async function end(server: ChildProcess): Promise<void> {
  const exited = once(server, 'exit')
  server.kill('SIGKILL')
  await exited
}

/** Waits until each node sees the whole cluster, and closes the clients. */
async function untilOk(clients: readonly Redis[]): Promise<void> {
  for (const client of clients) client.on('error', () => undefined)
  for (const client of clients) {
    while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
    client.disconnect()
  }
}
