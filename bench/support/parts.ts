import { fork } from 'node:child_process'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { finished, pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { portOf } from '../../test/support/servers.ts'
import { usageOf } from './measure.ts'

/** What a part of a measurement does in a process of its own, so that it shares no event loop with the rest. */
const partSchema = z.discriminatedUnion('part', [
  /** A bare server: `/file` streams a file, `/files` several one after the other, `/html` what a file holds from memory, PUT is a sink to disk. */
  z.object({
    part: z.literal('bare'),
    files: z.array(z.string()),
    html: z.string(),
    folder: z.string(),
  }),
  /** Asks for the same address over and over, on so many connections. */
  z.object({
    part: z.literal('load'),
    url: z.string(),
    connections: z.number(),
    seconds: z.number(),
    headers: z.record(z.string(), z.string()),
  }),
  /** Downloads once and throws away. */
  z.object({ part: z.literal('take'), url: z.string(), headers: z.record(z.string(), z.string()) }),
  /** Sends each group of files as one body, all groups at once: a form to Mayfly, the bare bytes to a sink. */
  z.object({
    part: z.literal('give'),
    url: z.string(),
    isForm: z.boolean(),
    groups: z.array(z.array(z.string())),
    /** Fields of the form, besides the files. */
    fields: z.record(z.string(), z.string()).optional(),
    headers: z.record(z.string(), z.string()),
    method: z.string(),
  }),
])
export type Part = z.infer<typeof partSchema>

const result = z.object({
  seconds: z.number().optional(),
  firstByteMs: z.number().optional(),
  bytes: z.number().optional(),
  status: z.number().optional(),
  answers: z.number().optional(),
  failed: z.number().optional(),
  p50: z.number().optional(),
  p99: z.number().optional(),
  port: z.number().optional(),
  text: z.string().optional(),
})
type Result = z.infer<typeof result>

/** Programs of `bench/` call it first: their children are themselves again, and do a part. Answers whether this is one. */
export async function isPart(): Promise<boolean> {
  const given = process.env['BENCH_PART']
  if (given === undefined) return false
  const part = partSchema.parse(JSON.parse(given))
  process.send?.(await run(part))
  if (part.part !== 'bare') process.disconnect()
  return true
}

function start(part: Part) {
  const child = fork(process.argv[1] ?? '', [], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, BENCH_PART: JSON.stringify(part) },
  })
  const answer = new Promise<Result>((resolve, reject) => {
    child.once('message', (message) => resolve(result.parse(message)))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${part.part} ended with ${code}`)))
  })
  return { child, answer }
}

/** Runs a part to its end. */
export const runPart = (part: Part): Promise<Result> => start(part).answer

export interface Bare {
  readonly url: string
  usage(): Promise<{ cpuSeconds: number; peakMegabytes: number }>
  stop(): void
}

export async function startBare(input: { files?: string[]; html?: string; folder?: string }): Promise<Bare> {
  const { files = [], html = '', folder = '' } = input
  const { child, answer } = start({ part: 'bare', files, html, folder })
  const { port } = await answer
  return {
    url: `http://127.0.0.1:${port}`,
    usage: () => usageOf(child.pid ?? 0),
    stop: () => void child.kill('SIGKILL'),
  }
}

function run(part: Part): Promise<Result> {
  switch (part.part) {
    case 'bare':
      return serveBare(part)
    case 'load':
      return load(part)
    case 'take':
      return take(part)
    case 'give':
      return give(part)
  }
}

async function serveBare({ files, html, folder }: Extract<Part, { part: 'bare' }>): Promise<Result> {
  const text = html === '' ? Buffer.alloc(0) : readFileSync(html)
  let sunk = 0
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (req.method === 'PUT') {
      sunk += 1
      await pipeline(req, createWriteStream(`${folder}/sink-${sunk}`, { highWaterMark: 1024 * 1024 }))
      res.end('ok')
    } else if (req.url === '/html') {
      res
        .writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': text.length })
        .end(text)
    } else if (req.url === '/file') {
      await pipeline(createReadStream(files[0] ?? ''), res)
    } else {
      for (const file of files)
        for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }))
          if (!res.write(chunk)) await once(res, 'drain')
      res.end()
    }
  }
  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server) }
}

const requestOf = (url: URL, headers: Record<string, string>, method = 'GET'): string =>
  [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    ...Object.entries(headers).map(([name, text]) => `${name}: ${text}`),
    '',
    '',
  ].join('\r\n')

async function connectTo(url: URL): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port) })
  await once(socket, 'connect')
  return socket.setNoDelay(true)
}

/** A client of nothing but a socket, so that it takes as little as can be of the cores that are measured. */
async function load({
  url: address,
  connections,
  seconds,
  headers,
}: Extract<Part, { part: 'load' }>): Promise<Result> {
  const url = new URL(address)
  const request = requestOf(url, headers)
  const times: number[] = []
  let failed = 0
  const ask = async (until: number, keep: boolean): Promise<void> => {
    const socket = await connectTo(url)
    await new Promise<void>((resolve, reject) => {
      let begun = 0
      let left = -1
      let head = ''
      const next = (): void => {
        begun = performance.now()
        if (begun >= until) {
          socket.destroy()
          return resolve()
        }
        left = -1
        head = ''
        socket.write(request)
      }
      socket.on('data', (chunk) => {
        let body = chunk.length
        if (left < 0) {
          head += chunk.toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) return
          if (!head.startsWith('HTTP/1.1 200')) failed += 1
          const length = /content-length: (\d+)/i.exec(head)?.[1]
          const isChunked = length === undefined
          // A bare stream has no length: its end is the empty chunk, which comes last.
          if (isChunked) left = Infinity
          else {
            left = Number(length)
            body = head.length - end - 4
          }
        }
        if (left === Infinity ? chunk.subarray(-5).toString('latin1') === '0\r\n\r\n' : (left -= body) <= 0) {
          if (keep) times.push(performance.now() - begun)
          next()
        }
      })
      socket.once('error', reject)
      next()
    })
  }
  const many = (forSeconds: number, keep: boolean) => {
    const until = performance.now() + forSeconds * 1000
    return Promise.all(Array.from({ length: connections }, () => ask(until, keep)))
  }
  await many(1, false)
  failed = 0
  const begun = performance.now()
  await many(seconds, true)
  const lasted = (performance.now() - begun) / 1000
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? NaN
  return { answers: times.length, seconds: lasted, p50: at(0.5), p99: at(0.99), failed }
}

async function take({ url: address, headers }: Extract<Part, { part: 'take' }>): Promise<Result> {
  const url = new URL(address)
  const socket = await connectTo(url)
  const begun = performance.now()
  let firstByteMs = 0
  let bytes = 0
  let head = ''
  socket.on('data', (chunk) => {
    if (bytes === 0) {
      firstByteMs = performance.now() - begun
      head = chunk.toString('latin1', 0, 12)
    }
    bytes += chunk.length
  })
  const ended = finished(socket, { writable: false })
  socket.write(requestOf(url, { ...headers, Connection: 'close' }))
  await ended
  return { seconds: (performance.now() - begun) / 1000, firstByteMs, bytes, status: Number(head.slice(9)) }
}

const boundary = 'mayfly-bench-boundary'
const partHead = (name: string): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="files"; filename="${name}"\r\nContent-Type: image/jpeg\r\n\r\n`

async function give(part: Extract<Part, { part: 'give' }>): Promise<Result> {
  const { readFile } = await import('node:fs/promises')
  const url = new URL(part.url)
  // Read ahead: the client's reading is not what is measured.
  const cache = new Map<string, Buffer>()
  for (const file of part.groups.flat()) if (!cache.has(file)) cache.set(file, await readFile(file))
  let text = ''
  const send = async (files: string[]): Promise<number> => {
    const pieces: Buffer[] = []
    files.forEach((file, index) => {
      const bytes = cache.get(file) ?? Buffer.alloc(0)
      if (part.isForm) pieces.push(Buffer.from(partHead(`IMG_${index}.jpg`)), bytes, Buffer.from('\r\n'))
      else pieces.push(bytes)
    })
    for (const [name, value] of Object.entries(part.fields ?? {}))
      pieces.push(
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
      )
    if (part.isForm) pieces.push(Buffer.from(`--${boundary}--\r\n`))
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const socket = await connectTo(url)
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    const ended = finished(socket, { writable: false })
    const headers = {
      ...part.headers,
      Connection: 'close',
      'Content-Length': String(length),
      ...(part.isForm ? { 'Content-Type': `multipart/form-data; boundary=${boundary}` } : {}),
    }
    socket.write(requestOf(url, headers, part.method))
    for (const piece of pieces)
      for (let at = 0; at < piece.length; at += 256 * 1024)
        if (!socket.write(piece.subarray(at, at + 256 * 1024))) await once(socket, 'drain')
    await ended
    text = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    const status = Number(answer.slice(9, 12))
    if (status >= 300) throw new Error(answer.slice(0, 600))
    return status
  }
  const begun = performance.now()
  const [status = 0] = await Promise.all(part.groups.map(send))
  return { seconds: (performance.now() - begun) / 1000, status, text }
}
