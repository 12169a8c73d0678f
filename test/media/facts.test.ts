import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { captureDate, parseDate } from '../../src/media/facts/capture-date.ts'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { quickFacts } from '../../src/media/facts/quick-facts.ts'
import { sniff } from '../../src/media/formats/sniff.ts'
import { exiftool, ffmpeg, openWorkshop, picture, type Workshop } from './fixtures.ts'
import { samples } from './samples.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(() => workshop.close())

describe('facts of a photo', () => {
  test('all that a camera writes', async () => {
    const file = workshop.at('camera.jpg')
    await picture(6).withMetadata({ orientation: 6 }).jpeg().toFile(file)
    await exiftool(
      ...['-overwrite_original', '-n', '-Make=Canon', '-Model=Canon EOS R6', '-LensModel=RF 50mm\u0007 F1.8'],
      ...[
        '-DateTimeOriginal=2026:05:01 18:30:00',
        '-OffsetTimeOriginal=+02:00',
        '-ExposureTime=0.004',
        '-FNumber=2.8',
      ],
      ...['-ISO=400', '-FocalLength=50', '-GPSLatitude=48.137', '-GPSLatitudeRef=N', '-GPSLongitude=11.575'],
      ...['-GPSLongitudeRef=W', '-GPSAltitude=519', '-GPSAltitudeRef=1', '-GPSImgDirection=90', file],
    )
    const facts = await workshop.tools.facts(file, mediaTypes.jpeg)
    expect(facts).toMatchObject({
      width: 300,
      height: 200,
      orientation: 6,
      capturedAt: { local: '2026-05-01T18:30:00', offset: '+02:00', source: 'EXIF:DateTimeOriginal' },
      camera: 'Canon EOS R6',
      lens: 'RF 50mm F1.8',
      exposureTime: '1/250',
      aperture: 2.8,
      iso: 400,
      focalLength: 50,
      duration: null,
      codec: null,
      animated: false,
      embeddedMotion: false,
      contentIdentifier: null,
    })
    expect(facts.coordinates?.latitude).toBeCloseTo(48.137, 5)
    expect(facts.coordinates?.longitude).toBeCloseTo(-11.575, 5)
    expect(facts.coordinates).toMatchObject({ altitude: -519, direction: 90 })

    const quick = await quickFacts((await readFile(file)).subarray(0, 64 * 1024), mediaTypes.jpeg)
    expect(quick).toEqual({ capturedAt: facts.capturedAt, width: 300, height: 200 })
  })

  test('a file without any is all null, and nonsense counts for nothing', async () => {
    const bare = workshop.at('bare.png')
    await picture().png().toFile(bare)
    expect(await workshop.tools.facts(bare, mediaTypes.png)).toMatchObject({
      width: 300,
      height: 200,
      capturedAt: null,
      camera: null,
      coordinates: null,
    })

    const odd = workshop.at('odd.jpg')
    await picture().jpeg().toFile(odd)
    await exiftool('-overwrite_original', '-n', '-DateTimeOriginal=0000:00:00 00:00:00', '-GPSLatitude=0', '-GPSLatitudeRef=N', '-GPSLongitude=0', '-GPSLongitudeRef=E', odd) // prettier-ignore
    expect(await workshop.tools.facts(odd, mediaTypes.jpeg)).toMatchObject({
      capturedAt: null,
      coordinates: null,
    })
  })

  test('movement of GIF and APNG', async () => {
    const gif = workshop.at('moving.gif')
    const apng = workshop.at('moving.png')
    const still = workshop.at('still.gif')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=5:s=64x48', gif)
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=5:s=64x48', '-f', 'apng', apng)
    await picture().gif().toFile(still)
    expect((await workshop.tools.facts(gif, mediaTypes.gif)).animated).toBe(true)
    expect((await workshop.tools.facts(apng, mediaTypes.png)).animated).toBe(true)
    expect((await workshop.tools.facts(still, mediaTypes.gif)).animated).toBe(false)
  })
})

describe('facts of a video', () => {
  test('size as shown, length, rate, codec, date and place', async () => {
    const plain = workshop.at('plain.mov')
    const file = workshop.at('clip.mov')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=2:r=25:s=320x240', '-pix_fmt', 'yuv420p', plain)
    await ffmpeg('-i', plain, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', file)
    await exiftool(
      ...[
        '-overwrite_original',
        '-Keys:CreationDate=2026:05:01 18:30:00+02:00',
        '-Keys:Make=Apple',
        '-Keys:Model=iPhone 15',
      ],
      ...['-Keys:GPSCoordinates=48.137, 11.575, 519', '-Keys:ContentIdentifier=AAAA-BBBB', file],
    )
    const facts = await workshop.tools.facts(file, mediaTypes.mov)
    expect(facts).toMatchObject({
      width: 240,
      height: 320,
      orientation: 1,
      capturedAt: { local: '2026-05-01T18:30:00', offset: '+02:00', source: 'Keys:CreationDate' },
      camera: 'Apple iPhone 15',
      duration: 2,
      frameRate: 25,
      codec: 'h264',
      contentIdentifier: 'AAAA-BBBB',
      coordinates: { latitude: 48.137, longitude: 11.575, altitude: 519 },
    })
  })

  test('the date of an MP4 header is in UTC', async () => {
    const file = workshop.at('utc.mp4')
    await ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'testsrc=d=1:r=5:s=64x48',
      '-pix_fmt',
      'yuv420p',
      '-metadata',
      'creation_time=2026-05-01T16:30:00Z',
      file,
    )
    const { capturedAt } = await workshop.tools.facts(file, mediaTypes.mp4)
    expect(capturedAt).toEqual({
      local: '2026-05-01T16:30:00',
      offset: '+00:00',
      source: 'QuickTime:CreateDate',
    })
  })
})

describe('dates', () => {
  test.each([
    ['2026:05:01 18:30:00', { local: '2026-05-01T18:30:00', offset: null }],
    ['2026:05:01 18:30', { local: '2026-05-01T18:30:00', offset: null }],
    ['2026-05-01T18:30:00.123+0530', { local: '2026-05-01T18:30:00', offset: '+05:30' }],
    ['2019:04:24 22:24:00+02:00 DST', { local: '2019-04-24T22:24:00', offset: '+02:00' }],
    ['2026:05:01 18:30:00Z', { local: '2026-05-01T18:30:00', offset: '+00:00' }],
    ['2026:02:31 10:00:00', null],
    ['2026:05:01 25:00:00', null],
    ['1904:01:01 00:00:00', null],
    ['    :  :     :  :  ', null],
    [20260501, null],
  ])('%s', (text, expected) => {
    expect(parseDate(text)).toEqual(expected)
  })

  test('the shutter goes before what software wrote', () => {
    const tags = {
      'IFD0:ModifyDate': '2026:06:01 00:00:00',
      'XMP-xmp:CreateDate': '2026:05:02 00:00:00',
      'ExifIFD:DateTimeOriginal': '2026:05:01 00:00:00',
    }
    expect(captureDate(tags, 'photo')?.local).toBe('2026-05-01T00:00:00')
  })
})

/**
 * exiftool's test picture carries two makers' notes, and the manifest quotes the second; FLIR's own block has
 * coordinates without north and west, which say nothing.
 */
const contradictory = new Set(['exiftool__ExifTool.jpg', 'metadata-extra__FLIR_iPhone_device.jpg'])

describe.skipIf(samples().length === 0)('samples', () => {
  const all = samples().filter(({ file }) => !contradictory.has(file))
  test.each(all.map((sample) => [sample.file, sample] as const))(
    '%s',
    async (_file, { path, expect: manifest }) => {
      const type = await sniff(await readFile(path))
      if (!type) throw new Error('not accepted')
      const facts = await workshop.tools.facts(path, type)

      const sides = [facts.width, facts.height].sort()
      // The manifest's size of the CR2 is that of a picture inside.
      if (type.format !== 'cr2')
        expect(sides).toEqual([Number(manifest['ImageWidth']), Number(manifest['ImageHeight'])].sort())
      if (type.format === 'jpeg') expect(facts.orientation).toBe(manifest['Orientation'] ?? 1)

      const date = parseDate(manifest['DateTimeOriginal'] ?? manifest['CreationDate'])
      if (date) {
        expect(facts.capturedAt?.local).toBe(date.local)
        expect(facts.capturedAt?.offset).toBe(date.offset ?? manifest['OffsetTimeOriginal'] ?? null)
      }
      const latitude = Number(manifest['GPSLatitude'] ?? 0)
      if (latitude !== 0) {
        expect(facts.coordinates?.latitude).toBeCloseTo(latitude, 4)
        expect(facts.coordinates?.longitude).toBeCloseTo(Number(manifest['GPSLongitude']), 4)
      } else {
        expect(facts.coordinates).toBeNull()
      }
      if (typeof manifest['Model'] === 'string' && manifest['Model'] !== '')
        expect(facts.camera).toContain(manifest['Model'])
      expect(facts.contentIdentifier).toBe(manifest['ContentIdentifier'] ?? null)
      if (type.kind === 'video')
        expect(Math.abs((facts.duration ?? 0) - Number(manifest['Duration']))).toBeLessThan(0.2)
      expect(facts.embeddedMotion).toBe(/motion|image-isom/i.test(path))
    },
  )
})
