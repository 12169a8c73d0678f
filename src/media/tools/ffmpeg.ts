import { z } from 'zod'
import {
  ffmpegIsolation,
  ffprobeIsolation,
  runTool,
  type RunToolOptions,
  type ToolOutput,
} from './run-tool.ts'
import { MediaError, type Format } from '../types.ts'

/** The demuxer that ffmpeg is held to, so that a playlist or script with a video's name is never followed. */
const demuxers: Partial<Record<Format, string>> = {
  mp4: 'mov',
  mov: 'mov',
  m4v: 'mov',
  '3gp': 'mov',
  mkv: 'matroska',
  webm: 'matroska',
  avi: 'avi',
  mts: 'mpegts',
  jxl: 'jpegxl_pipe',
  png: 'apng',
  avif: 'mov',
}

/** Address space of one ffmpeg or ffprobe: 1080p HEVC needs a tenth, 4K H.264 with its encoder about half. */
const memoryKib = 3 * 1024 * 1024
const maxOutputBytes = 8 * 1024 * 1024

/** The arguments that open `path` as `format` and nothing else. Throws MediaError `unsupported`. */
function inputArguments(path: string, format: Format): string[] {
  const demuxer = demuxers[format]
  if (demuxer === undefined) throw new MediaError('unsupported', `ffmpeg does not read ${format}`)
  return ['-f', demuxer, '-i', `file:${path}`]
}

/**
 * Runs ffmpeg: `before` stands in front of the input, `after` behind it. Only errors are printed; local files
 * only. Throws what `runTool` does.
 */
export function runFfmpeg(
  input: {
    readonly path: string
    readonly format: Format
    readonly maxPixels: number
    readonly before?: readonly string[]
  },
  after: readonly string[],
  options: Omit<RunToolOptions, 'maxOutputBytes' | 'memoryKib'>,
): Promise<ToolOutput> {
  const bounds = ['-max_pixels', String(input.maxPixels), ...(input.before ?? [])]
  const log = ['-hide_banner', '-v', 'error', '-y']
  const args = [...ffmpegIsolation, ...log, ...bounds, ...inputArguments(input.path, input.format), ...after]
  return runTool('ffmpeg', args, { ...options, maxOutputBytes, memoryKib })
}

const numeric = z.coerce.number().optional().catch(undefined)

const ProbeOutput = z.object({
  streams: z
    .array(
      z.object({
        index: z.number(),
        codec_type: z.string().optional(),
        codec_name: z.string().optional(),
        codec_tag_string: z.string().optional(),
        profile: z.string().optional(),
        level: numeric,
        width: numeric,
        height: numeric,
        pix_fmt: z.string().optional(),
        field_order: z.string().optional(),
        sample_aspect_ratio: z.string().optional(),
        color_transfer: z.string().optional(),
        avg_frame_rate: z.string().optional(),
        r_frame_rate: z.string().optional(),
        channels: numeric,
        duration: numeric,
        disposition: z.object({ attached_pic: z.number().optional() }).optional(),
        tags: z.record(z.string(), z.string()).optional(),
        side_data_list: z.array(z.object({ rotation: numeric }).loose()).optional(),
      }),
    )
    .default([]),
  format: z.object({ duration: numeric, bit_rate: numeric }).default({}),
})

/** One picture stream as ffprobe sees it. */
export interface VideoStream {
  readonly codec: string
  readonly profile: string
  /** Coded pixels, before rotation. */
  readonly codedWidth: number
  readonly codedHeight: number
  /** Pixels as shown, after rotation and with square pixels. */
  readonly width: number
  readonly height: number
  readonly pixelFormat: string
  readonly isInterlaced: boolean
  /** PQ or HLG. */
  readonly isHdr: boolean
  readonly frameRate: number | null
}

export interface Probe {
  /** Null where there is no moving picture (cover art does not count). */
  readonly video: VideoStream | null
  readonly audio: { readonly codec: string; readonly profile: string; readonly channels: number } | null
  /** Streams that are neither picture nor sound. */
  readonly hasData: boolean
  /** Seconds; null where nothing tells. */
  readonly duration: number | null
}

/** Asks ffprobe what a file holds. Throws what `runTool` does. */
export async function probe(path: string, format: Format): Promise<Probe> {
  const show = ['-v', 'error', '-print_format', 'json', '-show_streams', '-show_format']
  const args = [...ffprobeIsolation, ...show, ...inputArguments(path, format)]
  const bounds = { deadlineMs: 30_000, maxOutputBytes, memoryKib }
  const text = (await runTool('ffprobe', args, bounds)).stdout.toString('utf8')
  const parsed = ProbeOutput.safeParse(JSON.parse(text))
  if (!parsed.success)
    throw new MediaError('damaged', 'The video cannot be described', { cause: parsed.error })
  const { streams, format: container } = parsed.data

  const video = streams.find((s) => s.codec_type === 'video' && s.disposition?.attached_pic !== 1)
  const audio = streams.find((s) => s.codec_type === 'audio')
  const durations = [container.duration, ...streams.map((s) => s.duration)].filter((d) => d !== undefined)
  return {
    video: video ? describeVideo(video) : null,
    audio: audio
      ? { codec: audio.codec_name ?? '', profile: audio.profile ?? '', channels: audio.channels ?? 0 }
      : null,
    hasData: streams.some((s) => s.codec_type !== 'video' && s.codec_type !== 'audio'),
    duration: durations.length > 0 ? Math.max(...durations) : null,
  }
}

function describeVideo(stream: z.infer<typeof ProbeOutput>['streams'][number]): VideoStream {
  const codedWidth = stream.width ?? 0
  const codedHeight = stream.height ?? 0
  const [horizontal = 1, vertical = 1] = (stream.sample_aspect_ratio ?? '1:1').split(':').map(Number)
  const isStretched = horizontal > 0 && vertical > 0 && Number.isFinite(horizontal / vertical)
  const shown = isStretched ? Math.round((codedWidth * horizontal) / vertical) : codedWidth
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0
  const isTurned = Math.abs(Math.round(rotation / 90)) % 2 === 1
  return {
    codec: stream.codec_name ?? '',
    profile: stream.profile ?? '',
    codedWidth,
    codedHeight,
    width: isTurned ? codedHeight : shown,
    height: isTurned ? shown : codedHeight,
    pixelFormat: stream.pix_fmt ?? '',
    isInterlaced: !['progressive', 'unknown', undefined].includes(stream.field_order),
    isHdr: stream.color_transfer === 'smpte2084' || stream.color_transfer === 'arib-std-b67',
    frameRate: fraction(stream.avg_frame_rate) ?? fraction(stream.r_frame_rate),
  }
}

function fraction(text: string | undefined): number | null {
  const [above = 0, below = 0] = (text ?? '').split('/').map(Number)
  const value = above / below
  return Number.isFinite(value) && value >= 0.01 && value < 100_000 ? Math.round(value * 1000) / 1000 : null
}
