import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { z } from 'zod'

/** Real camera files next to the project; tests use them where they are. */
const folder = fileURLToPath(new URL('../../../shared/samples/', import.meta.url))

const Manifest = z.array(
  z.object({ file: z.string(), expect: z.record(z.string(), z.union([z.string(), z.number()])) }),
)

export interface Sample {
  readonly file: string
  readonly path: string
  readonly expect: Readonly<Record<string, string | number>>
}

/** The samples, or none where the folder is not there. */
export function samples(): Sample[] {
  const manifest = path.join(folder, 'MANIFEST.json')
  if (!existsSync(manifest)) return []
  return Manifest.parse(JSON.parse(readFileSync(manifest, 'utf8')))
    .map(({ file, expect }) => ({ file, expect, path: path.join(folder, file) }))
    .filter((sample) => existsSync(sample.path))
}
