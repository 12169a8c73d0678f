import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, open as openFile, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uniqueNames } from '../../../src/media/names/names.ts'
import type { OpenEntryFunction } from '../../../src/media/zip/entry-source.ts'
import { planZip } from '../../../src/media/zip/plan.ts'
import type { ZipPlan } from '../../../src/media/zip/plan.ts'
import { readZip } from '../../../src/media/zip/read.ts'
import { captured, collect, content, MemoryBucket } from './archive.ts'

const GiB = 1024 ** 3
const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-zip-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function tool(name: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...process.env, LC_ALL: 'C.UTF-8', ...env }, maxBuffer: 64 * 1024 ** 2 }
  return (await run(name, args, options)).stdout
}

async function isThere(name: string, args: string[]): Promise<boolean> {
  try {
    await run(name, args)
    return true
  } catch {
    return false
  }
}

const there = {
  unzip: await isThere('unzip', ['-v']),
  zipinfo: await isThere('zipinfo', ['-h']),
  sevenZip: await isThere('7z', ['i']),
  python: await isThere('python3', ['-c', 'import zipfile']),
}

/** Reads the archive with Python; answers what it says of each entry, its content checked when `test`. */
async function pythonEntries(path: string, test: boolean) {
  const script = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip() if sys.argv[2] == '1' else None
    print(json.dumps([bad, [[i.filename, i.file_size, i.CRC, i.header_offset, list(i.date_time)] for i in archive.infolist()]]))
`
  const [bad, entries] = JSON.parse(await tool('python3', ['-c', script, path, test ? '1' : '0'])) as [
    string | null,
    [string, number, number, number, number[]][],
  ]
  expect(bad).toBeNull()
  return entries
}

function expectedEntries(plan: ZipPlan) {
  return plan.entries.map((entry, index) => [entry.name, entry.size, entry.crc32, plan.offsets[index]])
}

describe('an archive of photos', () => {
  const bucket = new MemoryBucket()
  const names = uniqueNames([
    'IMG_1.JPG',
    'img_1.jpg',
    'Été à la mer.jpg',
    '写真.heic',
    '👩‍👩‍👧.png',
    'a (b) [c].jpg',
    'empty',
  ])
  const plan = planZip(
    names.map((name, index) =>
      bucket.add(
        name,
        content(name === 'empty' ? 0 : 70_000 * index + 13, index),
        [captured, { ...captured, offset: null }, null][index % 3],
      ),
    ),
  )
  let path: string

  beforeAll(async () => {
    path = join(folder, 'photos.zip')
    await pipeline(readZip(plan, { open: bucket.open }), createWriteStream(path))
    expect((await stat(path)).size).toBe(plan.size)
  })

  it.skipIf(!there.unzip)(
    'is clean to unzip, and unpacks to the same bytes, names and dates in any zone',
    async () => {
      expect(await tool('unzip', ['-t', path])).toContain('No errors detected')
      for (const zone of ['UTC', 'America/New_York', 'Asia/Tokyo']) {
        const target = join(folder, zone.replace('/', '-'))
        await tool('unzip', ['-q', path, '-d', target], { TZ: zone })
        for (const [index, entry] of plan.entries.entries()) {
          const file = join(target, entry.name)
          expect((await readFile(file)).equals(bucket.objects.get(entry.key) ?? Buffer.alloc(1))).toBe(true)
          // With an offset the moment is the same everywhere; without one the wall time is.
          const moment = (await stat(file)).mtime.toISOString()
          const wallTime = (await tool('date', ['-r', file, '+%Y-%m-%dT%H:%M:%S'], { TZ: zone })).trim()
          if (index % 3 === 0) expect(moment).toBe('2026-05-01T16:30:00.000Z')
          else expect(wallTime).toBe(index % 3 === 1 ? captured.local : '1980-01-01T00:00:00')
        }
      }
    },
  )

  it.skipIf(!there.zipinfo)('has no remark from zipinfo', async () => {
    const text = await tool('zipinfo', ['-v', path])
    expect(text).not.toMatch(/warning|error|extra bytes|skipping|corrupt/i)
    expect(text.match(/compression method: +none \(stored\)/g)).toHaveLength(names.length)
    expect(text.match(/extended local header: +no/g)).toHaveLength(names.length)
    expect(text.match(/UT extra field modtime.* UTC/g) ?? []).toHaveLength(
      plan.entries.filter((entry) => entry.modifiedAt?.offset).length,
    )
  })

  it.skipIf(!there.sevenZip)('is clean to 7z', async () => {
    const text = await tool('7z', ['t', path])
    expect(text).toContain('Everything is Ok')
    expect(text).not.toMatch(/warning/i)
  })

  it.skipIf(!there.python)('is clean to Python', async () => {
    const entries = await pythonEntries(path, true)
    expect(entries.map((entry) => entry.slice(0, 4))).toEqual(expectedEntries(plan))
    expect(entries[0]?.[4]).toEqual([2026, 5, 1, 18, 30, 0])
  })
})

it('is clean when it is empty', async () => {
  const path = join(folder, 'empty.zip')
  const plan = planZip([])
  await pipeline(readZip(plan, { open: () => Promise.resolve(null) }), createWriteStream(path))
  expect(plan.size).toBe(22)
  if (there.python) expect(await pythonEntries(path, true)).toEqual([])
})

describe('an archive of more than 65,535 entries', () => {
  it('is clean to every tool', async ({ skip }) => {
    const bucket = new MemoryBucket()
    const plan = planZip(
      Array.from({ length: 66_000 }, (_, index) => bucket.add(`${index}.jpg`, Buffer.from(`photo ${index}`))),
    )
    const path = join(folder, 'many.zip')
    await pipeline(readZip(plan, { open: bucket.open }), createWriteStream(path))
    expect((await stat(path)).size).toBe(plan.size)
    if (there.unzip) expect(await tool('unzip', ['-tqq', path])).toBe('')
    if (there.sevenZip) expect(await tool('7z', ['t', path])).toMatch(/Everything is Ok[^]*Files: 66000/)
    if (there.python)
      expect((await pythonEntries(path, true)).map((entry) => entry.slice(0, 4))).toEqual(
        expectedEntries(plan),
      )
    if (!there.unzip || !there.sevenZip || !there.python) skip('a tool is not installed')
  }, 120_000)
})

describe('an archive over 4 GiB', () => {
  const zeros = Buffer.alloc(256 * 1024)
  const manyZeros = Buffer.alloc(4 * zeros.length)

  function zeroStream(size: number): Readable {
    let left = size
    return new Readable({
      highWaterMark: zeros.length,
      read() {
        const length = Math.min(left, zeros.length)
        left -= length
        this.push(length > 0 ? zeros.subarray(0, length) : null)
      },
    })
  }

  function crcOfZeros(size: number): number {
    let value = 0
    for (let left = size; left > 0; left -= zeros.length)
      value = crc32(zeros.subarray(0, Math.min(left, zeros.length)), value)
    return value
  }

  it('is right to every tool, with an entry over 4 GiB and one that begins behind it', async ({ skip }) => {
    const bucket = new MemoryBucket()
    const first = bucket.add('first.jpg', content(1000))
    const last = bucket.add('last.jpg', content(2000))
    const size = 4 * GiB + 5
    const video = { ...first, key: 'video', name: 'video.mov', size, crc32: crcOfZeros(size) }
    const plan = planZip([first, video, last])
    const open: OpenEntryFunction = (key, range) =>
      key === 'video'
        ? Promise.resolve({ body: zeroStream(range ? range.end - range.start + 1 : size), size })
        : bucket.open(key, range)

    // Holes instead of zeros: the file takes a few KiB of the disk.
    const path = join(folder, 'large.zip')
    const file = await openFile(path, 'w')
    let position = 0
    const holes = new Writable({
      highWaterMark: zeros.length,
      write(chunk: Buffer, _encoding, callback) {
        const at = position
        position += chunk.length
        if (chunk.equals(manyZeros.subarray(0, chunk.length))) callback()
        else
          file.write(chunk, 0, chunk.length, at).then(() => {
            callback()
          }, callback)
      },
    })
    await pipeline(readZip(plan, { open }), holes)
    await file.close()
    expect(position).toBe(plan.size)
    expect((await stat(path)).blocks * 512).toBeLessThan(10_000_000)

    const range = { start: size - 10, end: plan.size - 1 }
    const tail = await collect(readZip(plan, { open, range }))
    const stored = Buffer.alloc(plan.size - range.start)
    const again = await openFile(path)
    await again.read(stored, 0, stored.length, range.start)
    await again.close()
    expect(tail.equals(stored)).toBe(true)

    if (there.sevenZip) expect(await tool('7z', ['t', path])).toMatch(/Everything is Ok/)
    if (there.unzip) expect(await tool('unzip', ['-tqq', path, 'first.jpg', 'last.jpg'])).toBe('')
    if (there.zipinfo) expect(await tool('zipinfo', ['-v', path])).not.toMatch(/warning|error|corrupt/i)
    if (there.python)
      expect((await pythonEntries(path, false)).map((entry) => entry.slice(0, 4))).toEqual(
        expectedEntries(plan),
      )
    if (!there.unzip || !there.sevenZip || !there.python) skip('a tool is not installed')
  }, 180_000)
})
