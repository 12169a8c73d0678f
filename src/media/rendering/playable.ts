import { open, rename } from 'node:fs/promises'
import path from 'node:path'
import { probe, runFfmpeg, type Probe, type VideoStream } from '../tools/ffmpeg.ts'
import { fileBoxes } from '../formats/iso-boxes.ts'
import { toneMap } from './poster.ts'
import { withTemporaryFolder } from '../tools/temporary-folder.ts'
import {
  MediaError,
  type MediaLimits,
  type MediaTools,
  type MediaType,
  type PlayableProgress,
} from '../types.ts'

/** A box in pixels, either way round, that a converted video fits in. */
const longEdge = 1920
const shortEdge = 1080
const maxFrameRate = 60

/** Nothing that tells where or when: no tags, no chapters, no data or subtitle tracks, no messages (SEI) in the stream. */
const withoutMetadata = ['-map_metadata', '-1', '-map_chapters', '-1', '-dn', '-sn', '-fflags', '+bitexact']
const output = [
  '-movflags',
  '+faststart',
  '-max_muxing_queue_size',
  '1024',
  '-progress',
  'pipe:1',
  '-f',
  'mp4',
]

/**
 * Makes `playable`: null where Chrome, Safari and Firefox play the original, else H.264 (8 bit, 4:2:0) and AAC
 * in an MP4 whose index comes first; the streams are copied where they are that already. Throws MediaError
 * (`too-long` where it would have to be converted and is longer than the setting) and the signal's reason.
 */
export function createPlayable(limits: MediaLimits): Pick<MediaTools, 'playable'> {
  return {
    async playable(source, type, target, { signal, onProgress }) {
      if (type.kind !== 'video') return null
      const probed = await probe(source, type.format)
      const { video, duration } = probed
      if (video === null) throw new MediaError('unsupported', 'The file holds no moving picture')
      if (video.codedWidth * video.codedHeight > limits.maxPixels) {
        throw new MediaError('too-large', 'The video has too many pixels')
      }
      if (duration !== null && duration > limits.maxVideoSeconds) {
        throw new MediaError('too-long', 'The video claims to be longer than is accepted')
      }
      if (await playsAnywhere(source, type, probed)) return null

      const maxSeconds = limits.maxPlayableMinutes * 60
      const isCopied = isPlainH264(video)
      if (!isCopied && duration !== null && duration > maxSeconds) {
        throw new MediaError(
          'too-long',
          `Videos longer than ${limits.maxPlayableMinutes} minutes are not converted`,
        )
      }
      return withTemporaryFolder(path.dirname(target), async (folder) => {
        const made = path.join(folder, 'playable.mp4')
        await runFfmpeg(
          { path: source, format: type.format, maxPixels: limits.maxPixels },
          [
            ...['-map', '0:V:0', '-map', '0:a:0?', ...withoutMetadata],
            ...(isCopied ? copyVideo : convertVideo(video, maxSeconds)),
            ...audioArguments(probed),
            ...[...output, `file:${made}`],
          ],
          {
            deadlineMs: deadline(duration, isCopied),
            ...(signal ? { signal } : {}),
            onStdout: progressReader(duration, onProgress),
          },
        )
        const result = (await probe(made, 'mp4')).video
        if (result === null) throw new MediaError('damaged', 'The video cannot be converted')
        await rename(made, target)
        onProgress?.(1)
        return { path: target, mime: 'video/mp4', width: result.width, height: result.height }
      })
    },
  }
}

const copyVideo = ['-c:v', 'copy', '-bsf:v', 'filter_units=remove_types=6', '-tag:v', 'avc1']

function convertVideo(video: VideoStream, maxSeconds: number): string[] {
  const [boxWidth, boxHeight] = video.width >= video.height ? [longEdge, shortEdge] : [shortEdge, longEdge]
  const filters = [
    ...(video.isInterlaced ? ['yadif'] : []),
    `scale=w='trunc(iw*sar/2)*2':h='trunc(ih/2)*2'`,
    'setsar=1',
    `scale=w='min(${boxWidth},iw)':h='min(${boxHeight},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`,
    ...(video.isHdr ? [toneMap] : []),
    'format=yuv420p',
  ]
  return [
    ...[
      '-vf',
      filters.join(','),
      '-c:v',
      'libx264',
      '-preset',
      'veryfast',
      '-crf',
      '26',
      '-profile:v',
      'high',
    ],
    ...['-fpsmax', String(maxFrameRate), '-threads', '2', '-t', String(maxSeconds)],
  ]
}

function audioArguments({ audio }: Probe): string[] {
  return isPlainAac(audio) ? ['-c:a', 'copy'] : ['-c:a', 'aac', '-b:a', '128k', '-ac', '2']
}

async function playsAnywhere(source: string, { format }: MediaType, probed: Probe): Promise<boolean> {
  // A MOV may hold the same streams, but Firefox goes by its type.
  if (format !== 'mp4' && format !== 'm4v') return false
  const { video, audio } = probed
  return video !== null && isPlainH264(video) && isPlainAac(audio) && (await hasIndexFirst(source))
}

function isPlainH264(video: VideoStream): boolean {
  const isPlain = ['yuv420p', 'yuvj420p'].includes(video.pixelFormat) && !video.isInterlaced && !video.isHdr
  return video.codec === 'h264' && isPlain && !/4:2:2|4:4:4|10/.test(video.profile)
}

function isPlainAac(audio: Probe['audio']): boolean {
  return audio === null || (audio.codec === 'aac' && audio.channels <= 6)
}

async function hasIndexFirst(source: string): Promise<boolean> {
  const file = await open(source)
  try {
    const { size } = await file.stat()
    for await (const box of fileBoxes(file, 0, size)) {
      if (box.type === 'moov') return true
      if (box.type === 'mdat') return false
    }
    return false
  } finally {
    await file.close()
  }
}

/** Milliseconds. Converting takes about as long as the video lasts on one core; a busy machine gets fifteen times that. */
function deadline(duration: number | null, isCopied: boolean): number {
  const seconds = duration ?? 600
  return 1000 * Math.min(isCopied ? 120 + seconds : 300 + 15 * seconds, 4 * 3600)
}

/** Reads ffmpeg's `-progress`: lines `out_time_us=1234567`. */
function progressReader(
  duration: number | null,
  onProgress: PlayableProgress | undefined,
): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = (lines.pop() ?? '').slice(-200)
    for (const line of lines) {
      const microseconds = Number(/^out_time_us=(\d+)$/.exec(line.trim())?.[1])
      if (duration && microseconds >= 0) onProgress?.(Math.min(0.99, microseconds / 1e6 / duration))
    }
  }
}
