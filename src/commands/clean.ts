import { parseArgs } from 'node:util'
import { openExiftool } from '../media/tools/exiftool.ts'
import { typeOf } from '../media/metadata/inspect.ts'
import { createCleaner } from '../media/metadata/index.ts'
import { wordsFor } from './inspect.ts'

const usage = `usage: mayfly clean FILE --metadata no-location|none -o OUT

Writes FILE to OUT without its location (no-location) or without any personal metadata (none), pixels and streams
unchanged, and checks it as the worker does.
Exit status: 0 OUT is clean, 1 the file would be withheld and OUT was not written, 2 it could not be read.`

interface CleanArguments {
  readonly file: string
  readonly policy: 'no-location' | 'none'
  readonly output: string
}

/** `mayfly clean FILE --metadata no-location -o OUT`. Returns the exit status. */
export async function runClean(args: string[]): Promise<number> {
  const parsed = parse(args)
  if (!parsed) {
    console.error(usage)
    return 2
  }
  const exiftool = openExiftool({ maxProcs: 1 })
  try {
    const type = await typeOf(parsed.file)
    const cleaned = await createCleaner({ exiftool }).clean(parsed.file, type, parsed.policy, parsed.output)
    if (cleaned.state === 'withheld') {
      console.error(`withheld: ${cleaned.reason}`)
      return 1
    }
    console.log(cleaned.lost.length === 0 ? 'clean' : `clean; lost besides: ${cleaned.lost.join(', ')}`)
    return 0
  } catch (error) {
    console.error(`mayfly clean: ${wordsFor(error)}`)
    return 2
  } finally {
    await exiftool.end()
  }
}

function parse(args: string[]): CleanArguments | null {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { metadata: { type: 'string' }, output: { type: 'string', short: 'o' } },
    })
    const [file, ...rest] = positionals
    const { metadata: policy, output } = values
    if (file === undefined || rest.length > 0 || output === undefined) return null
    return policy === 'no-location' || policy === 'none' ? { file, policy, output } : null
  } catch {
    // parseArgs throws for options that it does not know.
    return null
  }
}
