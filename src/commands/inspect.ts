import { openExiftool } from '../media/tools/exiftool.ts'
import { createCleaner } from '../media/metadata/index.ts'
import { MediaError } from '../media/types.ts'

const usage = `usage: mayfly inspect FILE

Prints what location and personal data FILE holds, a line each: kind, place, value.
Exit status: 0 nothing found, 1 something found, 2 it could not be read.`

/** `mayfly inspect FILE`. Returns the exit status. */
export async function runInspect(args: string[]): Promise<number> {
  const [file, ...rest] = args
  if (file === undefined || rest.length > 0 || file.startsWith('-')) {
    console.error(usage)
    return 2
  }
  const exiftool = openExiftool({ maxProcs: 1 })
  try {
    const findings = await createCleaner({ exiftool }).inspect(file)
    for (const { kind, where, value } of findings) console.log(`${kind}\t${where}\t${value}`)
    if (findings.length === 0) console.log('no location and no personal data found')
    return findings.length === 0 ? 0 : 1
  } catch (error) {
    console.error(`mayfly inspect: ${wordsFor(error)}`)
    return 2
  } finally {
    await exiftool.end()
  }
}

/** What went wrong, in a line. Anything that is neither the file's fault nor the system's is a bug, and thrown. */
export function wordsFor(error: unknown): string {
  if (error instanceof MediaError) return error.message
  if (error instanceof Error && 'code' in error) return error.message
  throw error
}
