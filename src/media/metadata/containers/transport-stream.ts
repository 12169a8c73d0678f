import { ffmpegIsolation, ffprobeIsolation, runTool } from '../../tools/run-tool.ts'
import type { ByteSource } from '../bytes/byte-source.ts'

const memoryKib = 2 * 1024 * 1024

/** MTS and M2TS carry four more bytes per packet than TS: 192 instead of 188. */
export async function hasTimecodes(source: ByteSource): Promise<boolean> {
  const bytes = await source.read(0, 4 + 192 * 4)
  return [0, 1, 2, 3].every((index) => bytes[4 + 192 * index] === 0x47)
}

/**
 * Copies the streams of a transport stream to `output` without H.264's supplemental messages (NAL type 6), where
 * AVCHD cameras write position, date and model; captions stand there too and go with them.
 */
export async function copyTransportStream(
  input: string,
  output: string,
  options: { readonly timecodes: boolean; readonly deadlineMs: number },
): Promise<void> {
  const codec = await videoCodec(input)
  const filter = codec === 'h264' ? ['-bsf:v', 'filter_units=remove_types=6'] : []
  const hevc = codec === 'hevc' ? ['-bsf:v', 'filter_units=remove_types=39-40'] : []
  const shape = options.timecodes ? ['-mpegts_m2ts_mode', '1'] : []
  await runTool(
    'ffmpeg',
    [
      ...ffmpegIsolation, '-v', 'error', '-f', 'mpegts', '-i', `file:${input}`, '-map', '0:v?', '-map', '0:a?',
      '-c', 'copy', '-map_metadata', '-1', '-copyts', '-fflags', '+bitexact', ...filter, ...hevc, ...shape,
      '-f', 'mpegts', '-y', `file:${output}`,
    ],
    { deadlineMs: options.deadlineMs, maxOutputBytes: 256 * 1024, memoryKib },
  ) // prettier-ignore
}

async function videoCodec(input: string): Promise<string> {
  const { stdout } = await runTool(
    'ffprobe',
    [
      ...ffprobeIsolation, '-v', 'error', '-f', 'mpegts', '-select_streams', 'v:0',
      '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', `file:${input}`,
    ],
    { deadlineMs: 30_000, maxOutputBytes: 64 * 1024, memoryKib },
  ) // prettier-ignore
  return stdout.toString('utf8').trim().split('\n')[0] ?? ''
}
