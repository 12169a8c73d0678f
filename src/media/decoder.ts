import { z } from 'zod'
import { readHeif } from './heif.ts'
import { profileOf } from './icc.ts'
import { brightness, renderImage } from './render-image.ts'
import { serveJobs } from './process-pool.ts'

/** A job for the child process in which pictures are decoded. */
export const DecoderJob = z.object({
  kind: z.enum(['image', 'avif', 'heic', 'brightness']),
  source: z.string(),
  directory: z.string(),
  maxPixels: z.number(),
  orientation: z.number().optional(),
})
export type DecoderJob = z.infer<typeof DecoderJob>

serveJobs(async (message) => {
  const { kind, source, directory, maxPixels, orientation } = DecoderJob.parse(message)
  if (kind === 'brightness') return brightness(source, maxPixels)
  const options = { directory, maxPixels, ...(orientation === undefined ? {} : { orientation }) }
  if (kind === 'image') return renderImage(source, options)
  // libvips converts by ICC profiles, not by code points.
  if (kind === 'avif') return renderImage(source, { ...options, profile: await codePointProfile(source) })
  // Loaded with the first HEIC only: its WebAssembly heap costs every child 40 MB.
  const { withDecodedHeic } = await import('./decode-heic.ts')
  return withDecodedHeic(source, maxPixels, ({ data, raw, profile }) =>
    renderImage({ data, raw }, { ...options, profile }),
  )
})

async function codePointProfile(source: string): Promise<Buffer | null> {
  const picture = await readHeif(source)
  return picture && picture.icc === null ? profileOf(picture) : null
}
