import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a packed data file, as src/media/sections.ts reads it: uint32 LE length of the header, the header as JSON
 * with `sections: { name: [from, length] }` (bytes, from the header's end), then the sections. A file that is there is
 * replaced in one step. `sections`: name → typed array, little endian.
 */
export async function writeSections(target, header, sections) {
  const placed = {}
  const bodies = []
  let from = 0
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(sections)) {
    placed[name] = [from, byteLength]
    bodies.push(Buffer.from(buffer, byteOffset, byteLength))
    from += byteLength
  }
  const text = Buffer.from(JSON.stringify({ ...header, sections: placed }))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  await mkdir(dirname(target), { recursive: true })
  const temporary = `${target}.${process.pid}`
  await writeFile(temporary, Buffer.concat([length, text, ...bodies]))
  await rename(temporary, target)
}
