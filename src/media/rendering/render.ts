import { rename } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { readApng } from '../formats/apng.ts'
import type { DecoderJob } from './decoder.ts'
import type { Exiftool } from '../tools/exiftool.ts'
import { runFfmpeg } from '../tools/ffmpeg.ts'
import { extractPoster } from './poster.ts'
import { readHeif } from '../formats/heif.ts'
import type { ProcessPool } from '../tools/process-pool.ts'
import { extractRawPreview } from './raw-preview.ts'
import { withTemporaryFolder } from '../tools/temporary-folder.ts'
import {
  fileFaultOf,
  rawFormats,
  type MediaLimits,
  type MediaTools,
  type MediaType,
  type Rendered,
} from '../types.ts'

const imageDeadlineMs = 20_000
const heicDeadlineMs = 30_000
const toolDeadlineMs = 30_000
/** What an animated PNG may hold over all its frames, and its long edge, to keep moving. */
const maxAnimatedPixels = 40_000_000
const maxAnimatedEdge = 2048
const largeHeicPixels = 16_000_000

const File = z.object({
  path: z.string(),
  mime: z.enum(['image/webp', 'image/jpeg']),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
})
const RenderedAnswer = z.object({
  small: File,
  thumb: File,
  preview: File,
  thumbhash: z.base64(),
  color: z.string().regex(/^#[0-9a-f]{6}$/),
  damaged: z.boolean(),
})
const Brightness = z.object({ mean: z.number(), deviation: z.number() })

export interface Renderer {
  readonly pool: ProcessPool
  readonly exiftool: Exiftool
  readonly limits: MediaLimits
  /** Where intermediate files live while a job runs. */
  readonly directory: string
}

/** Makes `render`: what is no picture that libvips reads is turned into one first, each by its own tool. And `card`. */
export function createRenderer({
  pool,
  exiftool,
  limits,
  directory,
}: Renderer): Pick<MediaTools, 'render' | 'card'> {
  const { maxPixels } = limits

  type Rendering = Omit<Extract<DecoderJob, { kind: 'image' | 'avif' | 'heic' }>, 'maxPixels'>
  async function decode(job: Rendering, deadlineMs = imageDeadlineMs): Promise<Rendered> {
    return RenderedAnswer.parse(await pool.run({ ...job, maxPixels }, { deadlineMs }))
  }

  async function isVisible(file: string): Promise<boolean> {
    const job = { kind: 'brightness', source: file, maxPixels } satisfies DecoderJob
    const { mean, deviation } = Brightness.parse(await pool.run(job, { deadlineMs: imageDeadlineMs }))
    return mean > 24 || deviation > 12
  }

  async function renderVideo(source: string, { format }: MediaType, output: string, folder: string) {
    const poster = await extractPoster({ path: source, format, limits }, folder, isVisible)
    return decode({ kind: 'image', source: poster, directory: output })
  }

  /** The first picture of what libvips does not read, by ffmpeg. */
  async function renderFirst(source: string, format: 'jxl' | 'avif', output: string, folder: string) {
    const picture = path.join(folder, 'picture.png')
    const encode = [
      '-frames:v',
      '1',
      '-c:v',
      'png',
      '-compression_level',
      '1',
      '-f',
      'image2',
      '-update',
      '1',
    ]
    await runFfmpeg({ path: source, format, maxPixels }, [...encode, `file:${picture}`], {
      deadlineMs: toolDeadlineMs,
    })
    return decode({ kind: 'image', source: picture, directory: output })
  }

  /** libvips opens no image sequence that has no still besides. */
  async function renderAvif(source: string, output: string, folder: string) {
    try {
      return await decode({ kind: 'avif', source, directory: output })
    } catch (error) {
      if (fileFaultOf(error) !== 'damaged') throw error
      return renderFirst(source, 'avif', output, folder)
    }
  }

  async function renderRaw(source: string, output: string, folder: string) {
    const { file, orientation } = await extractRawPreview(exiftool, source, folder)
    return decode({ kind: 'image', source: file, directory: output, orientation })
  }

  /** HEICs of 24 and 48 MP take 400 and 700 MB while they are decoded: one at a time. */
  let large: Promise<unknown> = Promise.resolve()
  async function renderHeic(source: string, output: string) {
    const described = await readHeif(source)
    const orientation = described && !described.isTurned ? await orientationOf(source) : 1
    const work = () => decode({ kind: 'heic', source, directory: output, orientation }, heicDeadlineMs)
    if ((described?.largestPixels ?? 0) <= largeHeicPixels) return work()
    const mine = large.then(work, work)
    large = mine.catch(() => null)
    return mine
  }

  async function orientationOf(source: string): Promise<number> {
    const tags = await exiftool.read(source, ['-n', '-G1', '-IFD0:Orientation'])
    const value = Number(tags['IFD0:Orientation'])
    return value >= 1 && value <= 8 && Number.isInteger(value) ? value : 1
  }

  /** libvips sees the first frame of an animated PNG only; browsers move a WebP just as well. */
  async function renderPng(source: string, output: string) {
    const rendered = await decode({ kind: 'image', source, directory: output })
    const apng = await readApng(source)
    const isBounded = apng !== null && apng.frames * apng.width * apng.height <= maxAnimatedPixels
    if (!isBounded || Math.max(apng.width, apng.height) > maxAnimatedEdge) return rendered
    const moving = path.join(output, 'moving.webp')
    const encode = ['-c:v', 'libwebp_anim', '-quality', '75', '-compression_level', '2', '-loop', '0']
    try {
      await runFfmpeg(
        { path: source, format: 'png', maxPixels },
        [...encode, '-f', 'webp', `file:${moving}`],
        {
          deadlineMs: toolDeadlineMs,
        },
      )
    } catch (error) {
      // A later frame is broken or slow. The first is fine and is shown as a still.
      const fault = fileFaultOf(error)
      if (fault === null) throw error
      return { ...rendered, damaged: fault !== 'timeout' }
    }
    const file = path.join(output, 'preview.webp')
    await rename(moving, file)
    return {
      ...rendered,
      preview: { path: file, mime: 'image/webp', width: apng.width, height: apng.height },
    }
  }

  return {
    async render(source, type, output) {
      // The decoder's files appear under their names only once all of them are complete.
      return withTemporaryFolder(output, async (made) => {
        const rendered = await withTemporaryFolder(directory, async (folder) => {
          if (type.kind === 'video') return renderVideo(source, type, made, folder)
          if (type.format === 'jxl') return renderFirst(source, 'jxl', made, folder)
          if (type.format === 'avif') return renderAvif(source, made, folder)
          if (rawFormats.has(type.format)) return renderRaw(source, made, folder)
          if (type.format === 'png') return renderPng(source, made)
          if (type.format === 'heic') return renderHeic(source, made)
          return decode({ kind: 'image', source, directory: made })
        })
        const place = async (file: Rendered['thumb']) => {
          const to = path.join(output, path.basename(file.path))
          await rename(path.join(made, path.basename(file.path)), to)
          return { ...file, path: to }
        }
        return {
          ...rendered,
          small: await place(rendered.small),
          thumb: await place(rendered.thumb),
          preview: await place(rendered.preview),
        }
      })
    },
    async card(pictures, output) {
      const job = { kind: 'card', pictures: [...pictures], output } satisfies DecoderJob
      await pool.run(job, { deadlineMs: imageDeadlineMs })
    },
  }
}
