import { z } from 'zod'
import { serveJobs } from '../../src/media/tools/process-pool.ts'
import { MediaError } from '../../src/media/types.ts'

/** A child of the pool that does what decoders do at their worst. */
const Job = z.object({
  do: z.enum(['answer', 'hang', 'swell', 'crash', 'killed', 'refuse', 'lie', 'environment', 'keep']),
})
const kept: Buffer[] = []

serveJobs(async (message) => {
  const job = Job.parse(message).do
  if (job === 'hang') for (;;);
  if (job === 'swell') {
    for (;;) {
      kept.push(Buffer.alloc(20_000_000, 1))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  if (job === 'keep') kept.push(Buffer.alloc(150_000_000, 1))
  if (job === 'crash') process.kill(process.pid, 'SIGSEGV')
  if (job === 'killed') process.kill(process.pid, 'SIGKILL')
  if (job === 'refuse') throw new MediaError('too-long', 'no')
  if (job === 'lie') process.send?.({ ok: 'perhaps' })
  if (job === 'environment') return Object.keys(process.env)
  return process.pid
})
