import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { boundToUs, freePort } from './servers.ts'

export interface Proxy {
  /** The service's address as it is seen through the proxy. */
  readonly url: string
  stop(): Promise<void>
}

const startMs = 30_000

interface Place {
  readonly directory: string
  readonly port: number
  readonly target: string
  /** What stands behind the address in nginx's `listen`. */
  readonly listen: string
}

/** A file tells it where to listen and whom to ask; all else is as it comes from Debian. */
interface Program {
  readonly configuration: (input: Place) => string
  readonly command: (file: string) => [string, ...string[]]
}

const nginx: Program = {
  configuration: ({ directory, port, target, listen }) => `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events {}
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
  server {
    listen 127.0.0.1:${port} ${listen};
    location / {
      proxy_pass ${target};
    }
  }
}
`,
  command: (file) => [existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx', '-c', file],
}

const caddy: Program = {
  configuration: ({ port, target }) => `
{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  reverse_proxy ${target}
}
`,
  command: (file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
}

const programs = { nginx, caddy }
export type ProxyName = keyof typeof programs
export const proxyNames: readonly ProxyName[] = ['nginx', 'caddy']

/** Debian's nginx or Caddy on loopback before the service at `target`, with its default settings but for `listen` (nginx). */
export async function startProxy(name: ProxyName, target: string, listen = ''): Promise<Proxy> {
  const { configuration, command } = programs[name]
  const directory = await mkdtemp(join(tmpdir(), `mayfly-${name}-`))
  const port = await freePort()
  const file = join(directory, 'configuration')
  await writeFile(file, configuration({ directory, port, target, listen }))
  const [program, ...args] = boundToUs(command(file))
  let output = ''
  const child = spawn(program, args, {
    detached: true,
    env: { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output = (output + text.toString()).slice(-4000)))
  const gone = once(child, 'exit').catch(() => undefined)
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
    await rm(directory, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + startMs
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${name} did not start: ${output}`)
    }
    await sleep(50)
  }
  return { url, stop }
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )
