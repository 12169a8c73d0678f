import { Router } from 'express'
import type { WebContext } from './context.ts'

/** A dependency that has not answered after this long is not there, in milliseconds. */
const patience = 2000

/** For operators: alive, ready. Neither tells anything about shares. */
export function operators({ ports, stopping }: WebContext): Router {
  const router = Router()

  router.get('/healthz', (_req, res) => void res.type('text/plain').send('alive\n'))

  router.get('/readyz', async (_req, res) => {
    const checks = await Promise.allSettled([inTime(ports.store.check()), inTime(ports.bucket.check())])
    const [store, bucket] = checks.map(({ status }) => status === 'fulfilled')
    const isReady = store === true && bucket === true && !stopping.isStopping
    res.status(isReady ? 200 : 503).json({ ready: isReady, store, bucket, stopping: stopping.isStopping })
  })

  return router
}

async function inTime(check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patience)
  })
  try {
    await Promise.race([check, late])
  } finally {
    clearTimeout(timer)
  }
}
