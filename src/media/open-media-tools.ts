import { mkdir } from 'node:fs/promises'
import { openExiftool } from './tools/exiftool.ts'
import { extractMotion } from './rendering/extract-motion.ts'
import { readFacts } from './facts/facts.ts'
import { createCleaner } from './metadata/index.ts'
import { createPlayable } from './rendering/playable.ts'
import { openDecoders } from './rendering/decoders.ts'
import { createRenderer } from './rendering/render.ts'
import type { MediaLimits, MediaTools } from './types.ts'

export interface MediaToolsOptions {
  readonly limits: MediaLimits
  /** How many pictures are decoded at once; as many exiftool processes stay open. */
  readonly processes: number
  /** Milliseconds that one call of exiftool may take. Default 30 s. */
  readonly exiftoolDeadlineMs?: number
  /** For what lives only as long as a job; made if it is not there. */
  readonly directory: string
}

/** Opens the media tools of one worker. Their child processes start when first needed; `close` ends them. */
export async function openMediaTools({
  limits,
  processes,
  exiftoolDeadlineMs,
  directory,
}: MediaToolsOptions): Promise<MediaTools> {
  await mkdir(directory, { recursive: true })
  const exiftool = openExiftool({
    maxProcs: processes,
    ...(exiftoolDeadlineMs === undefined ? {} : { deadlineMs: exiftoolDeadlineMs }),
  })
  const pool = openDecoders(processes)
  return {
    facts: (path, type) => readFacts({ exiftool, limits }, path, type),
    ...createRenderer({ pool, exiftool, limits, directory }),
    ...createPlayable(limits),
    ...createCleaner({ exiftool }),
    extractMotion,
    async close() {
      await Promise.all([pool.close(), exiftool.end()])
    },
  }
}
