import { readFile } from 'node:fs/promises'
import { z } from 'zod'

/** What the header of every packed data file holds: each section's beginning (from the header's end) and length, in bytes. */
export const sectionsHeader = z.object({
  sections: z.record(z.string(), z.tuple([z.number().int(), z.number().int()])),
})

/** A packed data file, opened. */
export interface Sections<Header> {
  readonly header: Header
  /** The bytes of a section. Throws where the file has none of that name. */
  readonly section: (name: string) => ArrayBuffer
}

/**
 * Opens a file made by `writeSections` of script/sections.mjs: uint32 LE length of the header, the header as
 * JSON, the sections. Throws where the file is missing or is something else.
 */
export async function openSections<Header extends z.infer<typeof sectionsHeader>>(
  path: string,
  schema: z.ZodType<Header>,
): Promise<Sections<Header>> {
  const file = await readFile(path)
  const start = 4 + file.readUInt32LE(0)
  const header = schema.parse(JSON.parse(file.toString('utf8', 4, start)))
  return {
    header,
    section(name) {
      const place = header.sections[name]
      if (!place) throw new Error(`${path} has no section ${name}`)
      const from = file.byteOffset + start + place[0]
      // A copy of its own, for typed arrays over it must be aligned.
      return file.buffer.slice(from, from + place[1])
    },
  }
}
