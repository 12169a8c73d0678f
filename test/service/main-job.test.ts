import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { exiftoolPath } from 'exiftool-vendored'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, postShare, untilReady } from '../support/client.ts'
import { s3Environment } from '../support/s3-environment.ts'

const run = promisify(execFile)
const hour = 3_600_000

/** A JPEG and a HEIC with coordinates in their Exif, and a film with coordinates in its user data. */
async function cameraFiles(directory: string): Promise<Record<string, Buffer>> {
  const file = (name: string) => join(directory, name)
  await sharp({
    create: {
      width: 800,
      height: 600,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .jpeg()
    .toFile(file('a.jpg'))
  await run('heif-enc', ['-q', '50', '-o', file('b.heic'), file('a.jpg')])
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=duration=2:size=640x360:rate=25'],
    ...[
      '-f',
      'lavfi',
      '-i',
      'sine=duration=2',
      '-c:v',
      'libx264',
      '-pix_fmt',
      'yuv420p',
      '-c:a',
      'aac',
      '-shortest',
    ],
    ...['-movflags', '+faststart', file('c.mov')],
  ])
  const place = ['-GPSLatitude=48.20849', '-GPSLongitude=16.37208', '-GPSLatitudeRef=N', '-GPSLongitudeRef=E']
  const date = '-DateTimeOriginal=2026:05:01 18:30:00'
  const exiftool = await exiftoolPath()
  await run(exiftool, ['-q', '-overwrite_original', ...place, date, '-XMP:City=Vienna', file('a.jpg')])
  await run(exiftool, ['-q', '-overwrite_original', ...place, date, file('b.heic')])
  await run(exiftool, [
    ...['-q', '-overwrite_original', '-UserData:GPSCoordinates=48.20849, 16.37208, 170'],
    ...['-Keys:GPSCoordinates=48.20849, 16.37208, 170', file('c.mov')],
  ])
  const names = ['a.jpg', 'b.heic', 'c.mov']
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(file(name))])))
}

const pixels = (bytes: Buffer): Promise<Buffer> => sharp(bytes).raw().toBuffer()

describe.each([
  ['folder', () => Promise.resolve({})],
  ['s3', () => s3Environment('main-job')],
] as [string, () => Promise<Record<string, string>>][])(
  'the main job on the %s bucket',
  (_name, environment) => {
    let service: TestService
    let directory: string
    let files: Record<string, Buffer>
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'mayfly-job-'))
      files = await cameraFiles(directory)
      service = await startService({ environment: await environment() })
    })
    afterAll(async () => {
      await service.close()
      await rm(directory, { recursive: true, force: true })
    })

    async function objectsLeft(): Promise<string[]> {
      const found: string[] = []
      for (const root of ['items/', 'albums/'])
        for await (const { key } of service.ports.bucket.list(root)) found.push(key)
      return found
    }

    it('upload → page → ZIP without location → stop → 410, and nothing left', async () => {
      const share = await postShare(service.url, files, { title: 'May in Vienna', sender: 'Ada' })
      const { state, items } = await untilReady(service.url, share)
      expect([state, items.map((item) => [item.state, item.reason])]).toEqual([
        'ready',
        [
          ['ready', undefined],
          ['ready', undefined],
          ['ready', undefined],
        ],
      ])

      const page = await (await fetch(share.link.url, { headers: { Accept: 'text/html' } })).text()
      const thumbs = share.items.map(({ id }) => `${share.link.url}/items/${id}/thumb`)
      for (const thumb of thumbs) {
        expect(page).toContain(new URL(thumb).pathname)
        const res = await fetch(thumb)
        expect([res.status, res.headers.get('content-type')]).toEqual([200, 'image/webp'])
        expect((await sharp(Buffer.from(await res.arrayBuffer())).metadata()).width).toBeLessThanOrEqual(480)
      }

      const zip = await fetch(`${share.link.url}/zip`)
      expect(zip.status).toBe(200)
      const bytes = Buffer.from(await zip.arrayBuffer())
      expect(bytes.length).toBe(Number(zip.headers.get('content-length')))
      const archive = join(directory, 'all.zip')
      const unpacked = join(directory, 'unpacked')
      await writeFile(archive, bytes)
      await run('unzip', ['-t', archive])
      await run('unzip', ['-o', '-d', unpacked, archive])
      const tags = await run(await exiftoolPath(), [
        ...['-a', '-u', '-G1', '-ee3', '-gps*', '-location*', '-city', '-xmp:all', '-json'],
        ...Object.keys(files).map((name) => join(unpacked, name)),
      ])
      expect(tags.stdout).not.toMatch(/GPS|48[.: ]|16[.: ]3|Vienna|Location/)
      const cleaned = await readFile(join(unpacked, 'a.jpg'))
      expect(cleaned.equals(files['a.jpg'] ?? Buffer.alloc(0))).toBe(false)
      expect((await pixels(cleaned)).equals(await pixels(files['a.jpg'] ?? cleaned))).toBe(true)

      const stopped = await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
        method: 'DELETE',
        headers: bearer(share.ownerKey),
      })
      expect(stopped.status).toBe(204)
      for (const address of [share.link.url, ...thumbs, `${share.link.url}/zip`])
        expect([address, (await fetch(address)).status]).toEqual([address, 410])
      await expect.poll(objectsLeft, { timeout: 90_000, interval: 200 }).toEqual([])
    }, 400_000)

    it('protection 42: a day after the last link ended, nothing of the owner is left', async () => {
      const share = await postShare(service.url, { 'a.jpg': files['a.jpg'] ?? Buffer.alloc(0) })
      await untilReady(service.url, share)
      expect(await objectsLeft()).not.toEqual([])
      service.clock.move(31 * 24 * hour)
      await service.ports.queue.add({ kind: 'sweep' })
      await expect.poll(objectsLeft, { timeout: 90_000, interval: 200 }).toEqual([])
      expect((await fetch(share.link.url)).status).toBe(410)
    }, 400_000)
  },
)
