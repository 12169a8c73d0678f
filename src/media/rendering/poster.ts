import { existsSync } from 'node:fs'
import path from 'node:path'
import { probe, runFfmpeg, type VideoStream } from '../tools/ffmpeg.ts'
import { fileFaultOf, MediaError, type Format, type MediaLimits } from '../types.ts'

const posterDeadlineMs = 30_000
/** Box in pixels that a poster fits in: more would cost ffmpeg's `thumbnail` filter twenty frames of it. */
const posterEdge = 1280

/** HDR to SDR, after scaling so that it costs little: linear light, BT.709, a curve that keeps highlights. */
export const toneMap =
  'zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p'

export interface PosterSource {
  readonly path: string
  readonly format: Format
  readonly limits: MediaLimits
}

/**
 * Writes still frames of a video into `folder` until `isGood` says yes (a frame may be black), and answers the
 * one to take: upright, square pixels, SDR, as PNG. Throws MediaError.
 */
export async function extractPoster(
  { path: source, format, limits }: PosterSource,
  folder: string,
  isGood: (file: string) => Promise<boolean>,
): Promise<string> {
  const { video, duration } = await probe(source, format)
  if (video === null) throw new MediaError('unsupported', 'The file holds no moving picture')
  if (video.codedWidth * video.codedHeight > limits.maxPixels) {
    throw new MediaError('too-large', 'The video has too many pixels')
  }
  if (duration !== null && duration > limits.maxVideoSeconds) {
    throw new MediaError('too-long', 'The video claims to be longer than is accepted')
  }

  const later = duration === null || duration < 4 ? [] : [0.25, 0.5, 0.75].map((part) => part * duration)
  let first: string | null = null
  let failure: unknown = null
  for (const [index, seconds] of [0, ...later].entries()) {
    const file = path.join(folder, `poster-${index}.png`)
    try {
      await writeFrame({ path: source, format, limits }, video, seconds, file)
    } catch (error) {
      const fault = fileFaultOf(error)
      if (fault === null) throw error
      failure ??= error
      if (fault === 'timeout') break
      continue
    }
    if (await isGood(file)) return file
    first ??= file
  }
  if (first !== null) return first
  if (fileFaultOf(failure) === 'timeout') throw failure
  throw new MediaError('damaged', 'No frame of the video can be shown', { cause: failure })
}

async function writeFrame(
  { path: source, format, limits }: PosterSource,
  video: VideoStream,
  seconds: number,
  output: string,
): Promise<void> {
  const filters = [
    ...(video.isInterlaced ? ['yadif=deint=interlaced'] : []),
    `scale=w='trunc(iw*sar/2)*2':h=ih`,
    'setsar=1',
    `scale=w='min(${posterEdge},iw)':h='min(${posterEdge},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`,
    ...(video.isHdr ? [toneMap] : []),
    'thumbnail=20',
  ]
  const seek = seconds > 0 ? ['-ss', seconds.toFixed(3)] : []
  const shape = ['-map', '0:V:0', '-vf', filters.join(','), '-fps_mode', 'vfr', '-frames:v', '1']
  const encode = ['-map_metadata', '-1', '-threads', '1', '-c:v', 'png', '-compression_level', '1']
  // Key frames alone are ten times cheaper; a short piece may have none, then every frame of a second is looked at.
  for (const choice of [
    ['-skip_frame', 'nokey', ...seek, '-t', '60'],
    [...seek, '-t', '1'],
  ]) {
    await runFfmpeg(
      { path: source, format, maxPixels: limits.maxPixels, before: choice },
      [...shape, ...encode, '-f', 'image2', '-update', '1', `file:${output}`],
      { deadlineMs: posterDeadlineMs },
    )
    if (existsSync(output)) return
  }
  throw new MediaError('damaged', 'No frame of the video can be decoded')
}
