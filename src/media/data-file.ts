import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = fileURLToPath(import.meta.url)

/**
 * The path of a data file that `script/build-<name>.mjs` makes. A build has it in `dist/data`; when the sources
 * run as they are (tests, development) it is made once for each version of the script, under `node_modules/.cache`.
 */
export async function dataFile(name: 'places' | 'map'): Promise<string> {
  const isBuilt = here.endsWith('.js')
  if (isBuilt) return join(dirname(here), '..', '..', 'data', `${name}.bin`)
  const root = join(dirname(here), '..', '..')
  const script = join(root, 'script', `build-${name}.mjs`)
  const sources = [script, join(root, 'script', 'sections.mjs')].map((source) => readFile(source))
  const made = createHash('sha256').update(Buffer.concat(await Promise.all(sources)))
  const version = made.digest('hex').slice(0, 12)
  const directory = join(root, 'node_modules', '.cache', 'mayfly')
  const file = join(directory, `${name}-${version}.bin`)
  if (existsSync(file)) return file
  await mkdir(directory, { recursive: true })
  // The script renames what it has made into place, so that two at once do no harm.
  await promisify(execFile)(process.execPath, [script, file], { timeout: 120_000 })
  return file
}
