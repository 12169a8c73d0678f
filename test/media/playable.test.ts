import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probe } from '../../src/media/tools/ffmpeg.ts'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { sniff } from '../../src/media/formats/sniff.ts'
import type { Format } from '../../src/media/types.ts'
import { exiftool, ffmpeg, openWorkshop, type Workshop } from './fixtures.ts'
import { samples } from './samples.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop({ maxPlayableMinutes: 0.5 })
})
afterAll(() => workshop.close())

const picture = ['-f', 'lavfi', '-i', 'testsrc=d=2:r=10:s=320x240']
const sound = ['-f', 'lavfi', '-i', 'sine=d=2', '-shortest']

/** The codec names of what plays everywhere, and no tag that a person's file had. */
async function expectPlayable(file: string): Promise<void> {
  const { video, audio, hasData } = await probe(file, 'mp4')
  expect(video).toMatchObject({ codec: 'h264', isInterlaced: false, isHdr: false })
  expect(video?.pixelFormat).toMatch(/^yuvj?420p$/)
  expect([undefined, 'aac']).toContain(audio?.codec)
  expect(hasData).toBe(false)
  const bytes = await readFile(file)
  expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'))
  const tags = await exiftool(
    '-n',
    '-a',
    '-G1',
    '-s',
    '-ee3',
    '-GPS*',
    '-Location*',
    '-Make',
    '-Model',
    '-Title',
    '-Comment',
    '-CreationDate',
    file,
  )
  expect(tags.trim()).toBe('')
}

async function playable(file: string, format: Format) {
  return workshop.tools.playable(file, mediaTypes[format], workshop.at('playable.mp4'), {})
}

describe('playable', () => {
  test('an MP4 with H.264 and AAC whose index comes first needs none', async () => {
    const file = workshop.at('good.mp4')
    await ffmpeg(...picture, ...sound, '-pix_fmt', 'yuv420p', '-movflags', '+faststart', file)
    expect(await playable(file, 'mp4')).toBeNull()
  })

  test('the index last, or a MOV: the same streams in another file', async () => {
    const late = workshop.at('late.mp4')
    const mov = workshop.at('clip.mov')
    await ffmpeg(...picture, ...sound, '-pix_fmt', 'yuv420p', late)
    await ffmpeg('-i', late, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', mov)
    await exiftool(
      '-overwrite_original',
      '-Keys:GPSCoordinates=48.137, 11.575',
      '-UserData:GPSCoordinates=48.137, 11.575',
      '-Keys:Make=Canary',
      '-Keys:CreationDate=2026:05:01 18:30:00+02:00',
      mov,
    )
    for (const [file, format, width] of [
      [late, 'mp4', 320],
      [mov, 'mov', 240],
    ] as const) {
      const made = await playable(file, format)
      expect(made).toMatchObject({ mime: 'video/mp4', width })
      await expectPlayable(workshop.at('playable.mp4'))
    }
  })

  test.each([
    ['hevc.mp4', 'mp4', ['-c:v', 'libx265', '-x265-params', 'log-level=none', '-tag:v', 'hvc1']],
    ['ten-bit.mp4', 'mp4', ['-c:v', 'libx264', '-pix_fmt', 'yuv420p10le']],
    ['chroma.mp4', 'mp4', ['-c:v', 'libx264', '-pix_fmt', 'yuv444p']],
    ['vp9.webm', 'webm', ['-c:v', 'libvpx-vp9', '-cpu-used', '8', '-c:a', 'libopus']],
    ['old.avi', 'avi', ['-c:v', 'mpeg4', '-c:a', 'mp3']],
    ['prores.mov', 'mov', ['-c:v', 'prores', '-c:a', 'pcm_s16le']],
    ['broadcast.mts', 'mts', ['-c:v', 'libx264', '-flags', '+ildct+ilme', '-c:a', 'ac3', '-f', 'mpegts']],
    [
      'matroska.mkv',
      'mkv',
      ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'flac', '-metadata', 'title=Canary'],
    ],
  ] as const)('%s is converted', async (name, format, codec) => {
    const file = workshop.at(name)
    const given =
      codec.some((argument) => argument === '-pix_fmt') || name === 'prores.mov'
        ? []
        : ['-pix_fmt', 'yuv420p']
    await ffmpeg(...picture, ...sound, ...given, ...codec, file)
    const seen: number[] = []
    const output = workshop.at(`${name}.playable.mp4`)
    const made = await workshop.tools.playable(file, mediaTypes[format], output, {
      onProgress: (part) => seen.push(part),
    })
    expect(made).toMatchObject({ path: output, mime: 'video/mp4', width: 320, height: 240 })
    await expectPlayable(output)
    expect(seen.at(-1)).toBe(1)
    expect(seen.every((part) => part >= 0 && part <= 1)).toBe(true)
    expect((await probe(output, 'mp4')).duration).toBeCloseTo(2, 0)
  })

  test('4K comes down to 1080p, either way round', async () => {
    const file = workshop.at('tall.mkv')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=0.3:r=10:s=2160x3840', '-c:v', 'mpeg4', file)
    expect(await playable(file, 'mkv')).toMatchObject({ width: 1080, height: 1920 })
  })

  test('a signal ends it, and nothing is left behind', async () => {
    const file = workshop.at('long.avi')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=d=25:r=25:s=1280x720', '-c:v', 'mpeg4', file)
    const stop = new AbortController()
    const output = workshop.at('stopped.mp4')
    let stoppedAt = 0
    const running = workshop.tools.playable(file, mediaTypes.avi, output, {
      signal: stop.signal,
      onProgress: () => {
        if (!stop.signal.aborted) stoppedAt = Date.now()
        stop.abort(new Error('enough'))
      },
    })
    await expect(running).rejects.toThrow('enough')
    expect(Date.now() - stoppedAt).toBeLessThan(10_000)
    expect(await readdir(path.dirname(output))).not.toContain('stopped.mp4')
    expect((await readdir(path.dirname(output))).filter((name) => name.startsWith('job-'))).toEqual([])
  })

  test('what is longer than the setting is not converted, but is remuxed', async () => {
    const converted = workshop.at('minutes.avi')
    const remuxed = workshop.at('minutes.mkv')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=60:r=2:s=64x48', '-c:v', 'mpeg4', converted)
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=d=60:r=2:s=64x48', '-pix_fmt', 'yuv420p', remuxed)
    await expect(playable(converted, 'avi')).rejects.toMatchObject({ reason: 'too-long' })
    expect(await playable(remuxed, 'mkv')).not.toBeNull()
  })

  test('a still needs none', async () => {
    expect(await playable(workshop.at('any.jpg'), 'jpeg')).toBeNull()
  })

  const videos = samples().filter(({ expect: { MIMEType } }) => String(MIMEType).startsWith('video/'))
  test.each(videos.map((sample) => [sample.file, sample] as const))('sample %s', async (_file, sample) => {
    const type = await sniff(await readFile(sample.path))
    if (!type) throw new Error('not accepted')
    const made = await playable(sample.path, type.format)
    if (made) await expectPlayable(made.path)
    else expect((await probe(sample.path, type.format)).video?.codec).toBe('h264')
  })
})
