import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startService, type TestService } from '../support/app.ts'
import { bearer, postShare, untilReady, type ShareAnswer } from '../support/client.ts'
import { unpacked } from '../media/planter/leaves.ts'

let service: TestService
let folder: string
beforeAll(async () => {
  service = await startService()
  folder = await mkdtemp(join(tmpdir(), 'mayfly-dates-'))
})
afterAll(async () => {
  await service.close()
  await rm(folder, { recursive: true, force: true })
})

const seconds = Date.UTC(2015, 6, 16, 13, 38, 47) / 1000
const number = (value: number, order: 'BE' | 'LE'): Buffer => {
  const bytes = Buffer.alloc(4)
  if (order === 'BE') bytes.writeUInt32BE(value)
  else bytes.writeUInt32LE(value)
  return bytes
}
/** What says that it was on 16 July 2015, as text and as the numbers of each container. */
const traces: readonly (readonly [string, Buffer])[] = [
  ...['2015:07', '2015-07', '2015/07', '20150716', 'July', '15:38:47', '153847', 'Canary', 'PXL'].map(
    (text) => [text, Buffer.from(text)] as const,
  ),
  ['Unix time', number(seconds, 'LE')],
  ['Unix time, big endian', number(seconds, 'BE')],
  // QuickTime counts from 1904.
  ['QuickTime time', number(seconds + 2_082_844_800, 'BE')],
]

/** MS-DOS dates of a ZIP's entries (APPNOTE 4.3.7): 0x21 is 1 January 1980. */
function zipDates(zip: Buffer): number[] {
  const dates: number[] = []
  for (let at = zip.indexOf('PK\x03\x04'); at >= 0; at = zip.indexOf('PK\x03\x04', at + 4))
    dates.push(zip.readUInt16LE(at + 12))
  return dates
}

async function files(): Promise<Record<string, Buffer>> {
  const exif = {
    IFD0: { Make: 'Canary' },
    IFD2: { DateTimeOriginal: '2015:07:16 15:38:47', OffsetTimeOriginal: '+02:00' },
  }
  const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: '#3a7' } })
  const film = join(folder, 'film.mp4')
  await promisify(execFile)('ffmpeg', [
    ...[
      '-nostdin',
      '-v',
      'error',
      '-y',
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=64x48:r=5:d=1',
      '-pix_fmt',
      'yuv420p',
    ],
    ...['-c:v', 'libx264', '-metadata', 'creation_time=2015-07-16T13:38:47Z', film],
  ])
  return {
    'PXL_20150716_133847123.jpg': await picture.clone().withExif(exif).jpeg().toBuffer(),
    'Ada 16 July 2015.jpg': await picture.clone().withExif(exif).negate().jpeg().toBuffer(),
    'VID_20150716_153847.mp4': await readFile(film),
  }
}

/** Everything that a visitor can fetch of a link: headers and bytes, by the door. */
async function doors({ link }: ShareAnswer): Promise<Record<string, Buffer>> {
  const answer = await fetch(`${service.url}/api/v1${new URL(link.url).pathname}`)
  const json = await answer.text()
  const found: Record<string, Buffer> = { json: Buffer.from(json) }
  async function look(door: string, path: string): Promise<void> {
    const res = await fetch(`${link.url}${path}`, { headers: { 'Accept-Language': 'en' } })
    // The time of the answer itself is no date of a picture.
    const headers = [...res.headers].filter(([name]) => name !== 'date').join('\n')
    if (res.ok) found[door] = Buffer.concat([Buffer.from(headers), Buffer.from(await res.arrayBuffer())])
  }
  for (const door of ['', '/card.jpg', '/zip']) await look(door, door)
  const ids = [...new Set([...json.matchAll(/\/items\/([a-z0-9]+)/g)].map(([, id]) => id ?? ''))]
  for (const [index, id] of ids.entries())
    for (const door of ['', '/thumb', '/preview', '/small', '/video', '/download'])
      await look(`/items/${index}${door}`, `/items/${id}${door}`)
  return found
}

const told = (found: Record<string, Buffer>, which = traces): string[] =>
  Object.entries(found).flatMap(([door, bytes]) =>
    unpacked(bytes).flatMap((part) =>
      which.filter(([, trace]) => part.includes(trace)).map(([name]) => `${door}: ${name}`),
    ),
  )

it('none tells no date and no camera through any door', async () => {
  const share = await postShare(service.url, await files(), { metadata: 'none' })
  await untilReady(service.url, share)
  await expect.poll(async () => (await fetch(`${share.link.url}/card.jpg`)).status).toBe(200)
  const found = await doors(share)
  const names = Object.keys(found)
  expect(names).toEqual(
    expect.arrayContaining(['json', '', '/card.jpg', '/zip', '/items/2', '/items/2/download']),
  )
  expect(told(found)).toEqual([])
  expect(new Set(zipDates(found['/zip'] ?? Buffer.alloc(0)))).toEqual(new Set([0x21]))
  expect(found['/zip']?.includes('Ada.jpg')).toBe(true)
})

it('without details no page tells one, and with them each does', async () => {
  const share = await postShare(service.url, await files(), { title: 'Ours' })
  await untilReady(service.url, share)
  const words = traces.filter(([name]) => ['July', '2015-07'].includes(name))
  /** What the link shows; names of files stay as they are. */
  const pages = (found: Record<string, Buffer>) =>
    Object.fromEntries(
      Object.entries(found)
        .filter(([door]) => /^(json||\/items\/\d)$/.test(door))
        .map(([door, bytes]) => [
          door,
          Buffer.from(bytes.toString('utf8').replaceAll(/Ada 16 July 2015/g, '')),
        ]),
    )
  expect(told(pages(await doors(share)), words)).not.toEqual([])
  const res = await fetch(`${service.url}/api/v1/links/${share.link.id}`, {
    method: 'PATCH',
    headers: { ...bearer(share.ownerKey), 'Content-Type': 'application/json' },
    body: JSON.stringify({ allow: { details: false } }),
  })
  expect(res.status).toBe(200)
  expect(told(pages(await doors(share)), words)).toEqual([])
})
