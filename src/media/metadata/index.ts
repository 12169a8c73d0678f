import type { Exiftool } from '../tools/exiftool.ts'
import { inspectFile } from './inspect.ts'
import type { MediaTools } from '../types.ts'
import { cleanFile } from './clean.ts'

/** The part of the media tools that takes metadata out of files, and tells what they hold. */
export function createCleaner(options: {
  readonly exiftool: Exiftool
}): Pick<MediaTools, 'clean' | 'inspect'> {
  const { exiftool } = options
  return {
    clean: (path, type, policy, output) => cleanFile(exiftool, path, type, policy, output),
    inspect: (path) => inspectFile(exiftool, path),
  }
}
