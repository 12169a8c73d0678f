import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { ffmpeg, heifEncode, openWorkshop, picture, type Workshop } from './fixtures.ts'
import { samples } from './samples.ts'

let workshop: Workshop
let video: Buffer
beforeAll(async () => {
  workshop = await openWorkshop()
  await ffmpeg(
    '-f',
    'lavfi',
    '-i',
    'testsrc=d=1:r=5:s=64x48',
    '-pix_fmt',
    'yuv420p',
    workshop.at('motion.mp4'),
  )
  video = await readFile(workshop.at('motion.mp4'))
})
afterAll(() => workshop.close())

async function jpeg(name: string): Promise<string> {
  await picture().jpeg().toFile(workshop.at(name))
  return workshop.at(name)
}

describe('a motion photo', () => {
  test('Google: the video behind the JPEG', async () => {
    const file = await jpeg('google.jpg')
    await appendFile(file, video)
    const output = workshop.at('google.mp4')
    expect(await workshop.tools.extractMotion(file, mediaTypes.jpeg, output)).toEqual(mediaTypes.mp4)
    expect(await readFile(output)).toEqual(video)
    expect((await workshop.tools.facts(file, mediaTypes.jpeg)).embeddedMotion).toBe(true)
  })

  test('Samsung: the video between marks of a trailer of its own', async () => {
    const file = await jpeg('samsung.jpg')
    const mark = Buffer.from('\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data', 'latin1')
    const tail = Buffer.from('SEFH\x6b\0\0\0\x01\0\0\0\0\0\x30\x0a\0\0\0\0\0\0\0\0\x18\0\0\0SEFT', 'latin1')
    await appendFile(file, Buffer.concat([mark, video, tail]))
    const output = workshop.at('samsung.mp4')
    expect((await workshop.tools.extractMotion(file, mediaTypes.jpeg, output))?.format).toBe('mp4')
    expect(await readFile(output)).toEqual(video)
  })

  test('HEIC: the box `mpvd`', async () => {
    await picture().png().toFile(workshop.at('still.png'))
    const file = workshop.at('motion.heic')
    await heifEncode('-o', file, workshop.at('still.png'))
    expect(await workshop.tools.extractMotion(file, mediaTypes.heic, workshop.at('none.mp4'))).toBeNull()
    const header = Buffer.alloc(8)
    header.writeUInt32BE(8 + video.length)
    header.write('mpvd', 4, 'latin1')
    await appendFile(file, Buffer.concat([header, video]))
    const output = workshop.at('heic.mp4')
    expect((await workshop.tools.extractMotion(file, mediaTypes.heic, output))?.format).toBe('mp4')
    expect(await readFile(output)).toEqual(video)
  })

  test('a plain photo, a mere word, a video that is cut off: none', async () => {
    const output = workshop.at('nothing.mp4')
    expect(await workshop.tools.extractMotion(await jpeg('plain.jpg'), mediaTypes.jpeg, output)).toBeNull()
    const word = await jpeg('word.jpg')
    await appendFile(word, 'four bytes before ftyp and nothing behind it that is a box')
    expect(await workshop.tools.extractMotion(word, mediaTypes.jpeg, output)).toBeNull()
    const cut = await jpeg('cut.jpg')
    await appendFile(cut, video.subarray(0, 200))
    expect(await workshop.tools.extractMotion(cut, mediaTypes.jpeg, output)).toBeNull()
    await expect(readFile(output)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('is found where the signature lies across two of the pieces that are read', async () => {
    const still = await readFile(await jpeg('edge.jpg'))
    for (const shift of [-6, -4, -2, 0, 2]) {
      const padding = Buffer.alloc(1024 * 1024 - still.length + shift)
      const file = workshop.at('edge-padded.jpg')
      await writeFile(file, Buffer.concat([still, padding, video]))
      const output = workshop.at('edge.mp4')
      expect((await workshop.tools.extractMotion(file, mediaTypes.jpeg, output))?.format, String(shift)).toBe(
        'mp4',
      )
      expect(await readFile(output)).toEqual(video)
    }
  })

  const real = samples().filter(({ file }) => /motion/.test(file))
  test.each(real.map((sample) => [sample.file, sample] as const))(
    'of the samples: %s',
    async (file, sample) => {
      const type = file.endsWith('.heic') ? mediaTypes.heic : mediaTypes.jpeg
      const output = workshop.at(`${file}.mp4`)
      await copyFile(sample.path, workshop.at(file))
      expect((await workshop.tools.extractMotion(workshop.at(file), type, output))?.kind).toBe('video')
      const facts = await workshop.tools.facts(output, mediaTypes.mp4)
      expect(facts.duration).toBeGreaterThan(0.5)
      expect(facts.codec).toMatch(/h264|hevc/)
    },
  )
})
