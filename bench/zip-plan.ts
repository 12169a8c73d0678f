import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import type { OpenEntryFunction } from '../src/media/zip/entry-source.ts'
import { planZip } from '../src/media/zip/plan.ts'
import type { ZipEntry } from '../src/media/zip/plan.ts'
import { readZip } from '../src/media/zip/read.ts'

// What the ZIP itself costs, without service, store or gate: its plan, and its bytes over loopback HTTP against
// a bare loop that reads the same files and writes them to the response. Best read as ratios.

const runs = 5
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
const folder = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))

const open: OpenEntryFunction = async (key, range) => {
  const handle = await openFile(key)
  const { size } = await handle.stat()
  return { body: handle.createReadStream({ ...range, highWaterMark: 256 * 1024 }), size }
}

async function makeFiles(count: number, size: number): Promise<ZipEntry[]> {
  const bytes = randomBytes(size)
  const etag = createHash('sha256').update(bytes).digest('hex')
  const entries: ZipEntry[] = []
  for (let index = 0; index < count; index += 1) {
    const key = join(folder, `${size}-${index}`)
    await writeFile(key, bytes)
    const modifiedAt = { local: '2026-05-01T18:30:00', offset: '+02:00' }
    entries.push({ key, name: `IMG_${index}.jpg`, size, crc32: crc32(bytes), modifiedAt, etag })
  }
  return entries
}

/** Seconds that a client waits for the first byte and for all of what `answer` sends. */
async function timed(answer: (res: ServerResponse) => Promise<void>) {
  const server = createServer((_, res) => {
    answer(res).catch((error: unknown) => res.destroy(error instanceof Error ? error : undefined))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const started = performance.now()
  const result = await new Promise<{ first: number; all: number; bytes: number }>((resolve, reject) => {
    get({ port }, (res) => {
      let bytes = 0
      let first = 0
      res.on('data', (chunk: Buffer) => {
        if (bytes === 0) first = performance.now() - started
        bytes += chunk.length
      })
      res.on('end', () => resolve({ first, all: performance.now() - started, bytes })).on('error', reject)
    }).on('error', reject)
  })
  server.close()
  return result
}

async function bare(entries: readonly ZipEntry[], res: ServerResponse) {
  for (const { key } of entries)
    await pipeline(createReadStream(key, { highWaterMark: 256 * 1024 }), res, { end: false })
  res.end()
}

async function zip(entries: readonly ZipEntry[], res: ServerResponse) {
  const plan = planZip(entries)
  res.setHeader('content-length', plan.size)
  await pipeline(readZip(plan, { open }), res)
}

try {
  console.log('plan (first in the process is cold)')
  const [one] = await makeFiles(1, 1000)
  for (const count of [10_000, 10_000, 10_000, 10_000, 70_000]) {
    const entries = Array.from({ length: count }, (_, index) => ({ ...one!, name: `IMG_${index}.jpg` }))
    const started = performance.now()
    planZip(entries)
    console.log(`  ${count} entries: ${(performance.now() - started).toFixed(1)} ms`)
  }
  console.log('files               bare MB/s   zip MB/s   ratio   zip’s first byte')
  for (const [count, size] of [
    [200, 3_500_000],
    [2000, 100_000],
    [10_000, 1000],
  ] as const) {
    const entries = await makeFiles(count, size)
    await readFile(entries[0]!.key)
    const speeds = { bare: [] as number[], zip: [] as number[], first: [] as number[] }
    for (let index = -1; index < runs; index += 1) {
      const plain = await timed((res) => bare(entries, res))
      const zipped = await timed((res) => zip(entries, res))
      if (index < 0) continue
      speeds.bare.push(plain.bytes / plain.all / 1000)
      speeds.zip.push(zipped.bytes / zipped.all / 1000)
      speeds.first.push(zipped.first)
    }
    const [plain, zipped] = [median(speeds.bare), median(speeds.zip)]
    console.log(
      `${`${count} × ${size}`.padEnd(20)}${plain.toFixed(1).padStart(9)}${zipped.toFixed(1).padStart(11)}` +
        `${(zipped / plain).toFixed(2).padStart(8)}${median(speeds.first).toFixed(1).padStart(15)} ms`,
    )
  }
} finally {
  await rm(folder, { recursive: true })
}
