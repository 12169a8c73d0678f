import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exiftoolPath } from 'exiftool-vendored'
import { expect, it } from 'vitest'
import { isFileBlamed } from '../../src/media/tools/blame.ts'

/** What exiftool says where the machine or the caller is at fault, not the file. */
const ofMachine = new Set(['Error opening file', 'No file specified'])

/** Every text with which exiftool refuses a file, as its own sources spell it. */
async function exiftoolErrors(): Promise<string[]> {
  const lib = join(dirname(String(await exiftoolPath())), 'lib', 'Image')
  const found = new Set<string>()
  for (const name of await readdir(lib, { recursive: true })) {
    if (!name.endsWith('.pm')) continue
    const source = await readFile(join(lib, name), 'latin1')
    for (const [, , text] of source.matchAll(/->Error\(\s*(['"])([^'"\n]+)\1/g)) found.add(text ?? '')
  }
  return [...found]
}

it('each refusal that exiftool knows is blamed on the file or on the machine, as it says', async () => {
  const errors = await exiftoolErrors()
  expect(errors.length).toBeGreaterThan(40)
  expect(errors.filter((text) => !isFileBlamed(text)).sort()).toEqual([...ofMachine].sort())
})
