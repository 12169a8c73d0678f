import { ffmpegIsolation, runTool } from '../../tools/run-tool.ts'
import { withoutMessages } from '../stream-hash.ts'
import type { ByteSource } from '../bytes/byte-source.ts'

const memoryKib = 2 * 1024 * 1024

/** MTS and M2TS carry four more bytes per packet than TS: 192 instead of 188. */
export async function hasTimecodes(source: ByteSource): Promise<boolean> {
  const bytes = await source.read(0, 4 + 192 * 4)
  return [0, 1, 2, 3].every((index) => bytes[4 + 192 * index] === 0x47)
}

/**
 * Copies film, sound and subtitles of a transport stream to `output`, and no other stream. `messages`: whether H.264's
 * supplemental messages stay (NAL type 6), where AVCHD cameras write position, date and model, and where captions stand.
 */
export async function copyTransportStream(
  input: string,
  output: string,
  options: { readonly timecodes: boolean; readonly messages: boolean; readonly deadlineMs: number },
): Promise<void> {
  const filter = options.messages ? [] : await withoutMessages(input, 'mts')
  const shape = options.timecodes ? ['-mpegts_m2ts_mode', '1'] : []
  await runTool(
    'ffmpeg',
    [
      ...ffmpegIsolation, '-v', 'error', '-f', 'mpegts', '-i', `file:${input}`, '-map', '0:v?', '-map', '0:a?',
      '-c', 'copy', '-map_metadata', '-1', '-copyts', '-fflags', '+bitexact', ...filter, ...shape,
      '-f', 'mpegts', '-y', `file:${output}`,
    ],
    { deadlineMs: options.deadlineMs, maxOutputBytes: 256 * 1024, memoryKib },
  ) // prettier-ignore
}
