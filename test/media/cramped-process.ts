import { createInterface } from 'node:readline'
import { openExiftool } from '../../src/media/tools/exiftool.ts'
import { openProcessPool } from '../../src/media/tools/process-pool.ts'
import { runTool } from '../../src/media/tools/run-tool.ts'
import { fileFaultOf } from '../../src/media/types.ts'

/**
 * Uses each kind of child process once for every line on its stdin, and prints what came of it as JSON. The test sets the
 * limits that it runs under.
 */
const file = process.argv[2] ?? ''
const pool = openProcessPool({
  entry: new URL('misbehaving-child.ts', import.meta.url),
  processes: 1,
  maxBytes: 5e8,
  recycleBytes: 1,
})
const exiftool = openExiftool({ maxProcs: 1 })

const uses = {
  decoder: () => pool.run({ do: 'answer' }, { deadlineMs: 60_000 }),
  exiftool: () => exiftool.read(file, ['-FileSize']),
  ffprobe: () => runTool('ffprobe', ['-version'], { deadlineMs: 60_000, maxOutputBytes: 1e6 }),
}

const outcomes = async (): Promise<object> => {
  const entries = Object.entries(uses).map(async ([name, use]) => {
    const outcome = await use().then(
      () => 'fine',
      (error: unknown) => fileFaultOf(error) ?? `no fault of the file: ${String(error)}`,
    )
    return [name, outcome] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

const print = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)
print({ started: true })
for await (const line of createInterface({ input: process.stdin })) if (line !== '') print(await outcomes())
await Promise.all([pool.close(), exiftool.end()])
process.exit(0)
