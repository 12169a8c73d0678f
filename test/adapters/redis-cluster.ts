import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawn } from 'node:child_process'
import { Redis } from 'ioredis'
import { freePort } from '../support/servers.ts'

/** A real Redis Cluster of two primaries on loopback, each with half of the slots. Answers its `REDIS_URL`. */
export async function startRedisCluster(): Promise<{ url: string; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-cluster-'))
  const found = new Set<number>()
  while (found.size < 4) found.add(await freePort())
  const [portOfOne = 0, busOfOne = 0, portOfTwo = 0, busOfTwo = 0] = found
  const ports = [portOfOne, portOfTwo]
  const servers = [
    [portOfOne, busOfOne],
    [portOfTwo, busOfTwo],
  ].map(([port, busPort]) => {
    const config = join(directory, `${port}.conf`)
    const durability = ['--save', '', '--appendonly', 'yes', '--appenddirname', `${port}`, '--dir', directory]
    const settings = ['--cluster-enabled', 'yes', '--cluster-config-file', config, ...durability]
    const bus = ['--cluster-port', String(busPort)]
    return spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), ...settings, ...bus], {
      stdio: 'ignore',
    })
  })
  const clients = ports.map(
    (port) => new Redis({ port, maxRetriesPerRequest: null, enableReadyCheck: false }),
  )
  const [one, two] = clients
  if (one === undefined || two === undefined) throw new Error('two servers')
  for (const client of clients) client.on('error', () => undefined)
  await one.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
  await two.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
  await one.call('CLUSTER', 'MEET', '127.0.0.1', String(portOfTwo), String(busOfTwo))
  for (const client of clients) {
    while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
    client.disconnect()
  }
  return {
    url: ports.map((port) => `redis://127.0.0.1:${port}`).join(','),
    async stop() {
      for (const server of servers) server.kill('SIGKILL')
      await rm(directory, { recursive: true, force: true })
    },
  }
}
