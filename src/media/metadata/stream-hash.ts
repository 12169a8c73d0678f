import { ffmpegIsolation, ffprobeIsolation, runTool } from '../tools/run-tool.ts'
import type { Format } from '../types.ts'

/** ffmpeg's demuxer for each video format: told by content before, forced here, so that no playlist is opened. */
const demuxers: Partial<Record<Format, string>> = {
  mp4: 'mov', mov: 'mov', m4v: 'mov', '3gp': 'mov', mkv: 'matroska', webm: 'matroska', avi: 'avi', mts: 'mpegts',
} // prettier-ignore

const memoryKib = 2 * 1024 * 1024

/** What removes supplemental messages (SEI) from a stream, where encoders and cameras write texts, by its codec. */
const messageFilters: Readonly<Record<string, string>> = {
  h264: 'filter_units=remove_types=6',
  hevc: 'filter_units=remove_types=39-40',
}

/**
 * A hash of every packet of the video and audio streams, but for cover art, as ffmpeg demuxes them (nothing is
 * decoded). `without`: without the messages in them. Throws MediaError.
 */
export async function streamHash(
  path: string,
  format: Format,
  bytes: number,
  without?: 'without messages',
): Promise<string> {
  const demuxer = demuxerOf(format)
  const filter = without ? await withoutMessages(path, format) : []
  const { stdout } = await runTool(
    'ffmpeg',
    [
      ...ffmpegIsolation, '-v', 'error', '-f', demuxer, '-i', `file:${path}`, '-map', '0:V?', '-map', '0:a?',
      '-c', 'copy', ...filter, '-f', 'streamhash', '-hash', 'murmur3', '-',
    ],
    { deadlineMs: fileDeadline(bytes), maxOutputBytes: 256 * 1024, memoryKib },
  ) // prettier-ignore
  return stdout.toString('utf8').trim()
}

/** Arguments for ffmpeg that leave out the messages of the video stream; none for codecs that have none. */
export async function withoutMessages(path: string, format: Format): Promise<string[]> {
  const { stdout } = await runTool(
    'ffprobe',
    [
      ...ffprobeIsolation, '-v', 'error', '-f', demuxerOf(format), '-select_streams', 'v:0',
      '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', `file:${path}`,
    ],
    { deadlineMs: 30_000, maxOutputBytes: 64 * 1024, memoryKib },
  ) // prettier-ignore
  const filter = messageFilters[stdout.toString('utf8').trim().split('\n')[0] ?? '']
  return filter ? ['-bsf:v', filter] : []
}

function demuxerOf(format: Format): string {
  const demuxer = demuxers[format]
  if (!demuxer) throw new Error(`no demuxer for ${format}`)
  return demuxer
}

/** Milliseconds for one pass over a file: 30 s, and a second for every 16 MiB. */
export function fileDeadline(bytes: number): number {
  return 30_000 + Math.ceil(bytes / (16 * 1024 * 1024)) * 1000
}
