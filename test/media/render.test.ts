import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { thumbHashToRGBA } from 'thumbhash'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { sniff } from '../../src/media/formats/sniff.ts'
import type { Format, Rendered } from '../../src/media/types.ts'
import { distance, exiftool, ffmpeg, heifEncode, openWorkshop, picture, type Workshop } from './fixtures.ts'
import { samples } from './samples.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(() => workshop.close())

let count = 0
async function render(file: string, format: Format): Promise<Rendered> {
  count += 1
  const directory = workshop.at(`out-${count}`)
  await mkdir(directory)
  const rendered = await workshop.tools.render(file, mediaTypes[format], directory)
  // Nothing but the three files is left, neither here nor in the working folder.
  expect((await readdir(directory)).sort()).toEqual(
    [rendered.small.path, rendered.thumb.path, rendered.preview.path]
      .map((made) => path.basename(made))
      .sort(),
  )
  expect(await readdir(workshop.at('work'))).toEqual([])
  return rendered
}

describe('upright', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a JPEG with orientation %i', async (orientation) => {
    const file = workshop.at(`turned-${orientation}.jpg`)
    await picture(orientation).withMetadata({ orientation }).jpeg({ quality: 95 }).toFile(file)
    const { thumb, preview } = await render(file, 'jpeg')
    expect([preview.width, preview.height]).toEqual([300, 200])
    expect(await distance(preview.path)).toBeLessThan(12)
    expect(await distance(thumb.path)).toBeLessThan(20)
  })

  test.each(['png', 'webp', 'tiff'] as const)('a %s with orientation 6', async (format) => {
    const file = workshop.at(`turned.${format}`)
    await picture(6).withMetadata({ orientation: 6 }).toFormat(format, { quality: 95 }).toFile(file)
    expect(await distance((await render(file, format)).preview.path)).toBeLessThan(12)
  })

  test('a HEIC without a transformation of its own, by its Exif', async () => {
    const stored = workshop.at('stored.png')
    const file = workshop.at('turned.heic')
    await picture(6).png().toFile(stored)
    await heifEncode('-q', '95', '-o', file, stored)
    await exiftool('-overwrite_original', '-n', '-Orientation=6', file)
    const { preview, thumb } = await render(file, 'heic')
    expect([preview.width, preview.height]).toEqual([300, 200])
    expect(await distance(preview.path)).toBeLessThan(12)
    expect(await distance(thumb.path)).toBeLessThan(20)
    expect(await workshop.tools.facts(file, mediaTypes.heic)).toMatchObject({ width: 300, height: 200 })
  })

  test('an AVIF that is a sequence alone shows its first picture', async () => {
    const file = workshop.at('moving.avif')
    const encode = ['-c:v', 'libaom-av1', '-cpu-used', '8', '-crf', '30', '-f', 'mp4', '-brand', 'avis']
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=5:d=1', ...encode, file)
    expect((await sniff(await readFile(file)))?.format).toBe('avif')
    const { preview } = await render(file, 'avif')
    expect([preview.width, preview.height]).toEqual([64, 48])
  })

  test('a baseline JPEG of more pixels than are opened at once, not a progressive one', async () => {
    const narrow = await openWorkshop({ maxPixels: 1_000_000 })
    try {
      const wide = sharp({ create: { width: 2400, height: 1600, channels: 3, background: '#3a7' } })
      const file = narrow.at('wide.jpg')
      const show = () => narrow.tools.render(file, mediaTypes.jpeg, path.dirname(file))
      await wide.clone().jpeg().toFile(file)
      const { preview } = await show()
      expect([preview.width, preview.height]).toEqual([2048, 1365])
      await wide.jpeg({ progressive: true }).toFile(file)
      await expect(show()).rejects.toMatchObject({ reason: 'too-large' })
    } finally {
      await narrow.close()
    }
  })

  test('a video that its header turns, with pixels that are not square', async () => {
    const stored = workshop.at('stored.png')
    const plain = workshop.at('plain.mp4')
    const file = workshop.at('turned.mp4')
    await picture(1, { width: 320, height: 240 }).png().toFile(stored)
    await ffmpeg('-loop', '1', '-t', '1', '-i', stored, '-vf', 'setsar=2', '-pix_fmt', 'yuv420p', plain)
    await ffmpeg('-i', plain, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', file)
    const { preview } = await render(file, 'mp4')
    // 640 × 240 as shown, then turned clockwise: blue over white stand left, red and green on the right.
    expect(preview.height / preview.width).toBeCloseTo(640 / 240, 1)
    const turnedBack = workshop.at('turned-back.png')
    await sharp(preview.path).rotate(-90).png().toFile(turnedBack)
    expect(Math.min(await distance(turnedBack), await distanceTurned(preview.path))).toBeLessThan(40)
  })

  async function distanceTurned(file: string): Promise<number> {
    const turned = workshop.at('turned-again.png')
    await sharp(file).rotate(90).png().toFile(turned)
    return distance(turned)
  }
})

describe('colours', () => {
  test('Display P3 becomes sRGB', async () => {
    const file = workshop.at('p3.jpg')
    await picture().withIccProfile('p3').jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toFile(file)
    expect(await distance((await render(file, 'jpeg')).preview.path)).toBeLessThan(12)
  })

  test('Adobe RGB that is told by Exif alone becomes sRGB', async () => {
    const reference = workshop.at('srgb.jpg')
    const file = workshop.at('adobe.jpg')
    // A grey-green that sRGB and Adobe RGB write differently: linear light (0.1, 0.4, 0.1) in Adobe RGB.
    const adobe = [0.1, 0.4, 0.1].map((light) => Math.round(255 * light ** (256 / 563)))
    await sharp({ create: { width: 64, height: 64, channels: 3, background: { r: adobe[0] ?? 0, g: adobe[1] ?? 0, b: adobe[2] ?? 0 } } })
      .jpeg({ quality: 100 }).toFile(file) // prettier-ignore
    await exiftool('-overwrite_original', '-n', '-InteropIndex=R03', '-ColorSpace=65535', file)
    const shown = await sharp((await render(file, 'jpeg')).preview.path)
      .raw()
      .toBuffer()
    await sharp(file).jpeg({ quality: 100 }).toFile(reference)
    // The same light in sRGB's primaries is (-0.02 → 0, 0.4, 0.087).
    expect(shown[0]).toBeLessThan((adobe[0] ?? 0) - 40)
    expect(Math.abs((shown[1] ?? 0) - 168)).toBeLessThan(8)
  })

  test('CMYK comes near the colours it means', async () => {
    const file = workshop.at('cmyk.jpg')
    await picture().toColourspace('cmyk').withIccProfile('cmyk').jpeg({ quality: 98 }).toFile(file)
    expect((await sharp(file).metadata()).space).toBe('cmyk')
    // Ink has no such blue and green; read as RGB or inverted, the distance is 200.
    expect(await distance((await render(file, 'jpeg')).preview.path)).toBeLessThan(90)
  })

  test('HEIC: an ICC profile, and P3 by code points', async () => {
    const p3 = workshop.at('p3.png')
    const withProfile = workshop.at('p3.heic')
    await picture().withIccProfile('p3').png().toFile(p3)
    await heifEncode('-q', '98', '-p', 'chroma=444', '-o', withProfile, p3)
    expect(await distance((await render(withProfile, 'heic')).preview.path)).toBeLessThan(14)

    // The same pixels; in place of the profile stand H.273's code points for Display P3 (heif-enc writes none).
    const byCode = workshop.at('code.heic')
    const bytes = await readFile(withProfile)
    const colr = bytes.indexOf('colrprof')
    Buffer.from('colrnclx\0\x0c\0\x0d\0\x06\x80', 'latin1').copy(bytes, colr)
    await writeFile(byCode, bytes)
    expect(colr).toBeGreaterThan(0)
    expect(await distance((await render(byCode, 'heic')).preview.path)).toBeLessThan(14)
  })

  test.each(['avif', 'webp', 'gif', 'png', 'tiff'] as const)('%s', async (format) => {
    const file = workshop.at(`colours.${format}`)
    await picture()
      .toFormat(format, format === 'avif' ? { quality: 90, effort: 1 } : {})
      .toFile(file)
    expect(await distance((await render(file, format)).preview.path)).toBeLessThan(16)
  })

  test('16 bits a sample, and grey', async () => {
    const deep = workshop.at('deep.png')
    await picture().toColourspace('rgb16').png().toFile(deep)
    expect((await sharp(deep).metadata()).depth).toBe('ushort')
    expect(await distance((await render(deep, 'png')).preview.path)).toBeLessThan(12)
    const grey = workshop.at('grey.jpg')
    await picture().greyscale().jpeg().toFile(grey)
    expect((await render(grey, 'jpeg')).color).toMatch(/^#([0-9a-f]{2})\1\1$/)
  })

  test('JPEG XL', async () => {
    const png = workshop.at('jxl.png')
    const file = workshop.at('colours.jxl')
    await picture().png().toFile(png)
    await ffmpeg('-i', png, '-c:v', 'libjxl', '-distance', '0.5', file)
    expect(await distance((await render(file, 'jxl')).preview.path)).toBeLessThan(14)
  })
})

describe('renditions', () => {
  test('are bounded, bare of metadata, and say what they look like', async () => {
    const file = workshop.at('large.jpg')
    await picture(1, { width: 3000, height: 2000 }).withIccProfile('p3').jpeg().toFile(file)
    const tags = ['-GPSLatitude=48.1', '-GPSLongitude=11.5', '-GPSLatitudeRef=N', '-GPSLongitudeRef=E']
    await exiftool(
      '-overwrite_original',
      ...tags,
      '-Artist=Canary',
      '-XMP:Creator=Canary',
      '-IPTC:City=Canary',
      file,
    )
    const { thumb, preview, thumbhash, color, damaged } = await render(file, 'jpeg')
    expect([thumb.mime, thumb.width, thumb.height]).toEqual(['image/webp', 480, 320])
    expect([preview.mime, preview.width, preview.height]).toEqual(['image/jpeg', 2048, 1365])
    expect(damaged).toBe(false)
    expect(color).toMatch(/^#[0-9a-f]{6}$/)
    const hash = thumbHashToRGBA(Buffer.from(thumbhash, 'base64'))
    expect(hash.w).toBeGreaterThan(hash.h)
    for (const made of [thumb.path, preview.path]) {
      const bytes = await readFile(made)
      for (const trace of ['Canary', 'Exif', 'ICC_PROFILE', 'ICCP', 'http://ns.adobe.com']) {
        expect(bytes.includes(trace), `${trace} in ${made}`).toBe(false)
      }
    }
  })

  test('small pictures are not enlarged', async () => {
    const file = workshop.at('tiny.png')
    await sharp({ create: { width: 1, height: 1, channels: 3, background: '#123456' } })
      .png()
      .toFile(file)
    const { thumb, preview } = await render(file, 'png')
    expect([thumb.width, thumb.height, preview.width, preview.height]).toEqual([1, 1, 1, 1])
  })

  test('what shows through stays transparent; an alpha channel that hides nothing costs no WebP', async () => {
    const clear = workshop.at('clear.png')
    const hidden = workshop.at('opaque.png')
    await sharp({
      create: { width: 50, height: 40, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    })
      .png()
      .toFile(clear)
    await picture().ensureAlpha(1).png().toFile(hidden)
    const shown = await render(clear, 'png')
    expect(shown.preview.mime).toBe('image/webp')
    expect((await sharp(shown.preview.path).metadata()).hasAlpha).toBe(true)
    expect((await render(hidden, 'png')).preview.mime).toBe('image/jpeg')
  })

  test.each([
    ['gif', 'gif'],
    ['webp', 'webp'],
    ['apng', 'png'],
  ] as const)('an animated %s keeps moving in its preview', async (extension, format) => {
    const file = workshop.at(`moving.${extension}`)
    const codec =
      extension === 'apng'
        ? ['-plays', '0', '-f', 'apng']
        : extension === 'webp'
          ? ['-c:v', 'libwebp_anim', '-loop', '0']
          : []
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=1:r=6:s=120x80', ...codec, file)
    const { preview, thumb } = await render(file, format)
    expect(preview).toMatchObject({ mime: 'image/webp', width: 120, height: 80 })
    expect((await sharp(preview.path).metadata()).pages).toBe(6)
    expect((await sharp(thumb.path).metadata()).pages ?? 1).toBe(1)
  })

  test('a truncated JPEG is shown as far as it goes, and says so', async () => {
    const whole = await picture(1, { width: 1200, height: 800 }).jpeg().toBuffer()
    const file = workshop.at('cut.jpg')
    await writeFile(file, whole.subarray(0, Math.floor(whole.length * 0.6)))
    const { damaged, preview } = await render(file, 'jpeg')
    expect([damaged, preview.width]).toEqual([true, 1200])
  })
})

describe('posters', () => {
  test('a video that starts black shows a later frame', async () => {
    const file = workshop.at('black.mp4')
    const parts = 'color=black:s=320x240:r=10:d=12[a];testsrc=s=320x240:r=10:d=12[b];[a][b]concat=n=2'
    await ffmpeg('-f', 'lavfi', '-i', parts, '-pix_fmt', 'yuv420p', '-g', '10', file)
    const { channels } = await sharp((await render(file, 'mp4')).preview.path)
      .greyscale()
      .stats()
    expect(channels[0]?.mean).toBeGreaterThan(40)
  })

  test('an HDR video is brought down to what a screen shows', async () => {
    const file = workshop.at('hdr.mp4')
    // Flat grey at PQ's diffuse white, 58 % of the signal: white on a usual screen, dull grey without tone mapping.
    const source = 'color=c=0x949494:s=320x240:r=10:d=1'
    const hdr = 'colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none'
    await ffmpeg('-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p10le', '-c:v', 'libx265', '-x265-params', hdr,
      '-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc', '-tag:v', 'hvc1', file) // prettier-ignore
    const { channels } = await sharp((await render(file, 'mp4')).preview.path)
      .greyscale()
      .stats()
    expect(channels[0]?.mean).toBeGreaterThan(185)
  })

  test.each([
    ['mkv', 'mkv', ['-c:v', 'libx264']],
    ['webm', 'webm', ['-c:v', 'libvpx-vp9', '-cpu-used', '8']],
    ['avi', 'avi', ['-c:v', 'mpeg4']],
    ['mts', 'mts', ['-c:v', 'libx264', '-f', 'mpegts']],
    ['mov', 'mov', ['-c:v', 'prores']],
    ['3gp', '3gp', ['-c:v', 'libx264']],
  ] as const)('%s', async (extension, format, codec) => {
    const file = workshop.at(`plain.${extension}`)
    await ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'testsrc=d=1:r=10:s=320x240',
      '-pix_fmt',
      extension === 'mov' ? 'yuv422p10le' : 'yuv420p',
      ...codec,
      file,
    )
    expect((await sniff(await readFile(file)))?.format).toBe(format)
    expect((await render(file, format)).preview).toMatchObject({
      mime: 'image/jpeg',
      width: 320,
      height: 240,
    })
  })
})

describe.skipIf(samples().length === 0)('samples', () => {
  test.each(samples().map((sample) => [sample.file, sample] as const))('%s', async (file, sample) => {
    const type = await sniff(await readFile(sample.path))
    if (!type) throw new Error('not accepted')
    const { format } = type
    // This one is cut: its preview pictures are gone.
    if (file === 'exiftool__CanonRaw.cr2') {
      await expect(render(sample.path, format)).rejects.toMatchObject({ reason: 'unsupported' })
      return
    }
    const { thumb, preview, damaged } = await render(sample.path, format)
    expect(Math.max(thumb.width, thumb.height)).toBeLessThanOrEqual(480)
    expect(Math.max(preview.width, preview.height)).toBeLessThanOrEqual(2048)
    expect(damaged).toBe(false)
    expect((await sharp(thumb.path).stats()).channels.length).toBeGreaterThanOrEqual(3)
    const facts = await workshop.tools.facts(sample.path, type)
    if (facts.width && facts.height)
      expect(preview.width / preview.height).toBeCloseTo(facts.width / facts.height, 1)
  })
})
