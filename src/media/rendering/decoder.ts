import { z } from 'zod'
import { composeCard } from './card.ts'
import { readHeif } from '../formats/heif.ts'
import { profileOf } from '../formats/icc.ts'
import { brightness, renderImage } from './render-image.ts'
import { serveJobs } from '../tools/process-pool.ts'

/** A job for the child process in which pictures are decoded. */
export const DecoderJob = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['image', 'avif', 'heic']),
    source: z.string(),
    directory: z.string(),
    maxPixels: z.number(),
    orientation: z.number().optional(),
  }),
  z.object({ kind: z.literal('brightness'), source: z.string(), maxPixels: z.number() }),
  z.object({ kind: z.literal('card'), pictures: z.array(z.string()), output: z.string() }),
])
export type DecoderJob = z.infer<typeof DecoderJob>

serveJobs(async (message) => {
  const job = DecoderJob.parse(message)
  if (job.kind === 'brightness') return brightness(job.source, job.maxPixels)
  if (job.kind === 'card') {
    await composeCard(job.pictures, job.output)
    return null
  }
  const { kind, source, directory, maxPixels, orientation } = job
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
