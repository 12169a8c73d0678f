import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { sniff } from '../../src/media/formats/sniff.ts'
import { MediaError, type Format } from '../../src/media/types.ts'
import { onBusyMachine } from '../support/timing.ts'
import { ffmpeg, heifEncode, openWorkshop, picture, type Workshop } from './fixtures.ts'

let workshop: Workshop
let canary: Server
let port = 0
let calls = 0

beforeAll(async () => {
  workshop = await openWorkshop({ maxVideoSeconds: 6 * 3600 })
  canary = createServer((socket) => {
    calls += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
  const address = canary.address()
  port = typeof address === 'object' && address ? address.port : 0
})
afterAll(async () => {
  await workshop.close()
  canary.close()
})
beforeEach(() => {
  calls = 0
})

let count = 0
async function render(file: string, format: Format) {
  count += 1
  const directory = workshop.at(`out-${count}`)
  await mkdir(directory)
  try {
    return await workshop.tools.render(file, mediaTypes[format], directory)
  } catch (error) {
    // What fails leaves nothing behind.
    expect(await readdir(directory)).toEqual([])
    throw error
  } finally {
    expect(await readdir(workshop.at('work'))).toEqual([])
  }
}

/** The tools do good work still. */
async function expectAlive(): Promise<void> {
  const file = workshop.at('good.jpg')
  await picture().jpeg().toFile(file)
  expect((await render(file, 'jpeg')).preview.width).toBe(300)
  expect((await workshop.tools.facts(file, mediaTypes.jpeg)).width).toBe(300)
}

async function write(name: string, ...parts: (Buffer | string)[]): Promise<string> {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
  await writeFile(workshop.at(name), Buffer.concat(bytes))
  return workshop.at(name)
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

const huge = 60_000

describe('a picture that claims to be huge is refused before it is allocated', () => {
  test('PNG', async () => {
    const header = Buffer.alloc(13)
    header.writeUInt32BE(huge, 0)
    header.writeUInt32BE(huge, 4)
    header.set([8, 6, 0, 0, 0], 8)
    const file = await write(
      'huge.png',
      '\x89PNG\r\n\x1a\n',
      chunk('IHDR', header),
      chunk('IDAT', Buffer.from('789c030000000001', 'hex')),
      chunk('IEND', Buffer.alloc(0)),
    )
    expect((await sniff(await readFile(file)))?.format).toBe('png')
    await expect(render(file, 'png')).rejects.toMatchObject({ reason: 'too-large' })
    expect(await workshop.tools.facts(file, mediaTypes.png)).toMatchObject({ width: huge, height: huge })
  })

  test.each(['jpeg', 'webp', 'tiff'] as const)('%s', async (format) => {
    const bytes = await picture().toFormat(format).toBuffer()
    if (format === 'jpeg') {
      const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]))
      bytes.writeUInt16BE(65_000, frame + 5)
      bytes.writeUInt16BE(65_000, frame + 7)
    } else if (format === 'webp') {
      const frame = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]))
      bytes.writeUInt16LE(16_383, frame + 3)
      bytes.writeUInt16LE(16_383, frame + 5)
    } else {
      const directory = bytes.readUInt32LE(4)
      for (let entry = directory + 2; entry < directory + 2 + 24; entry += 12) {
        bytes.writeUInt16LE(4, entry + 2)
        bytes.writeUInt32LE(huge, entry + 8)
      }
    }
    const file = await write(`huge.${format}`, bytes)
    await expect(render(file, format)).rejects.toBeInstanceOf(MediaError)
  })

  test('HEIC and AVIF, which are believed by libraries', async () => {
    await picture().png().toFile(workshop.at('source.png'))
    await heifEncode('-o', workshop.at('source.heic'), workshop.at('source.png'))
    await picture().avif({ effort: 0 }).toFile(workshop.at('source.avif'))
    for (const format of ['heic', 'avif'] as const) {
      const bytes = await readFile(workshop.at(`source.${format}`))
      for (let at = bytes.indexOf('ispe'); at >= 0; at = bytes.indexOf('ispe', at + 4)) {
        bytes.writeUInt32BE(huge, at + 8)
        bytes.writeUInt32BE(huge, at + 12)
      }
      const file = await write(`huge.${format}`, bytes)
      await expect(render(file, format)).rejects.toMatchObject({ reason: 'too-large' })
    }
  })

  test('and the next is prepared', expectAlive)
})

describe('an animation of 10,000 frames', () => {
  test('stands still, quickly', async () => {
    const screen = Buffer.from('GIF89a\xc8\0\xc8\0\xf0\0\0\xff\0\0\0\0\xff', 'latin1')
    const frame = Buffer.from('21f90404010000002c00000000010001000002024401003b'.slice(0, -2), 'hex')
    const file = await write('frames.gif', screen, ...Array.from({ length: 10_000 }, () => frame), ';')
    const start = Date.now()
    const { preview } = await render(file, 'gif')
    expect(Date.now() - start).toBeLessThan(onBusyMachine(10_000))
    expect(preview).toMatchObject({ width: 200, height: 200 })
    expect((await sharp(preview.path).metadata()).pages ?? 1).toBe(1)
    expect((await workshop.tools.facts(file, mediaTypes.gif)).animated).toBe(true)
  })
})

describe('a video that claims to last 10,000 hours', () => {
  test('is refused', async () => {
    const clip = workshop.at('clip.mp4')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=10:s=64x48', '-pix_fmt', 'yuv420p', clip)
    const bytes = await readFile(clip)
    bytes.writeUInt32BE(10, bytes.indexOf('mvhd') + 16)
    bytes.writeUInt32BE(10_000 * 3600 * 10, bytes.indexOf('mvhd') + 20)
    const file = await write('absurd.mp4', bytes)
    await expect(workshop.tools.facts(file, mediaTypes.mp4)).rejects.toMatchObject({ reason: 'too-long' })
    await expectAlive()
  })
})

describe('nothing is fetched', () => {
  test('the canary works', async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'close')
    expect(calls).toBe(1)
  })

  test.each(['mp4', 'mov', 'mkv', 'avi', 'mts', 'jxl', 'jpeg', 'heic', 'png', 'tiff', 'dng', 'cr3'] as const)(
    'a playlist, a script, an SVG under the name of a %s',
    async (format) => {
      const url = `http://127.0.0.1:${port}/canary`
      const texts = [
        `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${url}.ts\n#EXT-X-ENDLIST\n`,
        `ffconcat version 1.0\nfile '${url}.mp4'\n`,
        `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="${url}.png" width="9" height="9"/></svg>`,
        `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "${url}">]><svg xmlns="http://www.w3.org/2000/svg">&e;</svg>`,
        `push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 9,9 '${url}'\n`,
        `%!PS\n(${url}) (r) file\n`,
      ]
      for (const [index, text] of texts.entries()) {
        const file = await write(`text-${index}.${mediaTypes[format].extension}`, text)
        expect(await sniff(await readFile(file))).toBeNull()
        await expect(render(file, format)).rejects.toBeInstanceOf(MediaError)
        await expect(
          workshop.tools.playable(file, mediaTypes[format], workshop.at('never.mp4'), {}).then((made) => {
            if (made === null && mediaTypes[format].kind === 'photo')
              throw new MediaError('unsupported', 'a still')
          }),
        ).rejects.toBeInstanceOf(MediaError)
      }
      expect(calls).toBe(0)
    },
  )

  test('a MOV whose samples lie elsewhere', async () => {
    const clip = workshop.at('elsewhere.mov')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=10:s=64x48', '-pix_fmt', 'yuv420p', clip)
    const bytes = await readFile(clip)
    // ISO/IEC 14496-12, 8.7.2: `url ` with flag 1 means “in this file”; without, an address follows.
    for (
      let at = bytes.indexOf('url \0\0\0\x01', 0, 'latin1');
      at >= 0;
      at = bytes.indexOf('url \0\0\0\x01', at + 4, 'latin1')
    ) {
      bytes.writeUInt8(0, at + 7)
    }
    const file = await write('elsewhere-patched.mov', bytes)
    await render(file, 'mov').catch((error: unknown) => expect(error).toBeInstanceOf(MediaError))
    expect(calls).toBe(0)
  })
})

describe('200 damaged files', () => {
  const makers: Partial<Record<Format, (file: string) => Promise<unknown>>> = {
    jpeg: (file) => picture(1, { width: 600, height: 400 }).withIccProfile('p3').jpeg().toFile(file),
    png: (file) => picture().png().toFile(file),
    webp: (file) => picture().webp().toFile(file),
    gif: (file) => ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=4:s=64x48', file),
    tiff: (file) => picture().tiff({ compression: 'lzw' }).toFile(file),
    avif: (file) => picture().avif({ effort: 0 }).toFile(file),
    heic: (file) => heifEncode('-o', file, workshop.at('seed.png')),
    jxl: (file) => ffmpeg('-i', workshop.at('seed.png'), '-c:v', 'libjxl', file),
    mp4: (file) => ffmpeg(...clip, file),
    mov: (file) => ffmpeg(...clip, file),
    mkv: (file) => ffmpeg(...clip, file),
    mts: (file) => ffmpeg(...clip, '-f', 'mpegts', file),
  }
  const clip = ['-f', 'lavfi', '-i', 'testsrc=d=1:r=10:s=64x48', '-pix_fmt', 'yuv420p']

  test('each ends well or with its reason, and the worker lives on', { timeout: 900_000 }, async () => {
    await picture().png().toFile(workshop.at('seed.png'))
    let seed = 20260501
    const random = (below: number): number => {
      // Park and Miller's generator: the same files in every run.
      seed = (seed * 48271) % 2147483647
      return seed % below
    }
    const before = process.memoryUsage().rss
    const outcomes = new Map<string, number>()
    const entries = Object.entries(makers)
    let made = 0
    for (const [index, [name, make]] of entries.entries()) {
      const format = name as Format
      const seedFile = workshop.at(`seed.${name}`)
      await make(seedFile)
      const whole = await readFile(seedFile)
      const share = Math.floor((200 * (index + 1)) / entries.length) - made
      for (let round = 0; round < share; round += 1) {
        made += 1
        const bytes = Buffer.from(whole)
        const headOnly = round % 2 === 0
        const flips = 1 + random(30)
        for (let flip = 0; flip < flips; flip += 1) {
          bytes[random(headOnly ? Math.min(bytes.length, 600) : bytes.length)] = random(256)
        }
        const file = await write(
          'damaged.bin',
          round % 5 === 4 ? bytes.subarray(0, random(bytes.length)) : bytes,
        )
        const start = Date.now()
        for (const work of [
          () => render(file, format).then(({ damaged }) => (damaged ? 'shown as far as it goes' : 'shown')),
          () => workshop.tools.facts(file, mediaTypes[format]).then(() => 'read'),
          () =>
            workshop.tools
              .extractMotion(file, mediaTypes[format], workshop.at('motion.bin'))
              .then(() => 'searched'),
        ]) {
          const outcome = await work().catch((error: unknown) => {
            if (error instanceof MediaError) return error.reason
            throw error
          })
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
        expect(Date.now() - start).toBeLessThan(onBusyMachine(60_000))
      }
    }
    expect(made).toBe(200)
    expect([...outcomes.values()].reduce((sum, value) => sum + value)).toBe(600)
    expect(outcomes.get('timeout') ?? 0).toBe(0)
    expect(outcomes.get('damaged') ?? 0).toBeGreaterThan(20)
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000)
    await expectAlive()
  })
})
