import { ffmpegIsolation, runTool } from '../tools/run-tool.ts'
import type { Format } from '../types.ts'

/** ffmpeg's demuxer for each video format: told by content before, forced here, so that no playlist is opened. */
const demuxers: Partial<Record<Format, string>> = {
  mp4: 'mov', mov: 'mov', m4v: 'mov', '3gp': 'mov', mkv: 'matroska', webm: 'matroska', avi: 'avi', mts: 'mpegts',
} // prettier-ignore

/**
 * A hash of every packet of the video and audio streams, as ffmpeg demuxes them (nothing is decoded). `withoutMessages`
 * leaves out H.264's supplemental messages, for a copy that had them removed. Throws MediaError.
 */
export async function streamHash(
  path: string,
  format: Format,
  bytes: number,
  withoutMessages = false,
): Promise<string> {
  const demuxer = demuxers[format]
  if (!demuxer) throw new Error(`no demuxer for ${format}`)
  const filter = withoutMessages ? ['-bsf:v', 'filter_units=remove_types=6'] : []
  const { stdout } = await runTool(
    'ffmpeg',
    [
      ...ffmpegIsolation, '-v', 'error', '-f', demuxer, '-i', `file:${path}`, '-map', '0:v?', '-map', '0:a?',
      '-c', 'copy', ...filter, '-f', 'streamhash', '-hash', 'murmur3', '-',
    ],
    { deadlineMs: fileDeadline(bytes), maxOutputBytes: 256 * 1024, memoryKib: 2 * 1024 * 1024 },
  ) // prettier-ignore
  return stdout.toString('utf8').trim()
}

/** Milliseconds for one pass over a file: 30 s, and a second for every 16 MiB. */
export function fileDeadline(bytes: number): number {
  return 30_000 + Math.ceil(bytes / (16 * 1024 * 1024)) * 1000
}
